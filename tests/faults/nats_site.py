"""A NATS server, and how it is broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from nats.js.errors import APIError

from headrace import Queue
from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown
from tests.faults.site import Sign, Site
from tests.servers import NatsServer, nats_server

FILLING = 512_000
"""Bytes of a message that is there only to take up room."""

STORED = b'"seq":'
"""What the server says of each message that it stored."""


def binary() -> Path:
    """Return the server, or skip the test visibly."""
    found = nats_server()
    if found is None:
        pytest.skip("there is no nats-server here")
    return found


def stream_of(queue: Queue) -> str:
    return f"headrace_{queue.name}"


def consumer_of(lane: int) -> str:
    return f"lane-{lane}"


async def delete_everything(jetstream: Any, _: Queue) -> None:
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(stream.config.name)


async def delete_stream(jetstream: Any, queue: Queue) -> None:
    await jetstream.delete_stream(stream_of(queue))


async def delete_consumers(jetstream: Any, queue: Queue) -> None:
    for lane in range(queue.spec.lanes):
        await jetstream.delete_consumer(stream_of(queue), consumer_of(lane))


async def delete_consumer(jetstream: Any, queue: Queue) -> None:
    await jetstream.delete_consumer(stream_of(queue), consumer_of(1))


def names(root: str) -> list[bytes]:
    """Return subjects of each kind, those that jobs have and those that none has."""
    subjects = ["r.0.planted", "d.0.delayed", "x.0.dead", "s.0.over", "r.9.nowhere", "zz.0.over"]
    subjects += ["c.planted", "h.planted", "x.a.b.c", "s.999.over", "d.x.y", f"k.{'0' * 32}"]
    odd = [b"r.0.*", b"r.0.\xff\xfe", b"r.1.%b" % ("ä" * 40).encode(), b"x.0.\xff", b"d.1.\xff"]
    return [f"{root}.".encode() + tail for tail in [*map(str.encode, subjects), *odd]]


def packed(subject: bytes, head: bytes, data: bytes) -> bytes:
    """Return a message as it is written to the server."""
    size = b"%d %d" % (len(head), len(head) + len(data))
    return b"HPUB %b %b\r\n%b%b\r\n" % (subject, size, head, data)


HEADS = (
    b"NATS/1.0\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\n\r\n",
    b"NATS/1.0\r\nStatus: 408\r\nNats-Subject: a\r\nNats-Sequence: x\r\n\r\n",
    b"NATS/1.0\r\n\xff\xfe: \xff\r\nno colon\r\n\r\n",
)
"""Headers that say something else than the message is, or nothing that can be read."""


DAMAGES: dict[str, Callable[[Any, Queue], Awaitable[None]]] = {
    "everything": delete_everything,
    "stream": delete_stream,
    "consumers": delete_consumers,
    "consumer": delete_consumer,
}


class NatsSite(Site):
    """One NATS server that keeps streams in files."""

    scheme = "nats"
    multiplexed = True
    durable: ClassVar[Mapping[str, Any]] = {}
    signs: ClassVar[Mapping[str, Sign]] = {
        "enqueue": Sign(reply=STORED),
        "claim": Sign(),
        "settle": Sign(reply=STORED),
    }
    lost_claim = 2.0
    patience = 1.0
    counts_at_once = False
    aside = 0.5
    connects_again = False
    knocks = 5
    cut_settlements: ClassVar[list[type[BrokerError]]] = [OutcomeUnknown, OutcomeUnknown]
    locked: ClassVar[Mapping[str, Any]] = {
        "authorization": {"user": "headrace", "password": "secret"}
    }

    def __init__(self, folder: Path, **options: Any) -> None:
        self.node = NatsServer(binary(), folder, **options)
        self.server = self.node

    def url_with(self, password: str) -> str:
        return self.url.replace("//", f"//headrace:{password}@")

    def start(self) -> None:
        self.node.start()

    def connections(self) -> int:
        taken: int = self.node.ask("varz")["total_connections"]
        return taken

    async def plant(self, queue: Queue, data: bytes) -> None:
        root = f"headrace.{queue.name}"
        async with self.node.client() as client:
            for subject in names(root):
                for head in HEADS:
                    await client._send_command(packed(subject, head, data))
            await client._flush_pending(force_flush=True)
            await client.flush()

    async def damage(self, what: str, queue: Queue) -> None:
        async with self.node.client() as client:
            await DAMAGES[what](client.jetstream(), queue)

    async def drop_jobs(self, queue: Queue) -> None:
        await self.damage("stream", queue)

    async def drop_lane(self, queue: Queue, lane: int) -> None:
        async with self.node.client() as client:
            await client.jetstream().delete_consumer(stream_of(queue), consumer_of(lane))

    @asynccontextmanager
    async def full(self) -> AsyncGenerator[None]:
        async with self.node.client() as client:
            jetstream = client.jetstream()
            await jetstream.add_stream(name="filler", subjects=["filler"])
            try:
                with suppress(APIError):
                    while True:
                        await jetstream.publish("filler", bytes(FILLING))
                yield
            finally:
                await jetstream.delete_stream("filler")

    @asynccontextmanager
    async def refusal(self, why: str) -> AsyncGenerator[type[BrokerError]]:
        """Ask those that are connected for a password too."""
        assert why == "authorization"
        await asyncio.to_thread(self.node.reload, **self.locked)
        try:
            yield AuthFailed
        finally:
            await asyncio.to_thread(self.node.reload, authorization=None)
