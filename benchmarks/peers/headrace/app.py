"""Headrace itself, by the command that anybody would use, results off as for the others."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main
from headrace import Queue

queue = Queue(os.environ["PEER_URL"], result_ttl=0)


@queue.task
async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@queue.task
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@queue.task
async def rest(number: int) -> None:
    """Wait."""
    await jobs.rest()


TASKS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        await queue.enqueue(TASKS[job], number)

    async def many(job: str, numbers: Sequence[int]) -> None:
        task = TASKS[job]
        await queue.enqueue_many(task.call(number) for number in numbers)

    async with queue:
        yield Entrance(one, many)


if __name__ == "__main__":
    main(entrance)
