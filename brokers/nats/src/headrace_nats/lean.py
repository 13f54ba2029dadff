"""The driver's client with a short way for many small messages."""

from __future__ import annotations

from asyncio import WriteTransport
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from headrace_nats.client import Client
from headrace_nats.incoming import Incoming, read_incoming
from headrace_nats.parser import LeanParser

Headers = dict[str, str]


class Message(Struct, frozen=True, gc=False):
    """One message to be published.

    Attributes:
        subject: Where to.
        data: What lies in it.
        headers: What the server is to do with it.
    """

    subject: str
    data: bytes = b""
    headers: Headers | None = None


class LeanClient(Client):
    """A client that hands messages on where they are read, and writes many at a time.

    The driver puts each message into a queue of its subscription, wakes a task, and reads all
    headers, letter by letter: 20 of its 30 µs a message, measured; see `LeanParser` for the rest.
    Were its inner methods to change their names, messages would take its own way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[int, Callable[[Incoming], None]] = {}
        self._ps = LeanParser(self, self._handlers)

    async def listen(self, subject: str, handle: Callable[[Incoming], None]) -> Subscription:
        """Subscribe. The handler must not fail, and sees no headers but a status."""

        async def take(msg: Msg) -> None:
            headers = msg.headers or {}
            status, text = headers.get("Status", ""), headers.get("Description", "")
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
            handle(Incoming(msg.subject, msg.reply, msg.data, status, text, head))

        driver: Any = self
        subscription: Subscription = await driver.subscribe(subject, cb=take)
        for number, known in self._subs.items():
            if known is subscription:
                self._handlers[number] = handle
        return subscription

    async def silence(self, subscription: Subscription) -> None:
        """Listen no more."""
        for number, known in self._subs.items():
            if known is subscription:
                self._handlers.pop(number, None)
        await subscription.unsubscribe()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        handle = self._handlers.get(sid)
        if handle is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        handle(read_incoming(subject, reply or b"", bytes(data), headers or b""))

    async def send(self, messages: Iterable[tuple[Message, str]]) -> None:
        """Publish messages, each with the subject for its reply, or an empty one."""
        data = b"".join([packed(message, reply) for message, reply in messages])
        wire = self._wire
        if wire is not None and self._is_idle(wire):
            # As the driver's task would, which has to be woken first.
            wire.write(data)
            return
        await self._send_command(data)
        await self._flush_pending()

    def _is_idle(self, wire: WriteTransport) -> bool:
        """Tell whether nothing waits to be written."""
        waits = self._pending or wire.get_write_buffer_size()
        return self.is_connected and not waits and not wire.is_closing()

    async def catch_up(self) -> None:
        """Return when the server has heard all. The driver's `flush` alone overtakes what waits."""
        await self._flush_pending(force_flush=True)
        await self.flush()


def packed(message: Message, reply: str) -> bytes:
    """Return a message as it is written, with the subject for its reply, or an empty one."""
    data, subject = message.data, message.subject
    if not message.headers:
        return b"%b%b\r\n" % (f"PUB {subject} {reply} {len(data)}\r\n".encode(), data)
    lines = "".join([f"{name}: {value}\r\n" for name, value in message.headers.items()])
    head = f"NATS/1.0\r\n{lines}\r\n"
    size = len(head)
    start = f"HPUB {subject} {reply} {size} {size + len(data)}\r\n{head}"
    return b"%b%b\r\n" % (start.encode(), data)
