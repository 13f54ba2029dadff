"""One job, run by hand, sees what it would see on a worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from headrace import (
    CallNext,
    CurrentJob,
    InvalidArguments,
    JobFailed,
    NoCurrentJob,
    Queue,
    Reject,
    Retry,
    Snooze,
    UnknownTask,
    current_job,
)
from headrace.testing import Harness


@dataclass
class Point:
    x: int
    y: int


async def test_arguments_and_results_travel(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def swap(point: Point, pairs: tuple[int, ...] = ()) -> Point:
        assert isinstance(pairs, tuple)
        return Point(point.y, point.x)

    @headrace_queue.task
    async def untyped() -> Any:
        return (1, 2)

    point = Point(1, 2)
    swapped = await headrace_queue.run_job(swap, point, pairs=(1,))
    assert swapped == Point(2, 1)
    assert await headrace_queue.run_job(untyped) == [1, 2]
    assert headrace_queue.enqueued() == []
    with pytest.raises(InvalidArguments):
        await headrace_queue.run_job(swap.call(cast("Any", 3)))


async def test_the_job_is_there(headrace_queue: Harness) -> None:
    @headrace_queue.task(timeout=30, headers={"kind": "mail"})
    def look(number: int) -> list[Any]:
        job = current_job()
        assert job.deadline is not None
        return [job.id, job.attempt, job.deliveries, job.headers, job.queue, number]

    async with Harness(Queue(name="other")):
        pass
    special = look.options(job_id="mine", headers={"trace": "x"})
    found = await headrace_queue.run_job(special.call(7), attempt=4, deliveries=2)
    assert found == ["mine", 4, 2, {"trace": "x"}, "default", 7]
    assert (await headrace_queue.run_job(look, 7))[1:4] == [1, 1, {"kind": "mail"}]
    with pytest.raises(NoCurrentJob):
        current_job()


@pytest.mark.parametrize(
    "error", [ValueError("no"), Retry("later", after=3), Snooze(5), Reject("never"), SystemExit(3)]
)
async def test_what_it_raises_comes_out(headrace_queue: Harness, error: BaseException) -> None:
    @headrace_queue.task
    async def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await headrace_queue.run_job(fail)
    assert raised.value is error


async def test_a_result_that_cannot_travel_is_a_failure(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def lock() -> object:
        return asyncio.Lock()

    with pytest.raises(JobFailed, match="result cannot be encoded"):
        await headrace_queue.run_job(lock)
    assert isinstance(await headrace_queue.run_job(lock.options(result_ttl=0)), asyncio.Lock)


async def test_middleware_is_around_it_unless_it_is_not_wanted(headrace_queue: Harness) -> None:
    @headrace_queue.middleware
    async def twice(job: CurrentJob, call_next: CallNext) -> Any:
        return 2 * await call_next(job)

    @headrace_queue.task
    async def one() -> int:
        return 1

    assert await headrace_queue.run_job(one) == 2
    assert await headrace_queue.run_job(one.call(), middleware=False) == 1


async def test_its_timeout_is_in_virtual_time(headrace_queue: Harness) -> None:
    @headrace_queue.task(timeout=30)
    async def hang() -> None:
        await headrace_queue.clock.sleep(1000)

    running = asyncio.create_task(headrace_queue.run_job(hang))
    await headrace_queue.advance(29)
    assert not running.done()
    await headrace_queue.advance(1)
    with pytest.raises(TimeoutError, match="30 s"):
        await running


async def test_it_can_be_cancelled(headrace_queue: Harness) -> None:
    ended: list[str] = []

    @headrace_queue.task
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    running = asyncio.create_task(headrace_queue.run_job(hang))
    for _ in range(10):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["hang"]


async def test_it_enqueues_into_the_harness(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def child(number: int) -> None: ...

    @headrace_queue.task
    async def parent() -> None:
        await headrace_queue.enqueue(child, 1)

    await headrace_queue.run_job(parent)
    headrace_queue.assert_enqueued(child, 1)


async def test_a_stranger_is_refused(headrace_queue: Harness) -> None:
    stranger = Queue("memory://")

    @stranger.task
    async def work() -> None: ...

    for task in (work, headrace_queue.remote("work")):
        with pytest.raises(UnknownTask, match="no queue of this harness"):
            await headrace_queue.run_job(task)
