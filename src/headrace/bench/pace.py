"""Jobs offered at a fixed rate, whether or not anybody keeps up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from msgspec import Struct

from headrace.clock import SystemClock

T = TypeVar("T")

HEAD_START = 0.05
"""Seconds before the first job is due."""

_monotonic = SystemClock().monotonic


class Offered(Struct, Generic[T], frozen=True):
    """Jobs that were offered, by their numbers.

    Attributes:
        due: When each was to be sent, by the monotonic clock.
        sent: When it was.
        answers: What sending it returned.
    """

    due: list[float]
    sent: list[float]
    answers: list[T]


def schedule(began: float, load: float, jobs: int) -> list[float]:
    """Return when each job is due.

    Args:
        began: When the first one is due.
        load: Jobs a second.
        jobs: How many.
    """
    return [began + number / load for number in range(jobs)]


async def offer(
    load: float, jobs: int, send: Callable[[int], Coroutine[Any, Any, T]]
) -> Offered[T]:
    """Send jobs when they are due, each in a task of its own.

    Nothing waits for anything that was sent before: a broker that hesitates is still offered the
    next job on time. A latency counted from the due moments is so free of coordinated omission
    (Gil Tene, "How NOT to Measure Latency", 2013): it holds what the jobs behind a slow one waited.
    A cancelled call sends no more.

    Args:
        load: Jobs a second.
        jobs: How many.
        send: Sends the job of a number.

    Returns:
        What was offered, when all of it was answered.
    """
    loop, over = asyncio.get_running_loop(), threading.Event()
    due = schedule(_monotonic() + HEAD_START, load, jobs)
    sent: list[float] = []
    answers: list[asyncio.Task[T]] = []
    everything = asyncio.Event()

    def go(number: int) -> None:
        if not over.is_set():
            sent.append(_monotonic())
            answers.append(loop.create_task(send(number)))
            if number == jobs - 1:
                everything.set()

    def keep_pace() -> None:
        for number, moment in enumerate(due):
            if over.wait(max(0.0, moment - _monotonic())):
                return
            loop.call_soon_threadsafe(go, number)

    # The timers of an event loop are late by up to a millisecond, those of a thread by a tenth.
    pacemaker = threading.Thread(target=keep_pace, name="headrace-bench-pace", daemon=True)
    pacemaker.start()
    try:
        await everything.wait()
        return Offered(due, sent, list(await asyncio.gather(*answers)))
    finally:
        over.set()
        for answer in answers:
            answer.cancel()
        pacemaker.join()
