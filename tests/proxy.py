"""A TCP proxy that does to connections what networks do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from msgspec import Struct

from headrace.clock import SystemClock

CHUNK = 1 << 16
RESET = struct.pack("ii", 1, 0)
"""To linger for no time at all: closing sends RST instead of FIN."""


class Loss(Struct):
    """A reply that is to be lost.

    Attributes:
        request: What the request contains.
        reply: What the reply contains.
        done: Set when it was lost.
    """

    request: bytes
    reply: bytes
    done: asyncio.Event


class Link(Struct, eq=False):
    """One connection through the proxy.

    Attributes:
        client: The way back to the client.
        server: The way on to the server.
        request: What the client sent last; where requests do not wait for each other, all that it
            sent lately since a loss was ordered.
    """

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    request: bytes = b""

    def cut(self) -> None:
        """Reset both ends."""
        reset(self.client)
        reset(self.server)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    if not writer.transport.is_closing():
        end: Any = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()


class Proxy:
    """Stands between clients and the server on a port of this machine.

    Args:
        target: The port of the server.
        scheme: Of the URLs of its brokers.
        multiplexed: Whether clients send requests before earlier ones were answered.

    Attributes:
        latency: Seconds that everything takes, in each direction.
        refusing: Whether new connections are reset at once.
        accepted: Connections so far.
        port: Where it listens.
    """

    def __init__(self, target: int, scheme: str = "redis", *, multiplexed: bool = False) -> None:
        self._target = target
        self._scheme = scheme
        self._multiplexed = multiplexed
        self.latency = 0.0
        self.refusing = False
        self.accepted = 0
        self.port = 0
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._links: set[Link] = set()
        self._losses: list[Loss] = []
        self._counts: Iterator[int] = iter(())
        self._left: int | None = None
        self._handlers: set[asyncio.Task[Any]] = set()
        self.heal()

    @property
    def url(self) -> str:
        """Where it listens, as a broker writes it."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Listen no more, and cut what is connected."""
        self._server.close()
        self.cut()
        for handler in self._handlers:
            handler.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers)

    # faults

    def black_hole(self, *, up: bool = True, down: bool = True) -> None:
        """Let nothing pass, on old connections and new ones. What is sent waits until `heal`."""
        if up:
            self._up.clear()
        if down:
            self._down.clear()

    def heal(self) -> None:
        """Let everything pass again, what waited first."""
        self._up.set()
        self._down.set()

    def cut(self) -> None:
        """Reset all connections."""
        for link in self._links:
            link.cut()

    def cut_after(self, counts: Iterable[int]) -> None:
        """Cut a connection in the middle of a reply, again and again.

        Args:
            counts: The bytes of replies, of all connections together, between one cut and the
                next; at the end there are no more cuts.
        """
        self._counts = iter(counts)
        self._left = next(self._counts, None)

    def swallow(self, *, request: bytes = b"", reply: bytes = b"") -> asyncio.Event:
        """Lose one reply, with its connection, after the server sent it.

        Args:
            request: What the request contains.
            reply: What the reply contains.

        Returns:
            Set when it was lost.
        """
        if self._multiplexed:
            for link in self._links:
                link.request = b""
        loss = Loss(request, reply, asyncio.Event())
        self._losses.append(loss)
        return loss.done

    # passing on

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        self.accepted += 1
        if self.refusing:
            reset(client)
            return
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            reset(client)
            return
        link = Link(client, server)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pass(reader, server, self._up, lambda data: self._ask(link, data)),
                self._pass(answers, client, self._down, lambda data: self._answer(link, data)),
            )
        except (OSError, RuntimeError, asyncio.CancelledError):
            # uvloop raises the second on what is closed, and `__aexit__` sends the last.
            link.cut()
        finally:
            self._links.discard(link)
            client.close()
            server.close()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: asyncio.Event,
        look: Callable[[bytes], bytes],
    ) -> None:
        while data := await reader.read(CHUNK):
            if self.latency:
                await SystemClock().sleep(self.latency)
            await gate.wait()
            writer.write(look(data))
            await writer.drain()
        await gate.wait()
        writer.close()

    def _ask(self, link: Link, data: bytes) -> bytes:
        link.request = (link.request + data)[-CHUNK:] if self._multiplexed else data
        return data

    def _answer(self, link: Link, data: bytes) -> bytes:
        """Return what of a reply is passed on."""
        for loss in self._losses:
            if loss.request in link.request and loss.reply in data:
                self._losses.remove(loss)
                loss.done.set()
                link.cut()
                return b""
        if self._left is None:
            return data
        passed = data[: self._left]
        self._left -= len(passed)
        if self._left == 0:
            link.client.write(passed)
            link.server.transport.abort()
            link.client.close()
            self._left = next(self._counts, None)
            return b""
        return passed
