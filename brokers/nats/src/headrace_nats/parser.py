"""The driver's reader of the protocol, with a short way for messages that came whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_MSG_PAYLOAD, Parser

from headrace_nats.incoming import Incoming, read_incoming

END = b"\r\n"

FIELDS = {b"MSG": 4, b"HMSG": 5}
"""Words in the first line of a message that wants no reply."""

MALFORMED = "nats: malformed MSG"


class LeanParser(Parser):
    """Reads messages where they lie.

    The driver moves what is left of its buffer for each message, and once more for its first line.
    All other lines, and what is split between two reads, are left to it.

    Args:
        client: The driver's, which is told.
        handlers: Who takes the messages of a subscription, by its number, without waiting; the
            client is told of others.
    """

    def __init__(self, client: Any, handlers: Mapping[int, Callable[[Incoming], None]]) -> None:
        self._client = client
        self._handlers = handlers
        super().__init__(client)  # pyright: ignore[reportUnknownMemberType]

    async def parse(self, data: bytes = b"") -> None:
        """Hand on what came.

        Raises:
            ProtocolError: A line says nothing.
        """
        if self.state == AWAITING_MSG_PAYLOAD:
            missing = self.needed + len(END) - len(self.buf)
            await super().parse(data[:missing])
            data = data[missing:]
        elif self.buf:
            data = bytes(self.buf) + data
            self.buf.clear()
        read = await self._whole(data)
        if read < len(data):
            await super().parse(data[read:])

    async def _whole(self, data: bytes) -> int:
        """Hand on what is whole, and return where the rest begins."""
        read, heed = 0, self._client._process_msg  # noqa: SLF001
        while (stop := data.find(END, read) + len(END)) >= len(END):
            line = data[read:stop].split()
            fields = FIELDS.get(line[0] if line else b"")
            if fields is None:
                await super().parse(data[read:stop])
                if self._client.is_closed or self._client.is_reconnecting:
                    return len(data)
                read = stop
                continue
            try:
                end = stop + int(line[-1])
                body = stop + int(line[-2]) if fields == 5 else stop
                sid = int(line[2])
            except (ValueError, IndexError) as error:
                raise ProtocolError(MALFORMED) from error
            if len(line) - fields not in (0, 1) or not stop <= body <= end:
                raise ProtocolError(MALFORMED)
            if end + len(END) > len(data):
                break
            reply = line[3] if len(line) > fields else b""
            handle = self._handlers.get(sid)
            if handle is not None:
                handle(read_incoming(line[1], reply, data[body:end], data[stop:body]))
            else:
                await heed(sid, line[1], reply, data[body:end], data[stop:body])
            read = end + len(END)
        return read
