"""streaq, by its documentation (workers, "Configuring the worker", tasks).

Tuned: uvloop by way of `anyio_kwargs`, `silent=True`, `ttl=0`, which keeps no results.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from streaq import Worker

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

worker = Worker(
    redis_url=os.environ["PEER_URL"], concurrency=100, anyio_kwargs={"use_uvloop": True}
)


@worker.task(silent=True, ttl=0)
async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@worker.task(silent=True, ttl=0)
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@worker.task(silent=True, ttl=0)
async def rest(number: int) -> None:
    """Wait."""
    await jobs.rest()


TASKS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        await TASKS[job].enqueue(number)

    async def many(job: str, numbers: Sequence[int]) -> None:
        task = TASKS[job]
        await worker.enqueue_many([task.enqueue(number) for number in numbers])

    async with worker:
        yield Entrance(one, many)


if __name__ == "__main__":
    main(entrance)
