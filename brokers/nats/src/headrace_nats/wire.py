"""What lies in the messages of a queue, and what the server answers."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import DecodeError, Struct

from headrace.job import JobState, Lease


class Copy(Struct, frozen=True, array_like=True, gc=False):
    """A job that waits, runs or is delayed.

    Attributes:
        origin: The batch that it came with, and its place there: a job of the same id that comes
            later has another one.
        body: As it was enqueued.
        meta: Of the last reschedule, or as it was enqueued.
        attempt: Failures so far.
        number: Rises with each reschedule, release and redrive.
        deliveries: How often this copy was handed out before it was taken over.
        unique: The key that it holds.
        held_for: Seconds for which it holds the key from the start; `None`: until it is over.
        expires: By the server's clock, in seconds since the epoch.
        due: Likewise; before it the job is not moved to its lane. Servers that keep schedules do
            not need to be told.
    """

    origin: str
    body: bytes
    meta: bytes = b""
    attempt: int = 0
    number: int = 0
    deliveries: int = 0
    unique: str | None = None
    held_for: float | None = None
    expires: float | None = None
    due: float | None = None


class Over(Struct, frozen=True, array_like=True, gc=False):
    """How a job ended.

    Attributes:
        origin: As in its copies.
        state: How.
        attempt: Failures.
        result: What `Done` brought.
        until: When it is forgotten, by the server's clock.
    """

    origin: str
    state: JobState
    attempt: int
    result: bytes | None
    until: float


class Letter(Struct, frozen=True, array_like=True, gc=False):
    """A dead letter.

    Attributes:
        copy: The job as it was, with the attempt and the meta that `Dead` brought.
        reason: Why it was given up.
        deliveries: How often its last copy was handed out.
        result: The encoded failure.
        until: When that is forgotten, by the server's clock.
    """

    copy: Copy
    reason: str
    deliveries: int
    result: bytes | None
    until: float


class Key(Struct, frozen=True, array_like=True, gc=False):
    """Who holds a unique key.

    Attributes:
        holder: The id of the job.
        until: By the server's clock; `None`: until the job is over.
    """

    holder: str
    until: float | None


class Mark(Struct, frozen=True, array_like=True, gc=False):
    """A wish to cancel a job.

    Attributes:
        origin: Of the job: one that has its id later is not meant.
    """

    origin: str


Note: TypeAlias = Copy | Over | Letter | Key | Mark


class Token(Struct, gc=False):
    """What a lease means to the broker.

    Attributes:
        seq: The message that is leased.
        reply: Where to acknowledge it.
        copy: What it held.
        settled: Whether an outcome was recorded. In a cluster the message may be there a moment
            longer, and would let another one pass.
    """

    seq: int
    reply: str
    copy: Copy
    settled: bool = False


class Failure(Struct, frozen=True, gc=False):
    """An error as the server words it."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class PubAck(Struct, frozen=True, gc=False):
    """The answer to a publication."""

    seq: int = 0
    duplicate: bool = False
    error: Failure | None = None


REFUSED = (10071, 10158, 10164, 10201)
"""What a fenced write says when something else was written before it, or it was itself, or is being
written just now."""

_encode = msgspec.msgpack.Encoder().encode
_copy = msgspec.msgpack.Decoder(Copy).decode
_over = msgspec.msgpack.Decoder(Over).decode
_letter = msgspec.msgpack.Decoder(Letter).decode
_key = msgspec.msgpack.Decoder(Key).decode
_mark = msgspec.msgpack.Decoder(Mark).decode
_ack = msgspec.json.Decoder(PubAck).decode


def encode(note: Note) -> bytes:
    """Return what lies in a message."""
    return _encode(note)


# What somebody else has published where notes lie stops nobody.


def read_copy(data: bytes) -> Copy:
    """Read a message of a job; one that is none goes, as no task can read it, to the dead."""
    try:
        return _copy(data)
    except DecodeError:
        return Copy("", data)


def read_over(data: bytes) -> Over:
    """Read how a job ended; what is no such note is forgotten already."""
    try:
        return _over(data)
    except DecodeError:
        return Over("", JobState.CANCELLED, 0, None, 0.0)


def read_letter(data: bytes) -> Letter:
    """Read a dead letter; what is none is its body."""
    try:
        return _letter(data)
    except DecodeError:
        return Letter(Copy("", data), "not a dead letter", 0, None, 0.0)


def read_key(data: bytes) -> Key:
    """Read who holds a unique key; of what is no such note, nobody any more."""
    try:
        return _key(data)
    except DecodeError:
        return Key("", 0.0)


def read_mark(data: bytes) -> Mark:
    """Read a wish to cancel; what is none means no job of ours."""
    try:
        return _mark(data)
    except DecodeError:
        return Mark("")


def read_ack(data: bytes) -> PubAck:
    """Read the answer to a publication."""
    return _ack(data)


def token_of(lease: Lease) -> Token:
    """Return what only this broker knows of a lease."""
    token = lease.token
    assert isinstance(token, Token)  # noqa: S101 - no other broker's lease comes here
    return token


def delivered(reply: str) -> tuple[str, int, int]:
    """Read the address for acknowledgements: whose it is, how often it was delivered, its number.

    It is `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>…` of nine tokens, on some servers
    with a domain (`_` if there is none) and an account before the stream.
    """
    tokens = reply.split(".")
    first = 3 if len(tokens) < 11 else 5
    return tokens[first], int(tokens[first + 1]), int(tokens[first + 2])
