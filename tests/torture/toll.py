"""What a calamity costs: load before it, and a look at every job after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from headrace import Ending, JobHandle, JobState, Queue, Worker
from headrace.errors import BrokerError
from headrace.task import Task
from tests.torture.ledger import CLOCK

DRAIN = 60.0
"""Seconds in which everything must be over afterwards."""


class Toll(Struct):
    """What was said, and when.

    Attributes:
        accepted: When each job was accepted.
        ended: Jobs whose end was recorded.
        refused: How often jobs were refused.
        lost: Jobs that are unknown after the loss.
        undone: Jobs whose recorded end is.
        stuck: Jobs that did not come to an end afterwards.
        at: When it happened.
    """

    accepted: dict[str, float]
    ended: set[str]
    refused: int
    lost: list[str]
    undone: list[str]
    stuck: list[str]
    at: float

    @staticmethod
    def none() -> Toll:
        """Return that of what has not begun."""
        return Toll({}, set(), 0, [], [], [], 0.0)

    def violations(self, window: float) -> list[str]:
        """Return what was lost that must not have been.

        Args:
            window: Seconds before it happened of which all may be lost.
        """
        safe = self.at - window
        old = [job for job in self.lost if self.accepted[job] < safe]
        undone = [] if window else self.undone
        return [
            *(f"{job} is lost" for job in old),
            *(f"the end of {job} is undone" for job in undone),
            *(f"{job} is stuck" for job in self.stuck),
        ]

    def __str__(self) -> str:
        """Return its figures."""
        return (
            f"accepted {len(self.accepted)}  refused {self.refused}  lost {len(self.lost)}  "
            f"ended {len(self.ended)}  undone {len(self.undone)}  stuck {len(self.stuck)}"
        )


@asynccontextmanager
async def load(url: str, name: str, toll: Toll) -> AsyncGenerator[asyncio.Task[Ending]]:
    """Enqueue and run jobs for as long as a block lasts, and give it the worker."""
    queue = Queue(url, name=name, lease=5)
    work = queue.task(name="work")(_work)
    await queue.open()
    worker = asyncio.create_task(Worker(queue, concurrency=10).run(signals=False))
    producer = asyncio.create_task(_produce(queue, work, toll))
    try:
        yield worker
        if producer.done():
            producer.result()
    finally:
        for task in (producer, worker):
            task.cancel()
        await asyncio.gather(producer, worker, return_exceptions=True)
        with suppress(BrokerError):
            await queue.close()


async def _produce(queue: Queue, work: Task[[], str], toll: Toll) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            try:
                handles = await queue.enqueue_many(work.call() for _ in range(5))
            except BrokerError:
                toll.refused += 1
                continue
            toll.accepted |= {handle.id: CLOCK.monotonic() for handle in handles}
            for handle in handles[1:]:
                group.create_task(_follow(handle, toll))


async def _follow(handle: JobHandle[str], toll: Toll) -> None:
    while handle.id not in toll.ended:
        with suppress(BrokerError):
            await handle.result()
            toll.ended.add(handle.id)


async def _work() -> str:
    return "done"


async def look(url: str, name: str, toll: Toll) -> None:
    """Ask for every job, let a worker run what is left, and ask again."""
    async with Queue(url, name=name, lease=5) as queue:
        queue.task(name="work")(_work)
        states = {job: await queue.job(job).status() for job in toll.accepted}
        toll.lost = [job for job, state in states.items() if state is JobState.UNKNOWN]
        toll.undone = [job for job in toll.ended if states[job] is not JobState.SUCCEEDED]
        worker = Worker(queue, concurrency=10)
        running = asyncio.create_task(worker.run(signals=False))
        left = toll.accepted.keys() - set(toll.lost)
        until = CLOCK.monotonic() + DRAIN
        while left and CLOCK.monotonic() < until:
            left = {job for job in left if not (await queue.job(job).status()).final}
        toll.stuck = sorted(left)
        worker.stop()
        await running
