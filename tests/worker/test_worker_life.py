"""A worker on the memory broker: how it starts, stops and lives with trouble."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Any, ClassVar

import pytest

from headrace import (
    AuthFailed,
    ConfigMismatch,
    Ending,
    InvalidOption,
    InvalidTask,
    JobState,
    MemoryBroker,
    OutcomeUnknown,
    Overloaded,
    Queue,
    Unavailable,
    Worker,
)
from headrace.job import Lease, NewJob
from headrace.testing import FaultyBroker, ManualClock
from tests.conftest import Working, records_of

# stopping


async def stopping(worker: Worker, clock: ManualClock) -> asyncio.Task[Ending]:
    running = asyncio.create_task(worker.run(signals=False))
    await clock.settle()
    return running


async def test_stopping_lets_running_jobs_finish_and_gives_the_rest_back(
    queue: Queue, clock: ManualClock
) -> None:
    @queue.task
    async def work(seconds: float) -> None:
        await clock.sleep(seconds)

    worker = Worker(queue, concurrency=3, prefetch=4, grace=10)
    running = await stopping(worker, clock)
    jobs = await queue.enqueue_many(work.call(seconds) for seconds in (2, 5, 99, 1, 1, 1, 1, 1))
    await clock.advance(1)
    assert worker.tally.claimed == 7
    worker.stop()
    await clock.settle()
    stats = await queue.stats()
    assert (stats.running, sum(stats.ready)) == (3, 5), "what has not started is ready at once"
    assert not worker.ready
    await clock.advance(9.8)
    assert not running.done()
    await clock.advance(0.4)
    assert await running is Ending.DRAINED
    assert [await job.status() for job in jobs[:3]] == ["succeeded", "succeeded", "queued"]
    assert (worker.tally.succeeded, worker.tally.released, worker.stuck) == (2, 5, 0)
    for lease in await queue.broker.claim("default", "next", 10, 0):
        assert (lease.attempt, lease.deliveries) == (0, 1), "a shutdown uses up nothing"


async def test_stopping_an_idle_worker_is_immediate(queue: Queue, clock: ManualClock) -> None:
    worker = Worker(queue)
    running = await stopping(worker, clock)
    assert worker.ready
    worker.stop()
    assert await running is Ending.DRAINED


async def test_stopping_twice_gives_running_jobs_back_at_once(
    queue: Queue, clock: ManualClock
) -> None:
    @queue.task
    async def long() -> None:
        await clock.sleep(3600)

    worker = Worker(queue, grace=60)
    running = await stopping(worker, clock)
    job = await queue.enqueue(long)
    await clock.advance(1)
    worker.stop()
    await clock.advance(1)
    assert not running.done()
    worker.stop()
    await clock.settle()
    assert await running is Ending.FORCED
    assert await job.status() is JobState.QUEUED


async def test_a_job_that_ignores_its_cancellation_is_given_back_too(
    queue: Queue, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    over = asyncio.Event()

    @queue.task
    async def deaf() -> str:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()
        return "at last"

    worker = Worker(queue, grace=1)
    running = await stopping(worker, clock)
    job = await queue.enqueue(deaf)
    await clock.advance(1)
    worker.stop()
    with caplog.at_level(logging.ERROR, "headrace"):
        await clock.advance(3)
        over.set()
        assert await running is Ending.FORCED
    assert (await job.status(), worker.stuck) == (JobState.QUEUED, 1)
    assert [r.getMessage() for r in records_of(caplog)] == ["jobs ignore their cancellation"]


async def test_a_thread_that_does_not_end_is_given_back(queue: Queue, clock: ManualClock) -> None:
    begun, gate = threading.Event(), threading.Event()

    @queue.task
    def stuck() -> None:
        begun.set()
        gate.wait()

    worker = Worker(queue, grace=1)
    running = await stopping(worker, clock)
    job = await queue.enqueue(stuck)
    while not begun.is_set():
        await asyncio.sleep(0)
    worker.stop()
    await clock.advance(2)
    assert await running is Ending.DRAINED
    assert (await job.status(), worker.stuck) == (JobState.QUEUED, 1)
    gate.set()
    while worker.stuck:
        await asyncio.sleep(0)


async def test_a_broker_that_is_gone_does_not_keep_the_worker(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """On the real clock, for the last wait is for a broker that may never answer."""
    faulty = FaultyBroker(MemoryBroker())
    async with Queue(faulty) as queue:
        done = asyncio.Event()

        @queue.task
        async def work() -> None:
            done.set()

        worker = Worker(queue, grace=1)
        running = asyncio.create_task(worker.run(signals=False))
        faulty.hold("settle")
        await queue.enqueue(work)
        await done.wait()
        worker.stop()
        with caplog.at_level(logging.ERROR, "headrace"):
            assert await running is Ending.DRAINED
        assert [r.getMessage() for r in records_of(caplog)] == ["outcomes could not be settled"]
        faulty.let_go("settle")
        while (await queue.stats()).running:
            await asyncio.sleep(0)


async def test_a_cancelled_worker_gives_everything_back(queue: Queue, clock: ManualClock) -> None:
    @queue.task
    async def long() -> None:
        await clock.sleep(3600)

    worker = Worker(queue, concurrency=1, prefetch=2)
    running = await stopping(worker, clock)
    await queue.enqueue_many(long.call() for _ in range(3))
    await clock.advance(1)
    running.cancel()
    await clock.advance(2)
    assert running.cancelled()
    stats = await queue.stats()
    assert (sum(stats.ready), stats.running) == (3, 0)


async def test_stopping_before_and_after_is_harmless(queue: Queue, clock: ManualClock) -> None:
    worker = Worker(queue)
    worker.stop()
    assert not worker.ready
    assert await worker.run(signals=False) is Ending.DRAINED
    worker.stop()
    assert await worker.run(signals=False) is Ending.DRAINED
    assert queue.broker.clock is clock


# starting


async def test_a_worker_opens_and_closes_its_queue(clock: ManualClock) -> None:
    queue = Queue("memory://")
    worker = Worker(queue)
    running = await stopping(worker, clock)
    await queue.enqueue("anything")
    worker.stop()
    await running
    with pytest.raises(Unavailable):
        await queue.stats()


async def test_a_worker_waits_for_its_broker(
    broker: MemoryBroker, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    faulty = FaultyBroker(broker)
    faulty.fail("open", Unavailable("down"), times=5)
    faulty.fail("declare", Overloaded("full"), times=2)
    queue = Queue(faulty)
    with caplog.at_level(logging.INFO, "headrace"):
        worker = Worker(queue)
        running = await stopping(worker, clock)
        assert not worker.ready
        await clock.advance(30)
        assert worker.ready
    messages = [record.getMessage() for record in records_of(caplog)]
    assert messages == [
        "broker trouble, trying again",
        "broker is well again",
        "worker is serving",
    ]
    worker.stop()
    assert await running is Ending.DRAINED


async def test_a_worker_tells_when_it_begins_to_serve(
    broker: MemoryBroker, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    faulty.fail("open", Unavailable("down"), times=5)
    worker, started = Worker(Queue(faulty)), list[bool]()
    running = asyncio.create_task(
        worker.run(signals=False, started=lambda: started.append(worker.ready))
    )
    await clock.settle()
    assert started == []
    await clock.advance(30)
    assert started == [True]
    worker.stop()
    assert await running is Ending.DRAINED
    assert started == [True]


async def test_a_worker_that_waits_for_its_broker_can_be_stopped(
    broker: MemoryBroker, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    faulty.fail("open", Unavailable("down"), times=10_000)
    worker = Worker(Queue(faulty))
    running = await stopping(worker, clock)
    await clock.advance(60)
    assert not running.done()
    worker.stop()
    assert await running is Ending.DRAINED


@pytest.mark.parametrize("error", [AuthFailed("no"), ConfigMismatch("other lease")])
async def test_a_broker_that_refuses_ends_the_worker(
    broker: MemoryBroker, error: Exception
) -> None:
    faulty = FaultyBroker(broker)
    faulty.fail("declare", error)
    with pytest.raises(type(error)):
        await Worker(Queue(faulty)).run(signals=False)


async def test_a_task_that_cannot_travel_ends_the_worker_at_the_start(queue: Queue) -> None:
    @queue.task
    async def bad(value: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821, UP037

    with pytest.raises(InvalidTask, match="Nowhere"):
        await Worker(queue).run(signals=False)


def test_a_worker_serves_something() -> None:
    with pytest.raises(InvalidOption, match="at least one queue"):
        Worker()
    with pytest.raises(InvalidOption):
        Worker(Queue("memory://"), concurrency=0)


def test_workers_have_names_of_their_own() -> None:
    queue = Queue("memory://")
    first, second = Worker(queue), Worker(queue)
    assert first.id != second.id
    assert repr(first) == f"<Worker {first.id}>"
    assert NewJob(id=first.id, body=b"").id
    from headrace.ids import is_valid_id

    assert is_valid_id(first.id)


# trouble


@pytest.mark.parametrize("error", [Unavailable("down"), ZeroDivisionError("a plug-in leaks")])
@pytest.mark.parametrize("verb", ["claim", "settle", "renew", "maintain"])
async def test_broker_trouble_does_not_end_a_worker(
    broker: MemoryBroker, working: Working, clock: ManualClock, verb: Any, error: Exception
) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:

        @queue.task
        async def work() -> str:
            await clock.sleep(5)
            return "done"

        async with working(queue) as worker:
            faulty.fail(verb, error, times=8)
            job = await queue.enqueue(work)
            await clock.advance(60)
            assert await job.result() == "done"
            assert worker.ready


async def test_a_bug_in_the_executor_leaves_the_job_to_its_lease(
    queue: Queue,
    clock: ManualClock,
    working: Working,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @queue.task
    async def work() -> str:
        return "done"

    async def broken(run: object) -> None:
        raise ZeroDivisionError

    async with working(queue) as worker:
        executor = worker._sources[0].executor
        with monkeypatch.context() as patch:
            patch.setattr(executor, "execute", broken)
            job = await queue.enqueue(work)
            await clock.settle()
            assert worker._sources[0].held == set()
        await clock.advance(31)
        assert await job.result() == "done"
    [record] = records_of(caplog)
    assert record.getMessage() == "bug in the worker, job left to its lease"
    assert vars(record)["job_id"] == job.id


async def test_a_bug_in_a_service_is_not_hidden(
    queue: Queue, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    @queue.task
    async def long() -> None:
        await clock.sleep(3600)

    worker = Worker(queue)
    running = await stopping(worker, clock)
    job = await queue.enqueue(long)
    await clock.advance(1)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker._sources[0].heartbeat, "_stop_overdue", broken)
    await clock.advance(3)
    with pytest.raises(ExceptionGroup) as caught:
        await running
    assert caught.group_contains(ZeroDivisionError)
    assert await job.status() is JobState.QUEUED, "its jobs are given back all the same"


class AsksRecorder(FaultyBroker):
    """Remembers how many jobs were asked for."""

    asked: ClassVar[list[int]] = []

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        self.asked.append(limit)
        return await super().claim(queue, worker, limit, wait)


async def test_after_a_failed_claim_it_asks_for_fewer(
    broker: MemoryBroker, clock: ManualClock, working: Working
) -> None:
    recorder = AsksRecorder(broker)
    recorder.asked.clear()
    recorder.fail("claim", OutcomeUnknown("the reply was cut"), times=3)
    async with Queue(recorder) as queue, working(queue, concurrency=8, prefetch=0):
        await clock.advance(30.0)
    assert recorder.asked[:4] == [8, 4, 2, 1]
    assert recorder.asked[-1] == 8, "it grows again"


async def test_what_was_claimed_starts_before_more_is_asked_for(
    broker: MemoryBroker, clock: ManualClock, working: Working
) -> None:
    recorder = AsksRecorder(broker)
    recorder.asked.clear()
    asked: list[int] = []
    async with Queue(recorder) as queue:

        @queue.task
        async def look() -> None:
            asked.append(len(recorder.asked))

        async with working(queue, concurrency=8):
            await clock.settle()
            waiting = len(recorder.asked)
            for _ in range(3):
                await queue.enqueue(look)
            await clock.settle()
    assert asked[0] == waiting, "the claim that brought it was the last"
