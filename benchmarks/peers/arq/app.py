"""arq, by its documentation (usage, "Custom job serializers", and the reference of `Worker`).

Tuned: uvloop, hiredis, MessagePack for jobs, `keep_result=0`, `log_results=False`, and the queue
read every 10 ms: between two looks at it nothing starts.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, ClassVar

import msgpack
import uvloop
from arq.connections import RedisSettings, create_pool

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

uvloop.install()

quiet = {"version": 1, "disable_existing_loggers": True}
server = RedisSettings.from_dsn(os.environ["PEER_URL"])
unpack = partial(msgpack.unpackb, raw=False)


async def noop(_: Any, number: int) -> None:
    """Count."""
    jobs.noop()


async def mark(_: Any, number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


async def rest(_: Any, number: int) -> None:
    """Wait."""
    await jobs.rest()


class WorkerSettings:
    """What the command reads."""

    functions: ClassVar[list[Any]] = [noop, mark, rest]
    redis_settings = server
    max_jobs = 100
    keep_result = 0
    log_results = False
    poll_delay = 0.01
    job_serializer = msgpack.packb
    job_deserializer = unpack


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""
    pool = await create_pool(server, job_serializer=msgpack.packb, job_deserializer=unpack)

    async def one(job: str, number: int) -> None:
        await pool.enqueue_job(job, number)

    yield Entrance(one)
    await pool.aclose()


if __name__ == "__main__":
    main(entrance)
