"""What type checkers must see. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, assert_type

from headrace import (
    AsyncTask,
    Call,
    CurrentJob,
    JobHandle,
    JobInfo,
    JobState,
    Priority,
    Queue,
    RetryPolicy,
    Task,
    ThreadTask,
    current_job,
)
from headrace.letter import DeadLetter
from headrace.testing import Enqueued, Harness

queue = Queue("memory://")


@queue.task
async def send(to: str, subject: str = "hi", *, html: bool = False) -> int:
    return len(to)


@queue.task(retry=RetryPolicy(attempts=5), timeout=timedelta(seconds=30), concurrency=4)
async def count(number: int) -> list[int]:
    return [number]


@queue.task
def thumbnail(path: str, width: int = 800) -> str:
    return path


@queue.task(timeout=5)
def plain() -> None: ...


@queue.cron("*/5 * * * *", timezone="Europe/Berlin")
async def sweep() -> None: ...


@queue.every(60, misfire="skip")
@queue.task(timeout=5)
def report(deep: bool = False) -> bytes:
    return b""


class Report(Task[[str], int]):
    """Tasks can be named in annotations."""


async def enqueueing() -> None:
    assert_type(await queue.enqueue(send, "a@b.c", "hi", html=True), JobHandle[int])
    assert_type(await queue.enqueue(count, 5), JobHandle[list[int]])
    assert_type(await queue.enqueue(thumbnail, "x", width=3), JobHandle[str])
    assert_type(await queue.enqueue(sweep), JobHandle[None])
    assert_type(await queue.enqueue(report, deep=True), JobHandle[bytes])
    assert_type(await queue.enqueue("send", 1, x=2), JobHandle[Any])
    assert_type(await queue.enqueue(send.options(delay=60), "a@b.c"), JobHandle[int])
    assert_type(send.options(priority=Priority.HIGH).options(unique="x").call("a"), Call[int])
    assert_type(await queue.enqueue_many(send.call(to) for to in ["a"]), list[JobHandle[int]])

    await queue.enqueue(send)  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(send, 1)  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(send, "a", html=1)  # type: ignore[arg-type] # pyright: ignore
    await queue.enqueue(send, "a", nope=1)  # type: ignore[call-arg] # pyright: ignore
    await queue.enqueue(count, "5")  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(thumbnail, "x", "y")  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(sweep, 1)  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(5)  # type: ignore[call-overload] # pyright: ignore
    await queue.enqueue(send.options(delay=1), 5)  # type: ignore[call-overload] # pyright: ignore
    send.call(5)  # type: ignore[arg-type] # pyright: ignore
    send.options(delay=1).call()  # type: ignore[call-arg] # pyright: ignore
    send.options(dealy=1)  # type: ignore[call-arg] # pyright: ignore
    send.options(priority="high")  # type: ignore[arg-type] # pyright: ignore
    queue.task(delay=5)  # type: ignore[call-overload] # pyright: ignore


async def calling_directly() -> None:
    coroutine: Coroutine[Any, Any, int] = send("a")
    assert_type(await coroutine, int)
    assert_type(await send("a", html=True), int)
    assert_type(thumbnail("x"), str)
    assert_type(report(), bytes)
    await send(5)  # type: ignore[arg-type] # pyright: ignore
    thumbnail()  # type: ignore[call-arg] # pyright: ignore


async def results(job: JobHandle[int]) -> None:
    assert_type(await job.result(timeout=10), int)
    assert_type(await job.status(), JobState)
    assert_type(await job.info(), JobInfo | None)
    assert_type(await job.cancel(), bool)
    assert_type(queue.job("42"), JobHandle[Any])
    async for dead in queue.dead_letters():
        assert_type(dead, DeadLetter)


async def testing(harness: Harness) -> None:
    assert_type(await harness.run_job(send, "a", html=True), int)
    assert_type(await harness.run_job(thumbnail, "x"), str)
    assert_type(await harness.run_job(send.call("a"), attempt=2, middleware=False), int)
    assert_type(harness.assert_enqueued(send), Enqueued)
    assert_type(harness.assert_enqueued(send.options(delay=1), "a"), Enqueued)
    assert_type(harness.assert_enqueued("send", 5), Enqueued)
    await harness.run_job(send, 5)  # type: ignore[call-overload] # pyright: ignore
    await harness.run_job(send.call("a"), 5)  # type: ignore[call-overload] # pyright: ignore
    harness.assert_enqueued(send, 5)  # type: ignore[call-overload] # pyright: ignore


def kinds() -> None:
    wide: Task[..., object] = send
    job: JobHandle[object] = JobHandle[int](queue.broker, "q", "42", int)
    assert_type(current_job(), CurrentJob)
    del wide, job
    narrow: AsyncTask[[int], list[int]] = count
    thread: ThreadTask[[], None] = plain
    del narrow, thread
