"""A queue's link to its broker: how often it was opened, in which event loop, what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from headrace.broker import Broker, QueueSpec
from headrace.errors import QueueClosed
from headrace.outbox import Outbox
from headrace.plugins import broker_from_url


class Link:
    """Connects one queue.

    Args:
        place: Any broker's URL, or a `Broker`, which stays the caller's to close.
        queue: The queue's name.

    Attributes:
        broker: Where the queue is.
        url: The broker's URL, `None` if it was given a `Broker`.
        outbox: What is on its way there.

    Raises:
        PluginError: The URL leads to no broker.
    """

    def __init__(self, place: str | Broker, queue: str) -> None:
        self.broker: Broker = broker_from_url(place) if isinstance(place, str) else place
        self.url: str | None = place if isinstance(place, str) else None
        self.outbox: Outbox = Outbox(self.broker, queue)
        self._queue = queue
        self._opened = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._diverted: bool = False

    async def open(self, spec: QueueSpec) -> None:
        """Connect and declare; see `Queue.open`."""
        if self._diverted:
            return
        loop = asyncio.get_running_loop()
        if self._opened and self._loop is not loop:
            message = f"queue {self._queue!r} is open in another event loop: use one Queue for each"
            raise QueueClosed(message)
        if not self._opened:
            await self.broker.open()
            try:
                await self.broker.declare(spec)
            except BaseException:
                # Somebody else may have opened it meanwhile.
                if not self._opened:
                    await self.close()
                raise
        self._loop = loop
        self._opened += 1

    async def close(self) -> None:
        """Send what is still to be sent, and let go; see `Queue.close`."""
        if self._diverted:
            await self.outbox.drain()
        elif self._opened <= 1:
            await self.outbox.drain()
            if self.url is not None:
                await self.broker.close()
            self._loop = None
        self._opened = max(0, self._opened - 1)

    def check(self) -> None:
        """See that it is open in the running event loop.

        Raises:
            QueueClosed: It is not.
        """
        if self._loop is not asyncio.get_running_loop() and not self._diverted:
            message = f"queue {self._queue!r} is not open here: use `async with queue:` around"
            raise QueueClosed(message)

    @contextmanager
    def diverted(self, broker: Broker) -> Generator[None]:
        """Lead to another broker for as long as a block lasts, as `headrace.testing` has it.

        Meanwhile it is open in every event loop, and `open` and `close` change nothing. The broker
        stays the caller's, who has opened it and declared the queue.

        Raises:
            QueueClosed: It is open: what is under way cannot be diverted.
        """
        if self._opened:
            message = f"queue {self._queue!r} is open: divert it before it is opened"
            raise QueueClosed(message)
        before = self.broker, self.url, self.outbox, self._diverted
        self.broker, self.url, self.outbox = broker, None, Outbox(broker, self._queue)
        self._diverted = True
        try:
            yield
        finally:
            self.broker, self.url, self.outbox, self._diverted = before
