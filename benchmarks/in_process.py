"""What a job costs within one process: producer, memory broker and worker on one event loop.

    uv run python -m benchmarks.in_process

No-op jobs, concurrency 100, results off unless it says otherwise, uvloop. Each figure is the median
of several rounds with the least and the greatest beside it, in microseconds for each job.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import random
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from statistics import median

import uvloop

from headrace import Call, MemoryBroker, Queue, Worker
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from headrace.outcome import Done
from headrace.worker.attempt import prepare
from headrace.worker.executor import Executor
from headrace.worker.limits import TaskLimits
from headrace.worker.run import Run
from headrace.worker.threads import Threads

JOBS = 50_000
ROUNDS = 7
STAGE_JOBS = 5_000
CONCURRENCY = 100


async def noop(number: int) -> None:
    """Do nothing."""


async def drained(bulk: bool, result_ttl: float) -> tuple[float, float]:  # noqa: FBT001
    """Return the seconds to enqueue and those to the last settlement, the worker running beside."""
    queue = Queue("memory://", result_ttl=result_ttl)
    task = queue.task(noop)
    async with queue:
        worker = Worker(queue, concurrency=CONCURRENCY)
        running = asyncio.create_task(worker.run(signals=False))
        while not worker.ready:
            await asyncio.sleep(0)
        began = time.perf_counter()
        if bulk:
            await queue.enqueue_many(task.call(number) for number in range(JOBS))
        else:
            for start in range(0, JOBS, 1_000):
                numbers = range(start, start + 1_000)
                await asyncio.gather(*(queue.enqueue(task, number) for number in numbers))
        enqueued = time.perf_counter()
        while worker.tally.succeeded < JOBS:
            await asyncio.sleep(0)
        ended = time.perf_counter()
        worker.stop()
        await running
    return enqueued - began, ended - began


class Stages:
    """Each step of a job's way by itself, one job after the other."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.queue = Queue(self.broker, result_ttl=0)
        self.task = self.queue.task(noop)
        self.calls: list[Call[None]] = []
        self.jobs: list[NewJob] = []
        self.leases: list[Lease] = []

    async def run(self) -> dict[str, float]:
        """Return the microseconds of each step."""
        costs: dict[str, float] = {}

        async def timed(name: str, step: Callable[[], Awaitable[object]]) -> None:
            began = time.perf_counter()
            await step()
            costs[name] = (time.perf_counter() - began) / STAGE_JOBS * 1e6

        async with self.queue:
            await timed("check and encode the arguments", self._calls)
            await timed("envelope and id", self._drafts)
            await timed("store (batches of 500)", self._store)
            await timed("claim (100 at a time)", self._claim)
            await timed("decode and check", self._prepare)
            await timed("decode, check, run, judge", self._execute)
            await timed("an asyncio task around it", self._spawn)
            await timed("settle (batches of 100)", self._settle)
        return costs

    async def _calls(self) -> None:
        self.calls = [self.task.call(number) for number in range(STAGE_JOBS)]

    async def _drafts(self) -> None:
        options = self.task.effective
        self.jobs = [self.queue.draft(call, options, None) for call in self.calls]

    async def _store(self) -> None:
        for start in range(0, STAGE_JOBS, 500):
            await self.broker.enqueue("default", self.jobs[start : start + 500], batch=new_id())

    async def _claim(self) -> None:
        self.leases = []
        while leases := await self.broker.claim("default", "worker", CONCURRENCY, 0):
            self.leases += leases

    async def _prepare(self) -> None:
        for lease in self.leases:
            prepare(lease, self.queue, random.random())

    async def _execute(self) -> None:
        executor = self._executor()
        for lease in self.leases:
            await executor.execute(Run(lease))

    async def _spawn(self) -> None:
        async def nothing() -> None: ...

        for start in range(0, STAGE_JOBS, CONCURRENCY):
            names = [lease.id for lease in self.leases[start : start + CONCURRENCY]]
            await asyncio.wait([asyncio.create_task(nothing(), name=name) for name in names])

    async def _settle(self) -> None:
        for start in range(0, STAGE_JOBS, CONCURRENCY):
            leases = self.leases[start : start + CONCURRENCY]
            await self.broker.settle([Done(lease) for lease in leases])

    def _executor(self) -> Executor:
        async def arrived(_: object) -> bool:
            return True

        return Executor(self.queue, self.broker.clock, Threads(1), TaskLimits(1), arrived)


def show(name: str, values: list[float], rate: str = "") -> None:
    """Print a line."""
    spread = f"({min(values):.1f}-{max(values):.1f})"
    print(f"{name:38} {median(values):6.1f} {spread:>14}  {rate}")


def whole(name: str, bulk: bool, result_ttl: float) -> None:  # noqa: FBT001
    """Measure the whole way and print it."""
    rounds = [uvloop.run(drained(bulk, result_ttl)) for _ in range(ROUNDS)]
    totals = [total / JOBS * 1e6 for _, total in rounds]
    show(name, totals, f"{1e6 / median(totals):,.0f} jobs/s")


def main() -> None:
    """Print the report."""
    names = ("msgspec", "uvloop")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}")
    print(f"{JOBS:,} no-op jobs, concurrency {CONCURRENCY}, {ROUNDS} rounds; µs for each job\n")
    gc.freeze()
    whole("enqueue_many to settled", bulk=True, result_ttl=0)
    whole("gathered enqueue to settled", bulk=False, result_ttl=0)
    whole("gathered enqueue, results kept", bulk=False, result_ttl=600)
    print("\nEach step by itself:")
    stages = [uvloop.run(Stages().run()) for _ in range(ROUNDS)]
    for name in stages[0]:
        show(name, [costs[name] for costs in stages])


if __name__ == "__main__":
    main()
