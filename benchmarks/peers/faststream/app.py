"""FastStream on Redis streams and on NATS JetStream, by its guides to both.

Tuned: uvloop, which its command takes where it is installed, hiredis, orjson likewise,
`apply_types=False`, 100 messages a read, quiet logs. It keeps no results.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats
from faststream import FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.redis import RedisBroker, StreamSub
from nats.js.errors import BadRequestError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

URL = os.environ["PEER_URL"]
GROUP = "workers"
JOBS = ("noop", "mark", "rest")

ON_NATS = URL.startswith("nats")
stream = JStream("jobs")
kind = NatsBroker if ON_NATS else RedisBroker
broker = kind(URL, apply_types=False, logger=None)
app = FastStream(broker, logger=None)


def subscriber(name: str) -> Callable[..., Any]:
    """Return what makes a function the one for a name."""
    if ON_NATS:
        pull = PullSub(batch_size=100)
        return broker.subscriber(
            name, stream=stream, pull_sub=pull, durable=f"{GROUP}-{name}", max_workers=100
        )
    source = StreamSub(name, group=GROUP, consumer=str(os.getpid()), max_records=100)
    return broker.subscriber(stream=source, max_workers=100)


@subscriber("noop")
async def noop(_: int) -> None:
    """Count."""
    jobs.noop()


@subscriber("mark")
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@subscriber("rest")
async def rest(_: int) -> None:
    """Wait."""
    await jobs.rest()


async def declare() -> None:
    """Make what workers make too, for those that come before them."""
    if ON_NATS:
        client = await nats.connect(URL)
        with suppress(BadRequestError):
            await client.jetstream().add_stream(name="jobs", subjects=list(JOBS))
        await client.close()
        return
    async with Redis.from_url(URL) as client:
        for name in JOBS:
            with suppress(ResponseError):
                await client.xgroup_create(name, GROUP, id="0", mkstream=True)


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        if ON_NATS:
            await broker.publish(number, job, stream="jobs")
        else:
            await broker.publish(number, stream=job)

    await declare()
    await broker.connect()
    yield Entrance(one)
    await broker.stop()


if __name__ == "__main__":
    main(entrance)
