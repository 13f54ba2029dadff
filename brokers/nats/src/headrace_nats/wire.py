"""What lies in the messages of a queue, and what the server answers."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from headrace.codec import UNREADABLE
from headrace.durations import LONGEST
from headrace.errors import OutcomeUnknown
from headrace.ids import is_valid_id
from headrace.job import JobState, Lease

Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Moment: TypeAlias = Annotated[float, Meta(ge=0, le=1e11)]
"""Seconds since the epoch: what lies beyond can neither be written nor be waited for."""


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
    attempt: Count = 0
    number: Count = 0
    deliveries: Count = 0
    unique: str | None = None
    held_for: Annotated[float, Meta(ge=0, le=LONGEST)] | None = None
    expires: Moment | None = None
    due: Moment | None = None


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
    attempt: Count
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
    deliveries: Count
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
_answer = msgspec.json.Decoder(dict[str, Any]).decode

UNREADABLE_ANSWER = "the answer cannot be read"


def encode(note: Note) -> bytes:
    """Return what lies in a message."""
    return _encode(note)


# What somebody else has published where notes lie stops nobody.


def read_copy(data: bytes) -> Copy:
    """Read a message of a job; one that is none goes, as no task can read it, to the dead."""
    try:
        return _copy(data)
    except UNREADABLE:
        return Copy("", data)


def read_over(data: bytes) -> Over:
    """Read how a job ended; what is no such note is forgotten already."""
    try:
        return _over(data)
    except UNREADABLE:
        return Over("", JobState.CANCELLED, 0, None, 0.0)


def read_letter(data: bytes) -> Letter:
    """Read a dead letter; what is none is its body."""
    try:
        return _letter(data)
    except UNREADABLE:
        return Letter(Copy("", data), "not a dead letter", 0, None, 0.0)


def read_key(data: bytes) -> Key:
    """Read who holds a unique key; of what is no such note, nobody any more."""
    with suppress(*UNREADABLE):
        key = _key(data)
        if is_valid_id(key.holder):
            return key
    return Key("", 0.0)


def read_mark(data: bytes) -> Mark:
    """Read a wish to cancel; what is none means no job of ours."""
    try:
        return _mark(data)
    except UNREADABLE:
        return Mark("")


def read_ack(data: bytes) -> PubAck:
    """Read the answer to a publication.

    Raises:
        OutcomeUnknown: It is none.
    """
    try:
        return _ack(data)
    except UNREADABLE as error:
        raise OutcomeUnknown(UNREADABLE_ANSWER) from error


def read_answer(data: bytes) -> dict[str, Any]:
    """Read what the JetStream API answers.

    Raises:
        OutcomeUnknown: It cannot be read.
    """
    try:
        return _answer(data)
    except UNREADABLE as error:
        raise OutcomeUnknown(UNREADABLE_ANSWER) from error


def token_of(lease: Lease) -> Token:
    """Return what only this broker knows of a lease."""
    token = lease.token
    assert isinstance(token, Token)  # noqa: S101 - no other broker's lease comes here
    return token


def delivered(reply: str) -> tuple[str, int, int] | None:
    """Read the address for acknowledgements: whose it is, how often it was delivered, its number.

    `None`: it is no such address, so no consumer has sent the message.

    It is `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>…` of nine tokens, on some servers
    with a domain (`_` if there is none) and an account before the stream.
    """
    tokens = reply.split(".")
    first = 3 if len(tokens) < 11 else 5
    if len(tokens) < 9 or not reply.startswith("$JS.ACK."):
        return None
    try:
        return tokens[first], int(tokens[first + 1]), int(tokens[first + 2])
    except ValueError:
        return None
