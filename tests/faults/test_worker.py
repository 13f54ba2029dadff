"""What a worker promises about jobs, in real time on each kind of server.

The same promises are tested on the memory broker in `tests/worker`, on a clock that is moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headrace import (
    Ending,
    JobCancelled,
    JobFailed,
    JobState,
    Queue,
    Reject,
    ResultTimeout,
    RetryPolicy,
    Worker,
    current_job,
)
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from tests.asking import settled
from tests.faults.site import Site
from tests.ledger import Ledger
from tests.live import Held, Make, Working

LEASE = 1.5
PATIENCE = 20.0


@pytest.fixture
async def queue(site: Site, make: Make) -> AsyncIterator[Queue]:
    async with make(site.url, lease=LEASE) as opened:
        yield opened


@pytest.fixture
def held(queue: Queue, ledger: Ledger) -> Held:
    return Held(queue, ledger)


async def serving(worker: Worker) -> asyncio.Task[Ending]:
    """Run a worker that the test stops by itself."""
    started = asyncio.Event()
    running = asyncio.create_task(worker.run(signals=False, started=started.set))
    async with asyncio.timeout(PATIENCE):
        await started.wait()
    return running


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
        assert [await job.result(PATIENCE) for job in sums] == [1, 2, 3, 4, 5]
        assert await (await queue.enqueue(shout, "hi")).result(PATIENCE) == "HI"
    assert (worker.tally.claimed, worker.tally.succeeded) == (6, 6)


async def test_a_failing_job_is_retried_and_buried(queue: Queue, working: Working) -> None:
    starts: list[tuple[int, int]] = []

    @queue.task(retry=RetryPolicy(attempts=3, base=0.05, factor=3, jitter=0))
    async def fail() -> None:
        starts.append((current_job().attempt, current_job().deliveries))
        raise ValueError(f"attempt {current_job().attempt}")

    async with working(queue) as worker:
        job = await queue.enqueue(fail)
        with pytest.raises(JobFailed, match=r"attempts used up \(3\).*attempt 3"):
            await job.result(PATIENCE)
    assert starts == [(1, 1), (2, 1), (3, 1)]
    assert (worker.tally.retried, worker.tally.dead) == (2, 1)
    [letter] = [letter async for letter in queue.dead_letters()]
    assert letter.id == job.id


async def test_no_more_run_than_the_concurrency(
    queue: Queue, working: Working, held: Held, ledger: Ledger
) -> None:
    async with working(queue, concurrency=4, prefetch=0) as worker:
        jobs = await queue.enqueue_many(queue.tasks["held"].call(n) for n in range(20))
        await ledger.until(lambda: len(ledger.started) == 4)
        stats = await queue.stats()
        assert (stats.running, sum(stats.ready)) == (4, 16)
        held.go_on.set()
        assert [await job.result(PATIENCE) for job in jobs] == list(range(20))
        assert worker.tally.claimed == 20


async def test_queues_are_served_in_the_order_given(
    site: Site, name: str, working: Working
) -> None:
    done: list[str] = []
    queues = [Queue(site.url, name=f"{name}-{number}") for number in range(2)]
    async with queues[0], queues[1]:
        for queue in queues:

            @queue.task
            async def work() -> None:
                done.append(current_job().queue)

        for queue in reversed(queues):
            await queue.enqueue_many(queue.tasks["work"].call() for _ in range(3))
        worker = Worker(*queues, concurrency=1)
        running = await serving(worker)
        for queue in queues:
            await settled(queue)
        assert done == [queue.name for queue in queues for _ in range(3)]
        worker.stop()
        assert await running is Ending.DRAINED


async def test_a_queue_that_is_paused_hands_out_nothing(
    queue: Queue, working: Working, ledger: Ledger
) -> None:
    await queue.pause()
    async with working(queue):
        job = await queue.enqueue("work", 1)
        with pytest.raises(ResultTimeout):
            await job.result(LEASE)
        assert ledger.started[1] == 0
        assert (await queue.stats()).paused
        await queue.resume()
        assert await job.result(PATIENCE) == 1


async def test_an_unknown_task_waits_for_a_worker_that_knows_it(
    queue: Queue, working: Working
) -> None:
    job = await queue.enqueue("new", 1)
    async with working(queue) as old:
        while old.tally.claimed == 0:
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            while (await queue.stats()).delayed == 0:
                pass

    @queue.task
    async def new(number: int) -> tuple[int, int]:
        return number, current_job().attempt

    async with working(queue):
        assert await job.result(PATIENCE) == [1, 1]


# leases


async def test_a_long_job_runs_once(
    queue: Queue, working: Working, held: Held, ledger: Ledger
) -> None:
    """Three leases, with a second worker beside it that would take it."""
    clock = queue.broker.clock
    async with working(queue), working(queue):
        job = await queue.enqueue("held", 1)
        await ledger.until(lambda: ledger.started[1] == 1)
        await clock.sleep(3 * LEASE)
        held.go_on.set()
        assert await job.result(PATIENCE) == 1
    assert ledger.started[1] == 1


async def test_jobs_of_a_dead_worker_start_again(queue: Queue, working: Working) -> None:
    @queue.task
    async def counters() -> tuple[int, int]:
        return current_job().attempt, current_job().deliveries

    job = await queue.enqueue(counters)
    assert len(await queue.broker.claim(queue.name, "worker-that-dies", 1, PATIENCE)) == 1
    async with working(queue):
        assert await job.result(PATIENCE) == (1, 2)


async def test_a_job_that_kills_its_worker_is_buried_undecoded(
    queue: Queue, working: Working, ledger: Ledger
) -> None:
    job = await queue.enqueue("work", 1)
    for number in range(3):
        await queue.broker.maintain(queue.name, f"worker-{number}")
        assert len(await queue.broker.claim(queue.name, f"worker-{number}", 1, PATIENCE)) == 1
    async with working(queue) as worker:
        with pytest.raises(JobFailed, match="delivered 3 times without any outcome"):
            await job.result(PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while not worker.tally.dead:  # a result may show before the worker has its answer
                await asyncio.sleep(0)
        assert worker.tally.dead == 1
    [letter] = [letter async for letter in queue.dead_letters()]
    assert (letter.id, letter.attempt) == (job.id, 0)
    assert ledger.started[1] == 0


# cancelling


async def test_a_running_job_is_cancelled(queue: Queue, working: Working) -> None:
    started, cleaned = asyncio.Event(), list[str]()

    @queue.task
    async def long() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("up")

    async with working(queue) as worker:
        job = await queue.enqueue(long)
        await started.wait()
        assert await job.cancel()
        with pytest.raises(JobCancelled):
            await job.result(PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while not worker.tally.cancelled:
                await asyncio.sleep(0)
        assert (cleaned, worker.tally.cancelled) == (["up"], 1)


async def test_a_job_is_cancelled_in_the_backlog(
    queue: Queue, working: Working, held: Held, ledger: Ledger
) -> None:
    async with working(queue, concurrency=1, prefetch=1) as worker:
        first, second = [await queue.enqueue("held", number) for number in range(2)]
        while worker.tally.claimed < 2:
            await asyncio.sleep(0)
        assert await second.cancel()
        with pytest.raises(JobCancelled):
            await second.result(PATIENCE)
        held.go_on.set()
        assert await first.result(PATIENCE) == 0
    assert set(ledger.ended) == {0}


# stopping


async def test_stopping_lets_running_jobs_finish_and_gives_the_rest_back(
    queue: Queue, held: Held, ledger: Ledger
) -> None:
    worker = Worker(queue, concurrency=3, prefetch=4, grace=PATIENCE)
    running = await serving(worker)
    jobs = await queue.enqueue_many(queue.tasks["held"].call(number) for number in range(8))
    while worker.tally.claimed < 7:
        await asyncio.sleep(0)
    await ledger.until(lambda: len(ledger.started) == 3)
    worker.stop()
    # What has not started is ready while the others run. A broker may count a job twice that goes
    # from one to the other.
    async with asyncio.timeout(PATIENCE):
        while (sum((stats := await queue.stats()).ready), stats.running) != (5, 3):
            pass
    held.go_on.set()
    assert await running is Ending.DRAINED
    assert [await jobs[number].result(PATIENCE) for number in sorted(ledger.ended)]
    assert (worker.tally.succeeded, worker.tally.released) == (3, 4)
    leases: list[Lease] = []
    async with asyncio.timeout(PATIENCE):
        while len(leases) < 5:
            leases += await queue.broker.claim(queue.name, "next", 5 - len(leases), 1.0)
    assert {(lease.attempt, lease.deliveries) for lease in leases} == {(0, 1)}


async def test_stopping_twice_gives_running_jobs_back_at_once(queue: Queue, ledger: Ledger) -> None:
    Held(queue, ledger)
    worker = Worker(queue, grace=60)
    running = await serving(worker)
    job = await queue.enqueue("held", 1)
    await ledger.until(lambda: ledger.started[1] == 1)
    worker.stop()
    worker.stop()
    assert await running is Ending.FORCED
    assert await job.status() is JobState.QUEUED
    [lease] = await queue.broker.claim(queue.name, "next", 1, 1.0)
    assert (lease.attempt, lease.deliveries) == (0, 1), "a shutdown uses up nothing"


async def test_a_cancelled_worker_gives_everything_back(queue: Queue, ledger: Ledger) -> None:
    Held(queue, ledger)
    worker = Worker(queue, concurrency=1, prefetch=2)
    running = await serving(worker)
    await queue.enqueue_many(queue.tasks["held"].call(number) for number in range(3))
    while worker.tally.claimed < 3:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    stats = await queue.stats()
    assert (sum(stats.ready), stats.running) == (3, 0)


# hostile bytes


async def test_hostile_bodies_disturb_nobody(queue: Queue, working: Working) -> None:
    bodies = [b"", b"\xc1", b"\x00" * 100, b"\x91" * 100_000, b"\x90" * 500_000]

    @queue.task(retry=None)
    async def rejected() -> None:
        raise Reject("no")

    async with working(queue) as worker:
        before = await queue.enqueue("work", 1)
        hostile = [NewJob(id=f"hostile-{n}", body=body) for n, body in enumerate(bodies)]
        assert await queue.broker.enqueue(queue.name, hostile, batch=new_id()) == [None] * 5
        with pytest.raises(JobFailed):
            await (await queue.enqueue(rejected)).result(PATIENCE)
        after = await queue.enqueue("work", 2)
        assert (await before.result(PATIENCE), await after.result(PATIENCE)) == (1, 2)
        await settled(queue)
        async with asyncio.timeout(PATIENCE):
            while worker.tally.dead + worker.tally.succeeded < len(bodies) + 3:
                await asyncio.sleep(0)
        assert (worker.tally.dead, worker.tally.succeeded) == (len(bodies) + 1, 2)
    letters = {letter.id: letter async for letter in queue.dead_letters()}
    for number, body in enumerate(bodies):
        assert letters[f"hostile-{number}"].body == body
        assert letters[f"hostile-{number}"].reason
