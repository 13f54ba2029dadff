"""repid on Redis streams and on NATS, by its user guide: the worker is a program that runs the app.

Tuned: uvloop, hiredis, `batch_size` as many as may run at once, and the lean converter that is used
where pydantic is not installed. It keeps no results.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import nats
import uvloop
from nats.js.errors import BadRequestError
from repid import NatsServer, RedisServer, Repid, Router

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

URL = os.environ["PEER_URL"]
CHANNEL = "jobs"

ON_NATS = URL.startswith("nats")
app = Repid()
server = NatsServer(URL) if ON_NATS else RedisServer(URL, batch_size=100)
app.servers.register_server("default", server, is_default=True)
router = Router(channel=CHANNEL)


@router.actor
async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@router.actor
async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@router.actor
async def rest(number: int) -> None:
    """Wait."""
    await jobs.rest()


app.include_router(router)


async def declare() -> None:
    """Make the stream, which repid expects to be there."""
    if ON_NATS:
        client = await nats.connect(URL)
        with suppress(BadRequestError):  # a worker and a producer began at the same time
            await client.jetstream().add_stream(name=CHANNEL, subjects=[CHANNEL])
        await client.close()


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        payload = {"number": number}
        await app.send_message_json(channel=CHANNEL, payload=payload, headers={"topic": job})

    await declare()
    async with server.connection():
        yield Entrance(one)


async def work() -> None:
    """Run a worker."""
    await declare()
    async with server.connection():
        await app.run_worker(tasks_limit=100)


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        uvloop.run(work())
    else:
        main(entrance)
