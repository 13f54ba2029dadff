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
    """

    subject: str
    reply: str
    data: bytes
    status: str = ""
    text: str = ""


def read_incoming(subject: bytes, reply: bytes, data: bytes, headers: bytes) -> Incoming:
    """Return a message from its parts on the wire; of its headers only the status is read."""
    if not headers.startswith(STATUS_LINE):
        return Incoming(subject.decode(), reply.decode(), data)
    line = headers[len(STATUS_LINE) :].partition(b"\r\n")[0].decode()
    status, _, text = line.partition(" ")
    return Incoming(subject.decode(), reply.decode(), data, status, text)
