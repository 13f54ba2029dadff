"""ardiq, by its guides and its reference of options.

Tuned: 100 jobs at a time, which fetches 200 ahead, and `result_ttl_ms=0`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ardiq import Ardiq

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

app = Ardiq(redis_url=os.environ["PEER_URL"], concurrency=100, result_ttl_ms=0)


@app.task
async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@app.task
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@app.task
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
        await app.enqueue_many(task.prepare(number) for number in numbers)

    yield Entrance(one, many)


if __name__ == "__main__":
    main(entrance)
