"""What the event loop alone can do: a bound for every worker in Python."""

from __future__ import annotations

import asyncio

from headrace.bench.record import Variant
from headrace.clock import SystemClock


class EventLoopFloor:
    """An asyncio task under a semaphore for each job, and nothing else: no broker, no bytes.

    Args:
        jobs: How many.
    """

    def __init__(self, jobs: int = 100_000) -> None:
        self._jobs = jobs

    async def throughput(self, workload: str, variant: Variant) -> float | None:
        """Return the jobs a second for `drain`, `None` for all else."""
        if workload != "drain":
            return None
        return self._jobs / await run_alone(self._jobs, int(variant["concurrency"]))


async def run_alone(jobs: int, concurrency: int) -> float:
    """Return the seconds that so many tasks take, so many at a time."""
    slots, running = asyncio.Semaphore(concurrency), set[asyncio.Task[None]]()
    monotonic = SystemClock().monotonic

    async def work() -> None:
        slots.release()

    began = monotonic()
    for _ in range(jobs):
        await slots.acquire()
        task = asyncio.create_task(work())
        running.add(task)
        task.add_done_callback(running.discard)
    while running:
        await asyncio.wait(running)
    return monotonic() - began
