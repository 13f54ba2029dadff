"""The tasks that the workers of `benchmarks.bench` run."""

from __future__ import annotations

import time

from headrace import Queue

queue = Queue()  # the URL comes from $HEADRACE_URL


@queue.task(result_ttl=0)
async def noop(number: int) -> None:
    """Do nothing, and keep nothing."""


@queue.task
async def kept(number: int) -> int:
    """Do nothing, and keep the result."""
    return number


@queue.task
async def started() -> float:
    """Say when it started, by the clock that all processes of a machine share."""
    return time.monotonic()
