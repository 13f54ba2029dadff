"""taskiq on Redis streams and on NATS JetStream, by its guides and those of its brokers.

Tuned: uvloop, which its worker takes where it is installed, hiredis, orjson for messages,
`--no-parse`, no backend for results, and 100 messages a read. On NATS the broker that pulls: with
the one to which the server pushes, producers take part in its group of workers.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from taskiq import AsyncBroker
from taskiq.serializers import ORJSONSerializer
from taskiq_nats import PullBasedJetStreamBroker
from taskiq_redis import RedisStreamBroker

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

URL = os.environ["PEER_URL"]


def _broker() -> AsyncBroker:
    if URL.startswith("nats"):
        return PullBasedJetStreamBroker(URL, pull_consume_batch=100, pull_consume_timeout=1.0)
    return RedisStreamBroker(URL, xread_count=100, consumer_id="0")


broker = _broker().with_serializer(ORJSONSerializer())


@broker.task
async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@broker.task
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@broker.task
async def rest(number: int) -> None:
    """Wait."""
    await jobs.rest()


TASKS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        await TASKS[job].kiq(number)

    await broker.startup()
    yield Entrance(one)
    await broker.shutdown()


if __name__ == "__main__":
    # The worker imports this file as `app`, and calls tasks by that name.
    from app import entrance as imported

    main(imported)
