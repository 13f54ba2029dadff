"""A queue in a harness behaves as on a server, in no time."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from headrace import (
    InvalidTask,
    JobFailed,
    JobState,
    OutcomeUnknown,
    Queue,
    QueueClosed,
    ResultTimeout,
    RetryPolicy,
    Snooze,
    current_job,
)
from headrace.testing import Harness
from headrace.testing import stage as stage_module

# draining


async def test_jobs_wait_until_the_test_lets_them_run(headrace_queue: Harness) -> None:
    done: list[int] = []

    @headrace_queue.task
    async def work(number: int) -> int:
        done.append(number)
        return number

    jobs = [await headrace_queue.enqueue(work, number) for number in range(3)]
    await headrace_queue.enqueue(work.options(delay=10), 3)
    assert done == []
    assert await headrace_queue.drain() == 3
    assert done == [0, 1, 2]
    assert [await job.result() for job in jobs] == [0, 1, 2]
    assert (await headrace_queue.stats()).delayed == 1
    await headrace_queue.enqueue(work, 4)
    assert done == [0, 1, 2]


async def test_what_jobs_enqueue_is_drained_too(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def countdown(number: int) -> None:
        if number:
            await headrace_queue.enqueue(countdown, number - 1)

    await headrace_queue.enqueue(countdown, 9)
    assert await headrace_queue.drain() == 10


async def test_draining_can_wait_for_what_is_delayed(headrace_queue: Harness) -> None:
    started: list[float] = []

    @headrace_queue.every(3600)
    async def tick() -> None: ...

    @headrace_queue.task(retry=RetryPolicy(attempts=3, base=60, factor=2, jitter=0))
    async def flaky() -> int:
        started.append(headrace_queue.clock.monotonic())
        if current_job().attempt < 3:
            raise ConnectionError
        return 1

    job = await headrace_queue.enqueue(flaky.options(delay=5))
    assert await headrace_queue.drain(delayed=True) == 3
    assert started == pytest.approx([5, 65, 185])
    assert await job.result() == 1


async def test_a_paused_queue_is_drained_of_nothing(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def work() -> None: ...

    await headrace_queue.enqueue(work)
    await headrace_queue.pause()
    assert await headrace_queue.drain(delayed=True) == 0
    await headrace_queue.resume()
    assert await headrace_queue.drain() == 1


async def test_plain_functions_are_waited_for(headrace_queue: Harness) -> None:
    """Their threads take real time, in which none passes for anybody else."""
    threads: set[int] = set()
    barrier = threading.Barrier(2)

    @headrace_queue.task(timeout=1)
    def work() -> None:
        barrier.wait(20)
        threads.add(threading.get_ident())

    @headrace_queue.task
    async def later() -> int:
        return len(threads)

    await headrace_queue.enqueue_many(work.call() for _ in range(2))
    job = await headrace_queue.enqueue(later.options(delay=3600))
    assert await headrace_queue.advance(3600) == 3
    assert await job.result() == 2
    assert threading.get_ident() not in threads


async def test_jobs_wait_for_each_other(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def child() -> int:
        return 1

    @headrace_queue.task
    async def parent() -> int:
        return 1 + await (await headrace_queue.enqueue(child.options(delay=60))).result(timeout=90)

    job = await headrace_queue.enqueue(parent)
    assert await headrace_queue.drain() == 0
    assert await headrace_queue.advance(60) == 2
    assert await job.result() == 2


async def test_jobs_that_never_end_are_noticed(
    headrace_queue: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "MOST_RUNS", 50)
    monkeypatch.setattr(stage_module, "MOST_STEPS", 50)

    @headrace_queue.task
    async def again(seconds: float) -> None:
        raise Snooze(seconds)

    job = await headrace_queue.enqueue(again, 60)
    with pytest.raises(RuntimeError, match="do they ever end"):
        await headrace_queue.drain(delayed=True)
    await job.cancel()
    await headrace_queue.enqueue(again, 0)
    with pytest.raises(RuntimeError, match="no end of them"):
        await headrace_queue.drain()


async def test_a_job_that_takes_too_long_is_named() -> None:
    async with Harness(patience=0.05) as queue:

        @queue.task
        async def hang() -> None:
            await asyncio.Event().wait()

        job = await queue.enqueue(hang)
        for delayed in (False, True):
            with pytest.raises(TimeoutError, match=rf"hang \({job.id}\): not over after 0\.05 s"):
                await queue.drain(delayed=delayed)
        await job.cancel()
        await queue.advance(5)
        assert await job.status() is JobState.CANCELLED


# time


async def test_retries_and_delays_have_their_moments(headrace_queue: Harness) -> None:
    started: list[float] = []

    @headrace_queue.task(retry=RetryPolicy(attempts=3, base=10, factor=3, jitter=0))
    async def fail() -> None:
        started.append(headrace_queue.clock.monotonic())
        raise ConnectionError("down")

    job = await headrace_queue.enqueue(fail.options(delay=timedelta(minutes=1)))
    assert await headrace_queue.advance(59) == 0
    assert await headrace_queue.advance(1) == 1
    assert await headrace_queue.advance(10) == 1
    assert await headrace_queue.advance(timedelta(seconds=29)) == 0
    assert await headrace_queue.advance(1) == 1
    assert started == pytest.approx([60, 70, 100])
    with pytest.raises(JobFailed, match=r"attempts used up \(3\).*down"):
        await job.result()


@pytest.mark.parametrize("minutes", [5, 60])
async def test_a_schedule_fires_all_day(headrace_queue: Harness, minutes: int) -> None:
    fired: list[datetime] = []

    @headrace_queue.cron(f"*/{minutes} * * * *" if minutes < 60 else "0 * * * *")
    async def sweep() -> None:
        fired.append(datetime.fromtimestamp(headrace_queue.clock.time(), UTC))

    assert await headrace_queue.advance(7 * minutes * 60) == 7
    assert all(moment.minute % minutes == 0 and moment.second == 0 for moment in fired)
    assert {after - before for before, after in pairwise(fired)} == {timedelta(minutes=minutes)}
    assert await headrace_queue.advance(timedelta(days=1)) == 24 * 60 // minutes
    assert headrace_queue.enqueued() == []


async def test_a_year_takes_no_time(headrace_queue: Harness) -> None:
    """The worker's own timers, three each second, are not stopped at while it has no job."""

    @headrace_queue.cron("0 0 1 * *")
    async def monthly() -> None: ...

    assert await headrace_queue.advance(timedelta(days=365)) == 12
    calls = headrace_queue.faults.calls
    assert calls["maintain"] < 2000


async def test_the_clock_can_begin_anywhere() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    async with Harness(start=start) as queue:

        @queue.task
        async def greet() -> str:
            return datetime.fromtimestamp(queue.clock.time(), UTC).isoformat()

        job = await queue.enqueue(greet.options(at=start + timedelta(hours=2)))
        await queue.advance(7199)
        assert await job.status() is JobState.DELAYED
        await queue.advance(1)
        assert await job.result() == "2030-01-01T02:00:00+00:00"


async def test_a_job_may_sleep_by_the_clock_and_keeps_its_lease(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def slow() -> int:
        await headrace_queue.clock.sleep(300)
        return current_job().deliveries

    job = await headrace_queue.enqueue(slow)
    assert await headrace_queue.drain() == 0
    assert await job.status() is JobState.RUNNING
    assert await headrace_queue.advance(299) == 0
    assert await headrace_queue.advance(1) == 1
    assert await job.result() == 1


async def test_timeouts_are_in_virtual_time(headrace_queue: Harness) -> None:
    @headrace_queue.task(timeout=30, retry=None)
    async def hang() -> None:
        await headrace_queue.clock.sleep(1000)

    job = await headrace_queue.enqueue(hang)
    await headrace_queue.advance(29)
    assert await job.status() is JobState.RUNNING
    await headrace_queue.advance(1)
    with pytest.raises(JobFailed, match="timed out after 30 s"):
        await job.result()


async def test_time_passes_over_a_job_that_waits_for_the_test() -> None:
    go_on = asyncio.Event()
    async with Harness(patience=0.05) as queue:

        @queue.task(timeout=60)
        async def wait() -> float:
            await go_on.wait()
            return queue.clock.monotonic()

        job = await queue.enqueue(wait)
        await queue.advance(45)
        assert await job.status() is JobState.RUNNING
        go_on.set()
        await queue.drain()
        assert await job.result() == 45


# running beside the test


async def test_code_that_waits_for_results_finds_a_worker(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with headrace_queue.working():
        first = await headrace_queue.enqueue(add, 1, 2)
        assert await first.result(timeout=5) == 3
        second = await headrace_queue.enqueue(add.options(delay=60), 3, 4)
        await headrace_queue.advance(60)
        assert await second.result(timeout=5) == 7
    third = await headrace_queue.enqueue(add, 5, 6)
    for _ in range(100):
        await asyncio.sleep(0)
    assert await third.status() is JobState.QUEUED


async def test_a_wait_that_would_never_end_says_so() -> None:
    async with Harness(patience=0.05) as queue:

        @queue.task
        async def work() -> int:
            return 1

        job = await queue.enqueue(work)
        with pytest.raises(RuntimeError, match=rf"{job.id}, and nothing moved"):
            await job.result(timeout=10)


async def test_a_wait_ends_when_the_job_does_or_its_time_is_up(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def work() -> int:
        return 1

    job = await headrace_queue.enqueue(work.options(delay=30))
    early = asyncio.create_task(job.result(timeout=10))
    late = asyncio.create_task(job.result(timeout=timedelta(minutes=1)))
    await headrace_queue.advance(30)
    assert await late == 1
    with pytest.raises(ResultTimeout):
        await early


async def test_faults_can_be_asked_for(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def work() -> None: ...

    headrace_queue.faults.fail("settle", OutcomeUnknown("lost"), times=3)
    job = await headrace_queue.enqueue(work)
    assert await headrace_queue.drain() == 0
    assert await job.status() is JobState.RUNNING
    assert await headrace_queue.advance(5) == 1
    assert await job.status() is JobState.SUCCEEDED


async def test_a_worker_that_does_not_come_up_says_why(headrace_queue: Harness) -> None:
    class Local: ...

    @headrace_queue.task
    async def work(number: Local) -> None: ...

    for _ in range(2):
        with pytest.raises(InvalidTask, match="'Local' is not defined"):
            await headrace_queue.drain()


# the application's queues


@pytest.fixture
def away() -> Queue:
    """Return a queue on a broker that cannot be reached."""
    from headrace.testing import FaultyBroker

    return Queue(FaultyBroker(Queue("memory://").broker), name="away", lanes=2, lease=12)


async def test_the_queue_of_an_application_is_diverted_and_restored(away: Queue) -> None:
    @away.task
    async def work() -> str:
        return current_job().queue

    broker = away.broker
    async with Harness(away) as harness:
        assert (harness.name, harness.spec) == (away.name, away.spec)
        assert away.broker is harness.broker is harness.faults
        job = await away.enqueue(work)
        async with away:
            await harness.enqueue(work)
        await away.enqueue(work)
        assert await harness.drain() == 3
        assert await job.result() == "away"
    assert away.broker is broker
    with pytest.raises(QueueClosed):
        await away.enqueue(work)
    with pytest.raises(QueueClosed):
        await harness.enqueue(work)


async def test_an_open_queue_stays_where_it_is(away: Queue) -> None:
    async with away:
        with pytest.raises(QueueClosed, match="is open"):
            await Harness(away).open()


async def test_when_one_queue_is_open_none_is_diverted(away: Queue) -> None:
    other = Queue("memory://", name="other")
    broker = other.broker
    async with away:
        with pytest.raises(QueueClosed, match="is open"):
            await Harness(other, away).open()
    assert other.broker is broker


async def test_a_url_comes_back(headrace_queue: Harness) -> None:
    queue = Queue("memory://", name="other")
    async with Harness(queue):
        assert queue.url is None
    assert queue.url == "memory://"
    await headrace_queue.drain()


async def test_several_queues_share_time_and_a_worker(away: Queue) -> None:
    other = Queue("memory://", name="other")

    @away.task
    async def first() -> None:
        await other.enqueue(second.options(delay=60))

    @other.task
    async def second() -> float:
        return harness.clock.monotonic()

    async with Harness(away, other) as harness:
        await away.enqueue(first)
        assert await harness.drain() == 1
        assert harness.assert_enqueued(second).queue == "other"
        assert await harness.drain(delayed=True) == 1


async def test_it_may_be_opened_again_within(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def work() -> None: ...

    async with headrace_queue as same:
        assert same is headrace_queue
        await headrace_queue.enqueue(work)
    assert await headrace_queue.drain() == 1
    with headrace_queue:
        assert await headrace_queue.drain() == 0


# where there is no event loop


def test_a_test_needs_no_event_loop(away: Queue) -> None:
    @away.task
    async def work(number: int) -> int:
        return number

    async def application() -> None:
        async with away:
            await away.enqueue(work, 1)

    with Harness(away) as harness:
        for runs in (1, 2):
            asyncio.run(application())
            assert len(harness.enqueued(work)) == runs
            assert asyncio.run(harness.drain()) == 1


def test_it_is_driven_in_one_event_loop_at_a_time() -> None:
    with Harness() as harness, asyncio.Runner() as one, asyncio.Runner() as other:

        @harness.task
        async def hang() -> None:
            await harness.clock.sleep(1000)

        one.run(harness.enqueue(hang))
        one.run(harness.drain())
        with pytest.raises(RuntimeError, match="another event loop"):
            other.run(harness.drain())
        one.run(harness.stop())
        assert other.run(harness.advance(1000)) == 1


def test_what_runs_is_ended_in_its_event_loop(headrace_queue: Harness) -> None:
    ended: list[str] = []

    @headrace_queue.task
    async def hang() -> None:
        try:
            await headrace_queue.clock.sleep(1000)
        finally:
            ended.append("hang")

    with asyncio.Runner() as runner:
        with Harness(headrace_queue) as harness:
            runner.run(harness.enqueue(hang))
            runner.run(harness.drain())
        assert ended == []
    assert ended == ["hang"]
