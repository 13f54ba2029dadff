"""dramatiq on Redis, by its user guide: jobs are plain functions in 100 threads of one process.

Tuned: hiredis and quiet logs. It keeps no results unless it is asked to. It has no asyncio side to
enqueue from, so calls are not gathered.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

broker = RedisBroker(url=os.environ["PEER_URL"])
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@dramatiq.actor
def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@dramatiq.actor
def rest(number: int) -> None:
    """Wait."""
    jobs.rest_in_thread()


ACTORS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        ACTORS[job].send(number)

    yield Entrance(one)
    broker.close()


if __name__ == "__main__":
    main(entrance)
