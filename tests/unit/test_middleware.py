from __future__ import annotations

from typing import Any

import pytest

from headrace import CallNext, CurrentJob
from headrace.middleware import Middleware, compose

JOB = CurrentJob("42", "send", "default", 1, 1, 7, None, {}, 0)


def layer(name: str, seen: list[str]) -> Middleware:
    async def around(job: CurrentJob, call_next: CallNext) -> Any:
        seen.append(f"{name} in {job.id}")
        try:
            return await call_next(job)
        finally:
            seen.append(f"{name} out")

    return around


async def test_the_first_layer_is_the_outermost() -> None:
    seen: list[str] = []

    async def innermost(job: CurrentJob) -> str:
        seen.append(f"task {job.id}")
        return "value"

    call = compose([layer("a", seen), layer("b", seen)], innermost)
    assert await call(JOB) == "value"
    assert seen == ["a in 42", "b in 42", "task 42", "b out", "a out"]


async def test_an_exception_passes_through_the_layers() -> None:
    seen: list[str] = []

    async def innermost(job: CurrentJob) -> None:
        raise ValueError(job.id)

    with pytest.raises(ValueError, match="42"):
        await compose([layer("a", seen)], innermost)(JOB)
    assert seen == ["a in 42", "a out"]


async def test_a_layer_may_change_the_value_or_leave_the_task_out() -> None:
    async def doubled(job: CurrentJob, call_next: CallNext) -> int:
        value: int = await call_next(job)
        return 2 * value

    async def answered(job: CurrentJob, call_next: CallNext) -> int:
        return 5

    async def innermost(job: CurrentJob) -> int:
        raise AssertionError

    assert await compose([doubled, answered], innermost)(JOB) == 10


async def test_without_layers_the_task_is_called() -> None:
    async def innermost(job: CurrentJob) -> str:
        return job.id

    assert await compose([], innermost)(JOB) == "42"
