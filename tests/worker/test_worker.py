"""A worker on the memory broker, on a clock that is moved: what is promised about jobs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Any

import pytest

from headrace import (
    AuthFailed,
    ConfigMismatch,
    Ending,
    InvalidOption,
    InvalidTask,
    JobCancelled,
    JobFailed,
    JobState,
    MemoryBroker,
    Overloaded,
    Queue,
    RetryPolicy,
    Unavailable,
    Worker,
    current_job,
)
from headrace.codec import encode
from headrace.job import NewJob
from headrace.testing import FaultyBroker, ManualClock
from tests.conftest import Working, records_of

# running jobs


async def test_jobs_run_and_results_come_back(queue: Queue, working: Working) -> None:
    @queue.task
    async def add(a: int, b: int) -> int:
        return a + b

    @queue.task
    def shout(text: str) -> str:
        return text.upper()

    async with working(queue) as worker:
        sums = [await queue.enqueue(add, number, 1) for number in range(5)]
        assert [await job.result() for job in sums] == [1, 2, 3, 4, 5]
        assert await (await queue.enqueue(shout, "hi")).result() == "HI"
    assert (worker.tally.claimed, worker.tally.succeeded) == (6, 6)


async def test_a_failing_job_is_retried_and_buried(
    queue: Queue, working: Working, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    starts: list[float] = []

    @queue.task(retry=RetryPolicy(attempts=3, base=10, factor=3, jitter=0))
    async def fail() -> None:
        starts.append(clock.monotonic())
        raise ValueError(f"attempt {current_job().attempt}")

    with caplog.at_level(logging.WARNING, "headrace"):
        async with working(queue) as worker:
            job = await queue.enqueue(fail)
            await clock.advance(100)
            with pytest.raises(JobFailed, match=r"attempts used up \(3\).*attempt 3"):
                await job.result()
    assert starts == pytest.approx([0, 10, 40], abs=0.01)
    assert (worker.tally.retried, worker.tally.dead) == (2, 1)
    told = [(r.getMessage(), vars(r)["task"], vars(r)["error_message"]) for r in records_of(caplog)]
    assert told == [
        ("attempt failed, job is tried again", "fail", "attempt 1"),
        ("attempt failed, job is tried again", "fail", "attempt 2"),
        ("job is dead", "fail", "attempt 3"),
    ]
    assert "ValueError: attempt 3" in vars(records_of(caplog)[-1])["traceback"]


async def test_no_more_run_than_the_concurrency(
    queue: Queue, working: Working, clock: ManualClock
) -> None:
    running, most = 0, 0

    @queue.task
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await clock.sleep(1)
        running -= 1

    async with working(queue, concurrency=4) as worker:
        await queue.enqueue_many(work.call() for _ in range(20))
        await clock.advance(0.5)
        stats = await queue.stats()
        assert (running, stats.running, sum(stats.ready)) == (4, 4, 16), "long jobs: no prefetch"
        await clock.advance(10)
        assert worker.tally.succeeded == 20
    assert most == 4


async def test_short_jobs_are_claimed_ahead(
    broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:

        @queue.task
        async def work() -> None: ...

        async with working(queue, concurrency=10) as worker:
            await queue.enqueue_many(work.call() for _ in range(2_000))
            while worker.tally.succeeded < 2_000:
                await clock.settle()
            claims = faulty.calls["claim"]
    assert claims < 2_000 / 5, "claims are batches"


async def test_a_fixed_prefetch_is_kept(queue: Queue, working: Working, clock: ManualClock) -> None:
    @queue.task
    async def work() -> None:
        await clock.sleep(1)

    async with working(queue, concurrency=2, prefetch=3):
        await queue.enqueue_many(work.call() for _ in range(20))
        await clock.settle()
        assert (await queue.stats()).running == 5
        await clock.advance(1.5)
        assert (await queue.stats()).running <= 5


async def test_a_broker_that_does_not_settle_stops_the_claims(
    broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:

        @queue.task
        async def work() -> None: ...

        async with working(queue, concurrency=50) as worker:
            faulty.hold("settle")
            await queue.enqueue_many(work.call() for _ in range(5_000))
            for _ in range(50):
                await clock.settle()
            assert worker.tally.claimed < 1_500
            faulty.let_go("settle")
            while worker.tally.succeeded < 5_000:
                await clock.settle()


async def test_queues_are_served_in_the_order_given(
    broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    done: list[str] = []
    async with Queue(broker, name="first") as first, Queue(broker, name="second") as second:
        for queue in (first, second):

            @queue.task
            async def work() -> None:
                done.append(current_job().queue)

        for queue in (second, first):
            await queue.enqueue_many(queue.tasks["work"].call() for _ in range(3))
        async with working(first, second, concurrency=1):
            while len(done) < 6:
                await clock.settle()
            assert done == ["first"] * 3 + ["second"] * 3
            await second.enqueue("work")
            await clock.settle()
            await first.enqueue("work")
            await clock.settle()
            assert done[6:] == ["second", "first"], "an idle worker wakes for either"


async def test_a_queue_in_trouble_does_not_stop_the_other(
    broker: MemoryBroker, clock: ManualClock, working: Working
) -> None:
    sick = FaultyBroker(MemoryBroker(clock=clock))
    async with Queue(sick, name="sick") as first, Queue(broker, name="sound") as second:
        second.task(name="work")(lambda: 5)
        sick.fail("claim", Unavailable("down"), times=1_000)
        async with working(first, second) as worker:
            await clock.advance(3)
            job = await second.enqueue("work")
            waiting = asyncio.create_task(job.result())
            while not waiting.done():
                await clock.advance(0.5)
            assert waiting.result() == 5
            assert not worker.ready


# leases


async def test_a_long_job_runs_once(queue: Queue, working: Working, clock: ManualClock) -> None:
    starts = 0

    @queue.task
    async def long() -> str:
        nonlocal starts
        starts += 1
        await clock.sleep(300)
        return "done"

    async with working(queue), working(queue):
        job = await queue.enqueue(long)
        await clock.advance(301)
        assert await job.result() == "done"
    assert starts == 1


async def test_jobs_of_a_dead_worker_start_again(
    queue: Queue, broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    @queue.task
    async def work() -> tuple[int, int]:
        return current_job().attempt, current_job().deliveries

    job = await queue.enqueue(work)
    await broker.claim("default", "worker-that-dies", 1, 0)
    async with working(queue):
        await clock.advance(29)
        assert await job.status() is JobState.RUNNING
        await clock.advance(2)
        assert await job.result() == (1, 2)


async def test_a_job_that_kills_its_worker_is_buried_undecoded(
    queue: Queue, broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    @queue.task
    async def work() -> None: ...

    job = await queue.enqueue(work)
    for number in range(3):
        assert len(await broker.claim("default", f"worker-{number}", 1, 0)) == 1
        await clock.advance(31)
    async with working(queue) as worker:
        await clock.advance(2)
        assert worker.tally.dead == 1
    [letter] = [letter async for letter in queue.dead_letters()]
    assert (letter.id, letter.attempt) == (job.id, 0)
    assert "delivered 3 times without any outcome" in letter.reason


async def test_a_blocked_event_loop_loses_nothing_that_nobody_took(
    queue: Queue, working: Working, clock: ManualClock
) -> None:
    starts = 0

    @queue.task
    async def blocking() -> str:
        nonlocal starts
        starts += 1
        clock.jump(100)  # as time.sleep(100) would
        await clock.sleep(5)
        return "done"

    async with working(queue):
        job = await queue.enqueue(blocking)
        await clock.settle()
        await clock.advance(10)
        assert await job.result() == "done"
    assert starts == 1


async def test_a_job_that_lost_its_lease_in_the_backlog_does_not_start(
    broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    started: list[int] = []
    async with Queue(faulty, lease=5) as queue:

        @queue.task
        async def work(number: int) -> None:
            started.append(number)
            await clock.sleep(20)

        async with working(queue, concurrency=1, prefetch=1) as worker:
            await queue.enqueue_many(work.call(number) for number in range(2))
            await clock.advance(0.1)
            assert worker.tally.claimed == 2
            faulty.fail("renew", Unavailable("down"), times=20)
            faulty.fail("claim", Unavailable("down"), times=20)
            await clock.advance(7)
            assert started == [0]
            assert worker.tally.lost >= 1


# cancelling


async def test_a_running_job_is_cancelled(
    queue: Queue, working: Working, clock: ManualClock
) -> None:
    cleaned: list[str] = []

    @queue.task
    async def long() -> None:
        try:
            await clock.sleep(3600)
        finally:
            cleaned.append("up")

    async with working(queue) as worker:
        job = await queue.enqueue(long)
        await clock.advance(1)
        assert await job.cancel()
        await clock.advance(5)
        with pytest.raises(JobCancelled):
            await job.result()
        assert (cleaned, worker.tally.cancelled) == (["up"], 1)


async def test_a_job_is_cancelled_in_the_backlog(
    queue: Queue, working: Working, clock: ManualClock
) -> None:
    started: list[int] = []

    @queue.task
    async def work(number: int) -> None:
        started.append(number)
        await clock.sleep(10)

    async with working(queue, concurrency=1, prefetch=1):
        first = await queue.enqueue(work, 0)
        second = await queue.enqueue(work, 1)
        await clock.advance(1)
        assert await second.cancel()
        await clock.advance(20)
        with pytest.raises(JobCancelled):
            await second.result()
        assert await first.status() is JobState.SUCCEEDED
    assert started == [0]


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


# hostile bytes


async def test_hostile_bodies_disturb_nobody(
    queue: Queue, broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    @queue.task
    async def good(number: int) -> int:
        return number

    bodies = [
        b"",
        b"\xc1",
        b"\x00" * 100,
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\x96\x01\xa4\xff\xff\xff\xff\x90\x80\x00\xc0",
        b"\x90" * 900_000,
        encode([1, "good", [], {"number": 1}, 0, None])[:-3],
        encode([2, "good", [], {}, 0]),
        encode([1, "good", ["one"], {}, 0, None]),
        encode([1, "good", [1, 2], {}, 0, None]),
        encode([1, "good", [], {"number": 1}, 0, {"retry": [0, 0, 0, 0, 0]}]),
        b"x" * (2 << 20),
    ]
    async with working(queue) as worker:
        before = await queue.enqueue(good, 1)
        hostile = [NewJob(id=f"hostile-{n}", body=body) for n, body in enumerate(bodies)]
        await broker.enqueue("default", hostile, batch="hostile")
        after = await queue.enqueue(good, 2)
        await clock.advance(2)
        assert (await before.result(), await after.result()) == (1, 2)
        assert (worker.tally.dead, worker.tally.succeeded) == (len(bodies), 2)
    letters = {letter.id: letter async for letter in queue.dead_letters()}
    for number, body in enumerate(bodies):
        assert letters[f"hostile-{number}"].body == body
        assert letters[f"hostile-{number}"].reason
