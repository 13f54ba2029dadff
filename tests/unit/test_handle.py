from __future__ import annotations

import asyncio

import pytest

from headrace import (
    InvalidResult,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobHandle,
    JobNotFound,
    JobState,
    MemoryBroker,
    Queue,
    ResultTimeout,
    Unavailable,
)
from headrace.codec import Failure, encode
from headrace.job import Lease
from headrace.outcome import Dead, Done
from headrace.testing import ManualClock


@pytest.fixture
async def job(queue: Queue) -> JobHandle[int]:
    @queue.task
    async def add(a: int, b: int) -> int:
        return a + b

    return await queue.enqueue(add, 1, 2)


async def claimed(broker: MemoryBroker) -> Lease:
    [lease] = await broker.claim("default", "worker", 1, 0)
    return lease


async def test_a_result_that_is_there(broker: MemoryBroker, job: JobHandle[int]) -> None:
    await broker.settle([Done(await claimed(broker), encode(3), 60)])
    assert await job.result() == 3
    assert await job.result(timeout=0) == 3


async def test_a_result_that_comes(
    broker: MemoryBroker, job: JobHandle[int], clock: ManualClock
) -> None:
    waiting = [asyncio.create_task(job.result(timeout=300)) for _ in range(3)]
    await clock.advance(200)
    assert not any(task.done() for task in waiting)
    await broker.settle([Done(await claimed(broker), encode(3), 60)])
    assert await asyncio.gather(*waiting) == [3, 3, 3]


async def test_a_wait_without_an_end(
    broker: MemoryBroker, job: JobHandle[int], clock: ManualClock
) -> None:
    waiting = asyncio.create_task(job.result())
    await clock.advance(3600)
    assert not waiting.done()
    await broker.settle([Done(await claimed(broker), encode(3), 60)])
    assert await waiting == 3


async def test_a_wait_that_ends_first(job: JobHandle[int], clock: ManualClock) -> None:
    waiting = asyncio.create_task(job.result(timeout=5))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    with pytest.raises(ResultTimeout, match=job.id):
        await waiting
    assert await job.status() is JobState.QUEUED
    with pytest.raises(TimeoutError):
        await job.result(timeout=0)


async def test_a_dead_job_tells_why(broker: MemoryBroker, job: JobHandle[int]) -> None:
    failure = Failure("attempts used up (3)", "ValueError", "bad", "Traceback")
    await broker.settle([Dead(await claimed(broker), failure.reason, b"", 3, encode(failure), 60)])
    with pytest.raises(JobFailed) as caught:
        await job.result()
    error = caught.value
    assert (error.job_id, error.reason, error.error) == (job.id, failure.reason, "ValueError")
    assert (error.message, error.traceback) == ("bad", "Traceback")


async def test_a_dead_job_whose_failure_was_not_kept(
    broker: MemoryBroker, job: JobHandle[int]
) -> None:
    await broker.settle([Dead(await claimed(broker), "why", b"", 3)])
    with pytest.raises(JobFailed, match="no reason is kept"):
        await job.result()


async def test_a_cancelled_job(job: JobHandle[int]) -> None:
    assert await job.cancel() is True
    assert await job.cancel() is False
    assert await job.status() is JobState.CANCELLED
    with pytest.raises(JobCancelled):
        await job.result()


async def test_an_expired_job(broker: MemoryBroker, job: JobHandle[int]) -> None:
    await broker.settle([Done(await claimed(broker), None, 60, JobState.EXPIRED)])
    with pytest.raises(JobExpired):
        await job.result()


async def test_a_job_that_nobody_knows(queue: Queue, clock: ManualClock) -> None:
    job = queue.job("unknown")
    with pytest.raises(JobNotFound):
        await job.result(timeout=60)
    assert await job.status() is JobState.UNKNOWN
    assert await job.info() is None
    assert await job.cancel() is False


async def test_a_result_that_was_not_kept(broker: MemoryBroker, job: JobHandle[int]) -> None:
    waiting = asyncio.create_task(job.result())
    await asyncio.sleep(0)
    await broker.settle([Done(await claimed(broker))])
    with pytest.raises(JobNotFound, match="result_ttl"):
        await waiting


async def test_a_job_that_is_done_without_a_value(
    broker: MemoryBroker, job: JobHandle[int]
) -> None:
    await broker.settle([Done(await claimed(broker), None, 60)])
    with pytest.raises(JobNotFound):
        await job.result()


async def test_a_result_that_does_not_fit(broker: MemoryBroker, job: JobHandle[int]) -> None:
    await broker.settle([Done(await claimed(broker), encode("three"), 60)])
    with pytest.raises(InvalidResult, match="Expected `int`, got `str`"):
        await job.result()


async def test_what_the_broker_knows(broker: MemoryBroker, job: JobHandle[int]) -> None:
    info = await job.info()
    assert info is not None
    assert (info.id, info.state, info.attempt) == (job.id, JobState.QUEUED, 0)
    assert (await job.info()) is not None
    await claimed(broker)
    assert await job.status() is JobState.RUNNING


async def test_a_cancelled_wait_leaves_the_job_alone(
    broker: MemoryBroker, job: JobHandle[int], clock: ManualClock
) -> None:
    waiting = asyncio.create_task(job.result())
    await clock.settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    await broker.settle([Done(await claimed(broker), encode(3), 60)])
    assert await job.result() == 3


async def test_a_handle_outlives_its_queue(queue: Queue, job: JobHandle[int]) -> None:
    await queue.broker.close()
    with pytest.raises(Unavailable):
        await job.result()
    await queue.broker.open()
    assert await job.status() is JobState.QUEUED


def test_a_handle_shows_its_job(broker: MemoryBroker) -> None:
    assert repr(JobHandle(broker, "q", "42", int)) == "<JobHandle 42>"
    duplicate = JobHandle(broker, "q", "42", int, duplicate=True)
    assert repr(duplicate) == "<JobHandle 42 (duplicate)>"
