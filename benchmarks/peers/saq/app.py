"""SAQ, by its README and its guide to workers.

Tuned: uvloop, hiredis, orjson for jobs (`dump`, `load`), `max_concurrent_ops` as many as there are
calls under way, and `ttl=-1`, which keeps nothing of a job that has ended.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import uvloop
from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

uvloop.install()

queue = RedisQueue(
    Redis.from_url(os.environ["PEER_URL"]),
    dump=orjson.dumps,
    load=orjson.loads,
    max_concurrent_ops=100,
)


async def noop(_: Any, *, number: int) -> None:
    """Count."""
    jobs.noop()


async def mark(_: Any, *, number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


async def rest(_: Any, *, number: int) -> None:
    """Wait."""
    await jobs.rest()


settings = {"queue": queue, "functions": [noop, mark, rest], "concurrency": 100}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        await queue.enqueue(job, number=number, ttl=-1)

    await queue.connect()
    yield Entrance(one)
    await queue.disconnect()


if __name__ == "__main__":
    main(entrance)
