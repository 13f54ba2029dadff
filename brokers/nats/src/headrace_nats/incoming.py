"""A message that came, as its handler gets it."""

from __future__ import annotations

from msgspec import Struct

STATUS_LINE = b"NATS/1.0 "


class Incoming(Struct, frozen=True, gc=False):
    """One message that came.

    Attributes:
        subject: Where it was published.
        reply: Where an answer goes.
        data: What lies in it.
        status: What the server has to say instead of a message, `""` if it is one.
        text: The same in words.
        head: Its headers as they came.
    """

    subject: str
    reply: str
    data: bytes
    status: str = ""
    text: str = ""
    head: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        """Its headers by name. What the server adds stands behind what a client has given."""
        lines = (line.partition(":") for line in _text(self.head).split("\r\n"))
        return {name: value.strip() for name, colon, value in lines if colon}


def read_incoming(subject: bytes, reply: bytes, data: bytes, headers: bytes) -> Incoming:
    """Return a message from its parts on the wire; of its headers the status is read at once.

    Servers let clients publish where the name is no UTF-8: no name of ours is like that.
    """
    where, answer = _text(subject), _text(reply)
    if not headers.startswith(STATUS_LINE):
        return Incoming(where, answer, data, head=headers)
    line = _text(headers[len(STATUS_LINE) :].partition(b"\r\n")[0])
    status, _, text = line.partition(" ")
    return Incoming(where, answer, data, status, text, headers)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
