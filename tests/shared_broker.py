"""A broker outside the worker's event loop, for tests of what goes on while that is blocked.

The server is a broker in a thread of its own: a memory broker, or the one that
`$HEADRACE_TEST_URL` names, under a prefix of the test's own. Each client has faults of its own: see
`FaultyBroker`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from headrace.broker import Broker, Capability, Held, QueueSpec
from headrace.errors import Unavailable
from headrace.ids import new_id
from headrace.job import Lease
from headrace.memory import MemoryBroker
from headrace.plugins import broker_from_url
from headrace.testing import FaultyBroker
from headrace.testing.faults import Verb
from headrace.urls import split_url

T = TypeVar("T")

URL_VARIABLE = "HEADRACE_TEST_URL"


class Server:
    """What the clients of `shared://…` talk to.

    Args:
        loop: In which it lives.

    Attributes:
        broker: What does the work.
        clients: In the order in which they were made.
        greet: Called with each new client.
        renewed: Released at each renewal that was answered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        url = os.environ.get(URL_VARIABLE)
        self.broker: Broker = (
            broker_from_url(f"{url}?prefix=t{new_id()}") if url else MemoryBroker()
        )
        self.clients: list[SharedBroker] = []
        self.greet: Callable[[SharedBroker], None] = lambda client: None
        self.renewed = threading.Semaphore(0)


SERVERS: dict[str, Server] = {}
"""By the host of their URL."""


class SharedBroker(FaultyBroker):
    """A client. It works in the event loop that opened it, on queues that it declared."""

    def __init__(self, url: str) -> None:
        self._server = SERVERS[split_url(url).netloc]
        super().__init__(self._server.broker)
        self.home: asyncio.AbstractEventLoop | None = None
        self.thread = ""
        self._declared: set[str] = set()
        self._server.clients.append(self)
        self._server.greet(self)

    @property
    def capabilities(self) -> Capability:
        return super().capabilities | Capability.SHARED

    async def open(self) -> None:
        self.home = asyncio.get_running_loop()
        self.thread = threading.current_thread().name
        await super().open()

    async def close(self) -> None:
        await self._do("close", _nothing)
        self.home = None

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        held = await super().declare(spec)
        self._declared.add(spec.name)
        return held

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        if not self._declared.issuperset(lease.queue for lease in leases):
            raise Unavailable("this client does not know the queue")
        answers = await super().renew(leases)
        self._server.renewed.release()
        return answers

    async def _do(self, verb: Verb, call: Callable[[], Awaitable[T]]) -> T:
        if asyncio.get_running_loop() is not self.home:
            raise Unavailable("not open in this event loop")
        there = asyncio.run_coroutine_threadsafe(super()._do(verb, call), self._server.loop)
        return await asyncio.wrap_future(there)

    def release(self, verb: Verb) -> None:
        """Let held calls go on, from whichever thread."""
        self._server.loop.call_soon_threadsafe(self.let_go, verb)


async def _nothing() -> None: ...
