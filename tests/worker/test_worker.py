"""A worker on the memory broker, on a clock that is moved: what is promised about jobs."""

from __future__ import annotations

import asyncio
import logging

import pytest

from headrace import (
    JobCancelled,
    JobFailed,
    JobState,
    MemoryBroker,
    Queue,
    RetryPolicy,
    Unavailable,
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


async def test_a_job_that_lost_its_lease_while_others_kept_the_event_loop_does_not_begin(
    broker: MemoryBroker, working: Working, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    begun: list[str] = []
    async with Queue(faulty, lease=5) as queue:

        @queue.task
        async def block() -> None:
            begun.append("block")
            faulty.fail("renew", Unavailable("down"), times=3)
            clock.jump(100)  # as time.sleep(100) would

        @queue.task
        async def work() -> None:
            begun.append("work")

        async with working(queue, concurrency=2) as worker:
            await queue.enqueue_many([block.call(), work.call()])
            await clock.settle()
            assert begun == ["block"]
            assert worker.tally.claimed == 2
            await clock.advance(10)
            assert begun == ["block", "work"]
            assert worker.tally.succeeded == 2


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
