"""Bytes to and from values: the envelope of a job, its results, its failures.

The format is told in `docs/reference/wire-format.md`; another language can write it. Bytes from a
broker are hostile: whatever is wrong with them ends in `InvalidEnvelope`, and nothing is imported,
looked up by name or executed on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from headrace.durations import LONGEST
from headrace.errors import InvalidEnvelope

VERSION = 1
"""The version that this code writes, and the newest that it reads."""

EMPTY_ARGS = Raw(b"\x90")
"""No positional arguments: an empty msgpack array."""

EMPTY_KWARGS = Raw(b"\x80")
"""No keyword arguments: an empty msgpack map."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, MemoryError, OverflowError)
"""What decoding any bytes may raise. Text that is no UTF-8 is a `ValueError`."""

LARGEST_META = 1 << 18
"""Bytes of a job's meta, at most: what workers write there is smaller by far."""

LARGEST_RECORD = 1 << 20
"""Bytes of a failure or a history that are looked at, at most."""


class RetryNumbers(Struct, frozen=True, array_like=True):
    """The part of a retry policy that travels with a job."""

    attempts: int
    base: float
    factor: float
    max_delay: float
    jitter: float


class Settings(Struct, frozen=True, omit_defaults=True):
    """What a producer fixed for this one job; what is missing, the worker's task decides.

    Attributes:
        timeout: Seconds for each attempt, 0 for no limit.
        retry: How often and when to try again.
        result_ttl: Seconds for which the result is kept.
        headers: Text that travels with the job, for middleware.
        schedule: The name of the schedule that this job is a tick of.
        tick: That tick, in milliseconds since the epoch.
    """

    timeout: float | None = None
    retry: RetryNumbers | None = None
    result_ttl: float | None = None
    headers: dict[str, str] | None = None
    schedule: str | None = None
    tick: int | None = None


class Envelope(Struct, frozen=True, array_like=True, gc=False):
    """The body of a job.

    Attributes:
        version: `VERSION`.
        task: The task's name.
        args: A msgpack array: the positional arguments as they were given.
        kwargs: A msgpack map: the keyword arguments as they were given.
        enqueued_at: Milliseconds since the epoch, by the producer's clock.
        settings: `None` when there is nothing to fix.
    """

    version: int
    task: str
    args: Raw
    kwargs: Raw
    enqueued_at: int
    settings: Settings | None = None


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why a job is dead, as data.

    Attributes:
        reason: Why it was given up.
        error: The last exception's class.
        message: Its text.
        traceback: Its traceback.
    """

    reason: str
    error: str = ""
    message: str = ""
    traceback: str = ""


class FailedAttempt(Struct, frozen=True, omit_defaults=True):
    """One failure in a job's history.

    Attributes:
        attempt: Which attempt it was, 1 = the first.
        at: When, in seconds since the epoch by the worker's clock.
        error: The exception's class.
        message: Its text.
    """

    attempt: int
    at: float
    error: str
    message: str = ""


class History(Struct, frozen=True, omit_defaults=True):
    """What a job's meta holds.

    Attributes:
        failures: The last few failed attempts, oldest first.
        traceback: The traceback of the last.
        unknown_for: Seconds for which the job was given back because no worker knew its task.
    """

    failures: tuple[FailedAttempt, ...] = ()
    traceback: str = ""
    unknown_for: Annotated[float, Meta(ge=0, le=LONGEST)] = 0.0


class _Head(Struct, array_like=True):
    version: int


def _to_builtin(value: object) -> object:
    if isinstance(value, PurePath):
        return str(value)
    message = (
        f"a {type(value).__name__} cannot travel: pass plain data, a dataclass or a msgspec.Struct"
    )
    raise NotImplementedError(message)


def from_builtin(kind: type[Any], value: object) -> Any:
    """Rebuild what `encode` had to replace by plain data: a path, from its text."""
    if issubclass(kind, PurePath) and isinstance(value, str):
        return kind(value)
    message = f"a {kind.__name__} cannot travel: annotate plain data instead"
    raise TypeError(message)


_encoder = msgspec.msgpack.Encoder(enc_hook=_to_builtin)
_envelope = msgspec.msgpack.Decoder(Envelope)
_head = msgspec.msgpack.Decoder(_Head)
_failure = msgspec.msgpack.Decoder(Failure)
_history = msgspec.msgpack.Decoder(History)

encode: Callable[[Any], bytes] = _encoder.encode
"""Encode any value as msgpack; its type's own exceptions pass through."""


def decode_envelope(body: bytes) -> Envelope:
    """Return the envelope in a job's body.

    Raises:
        InvalidEnvelope: The bytes are none, or one of a newer version.
    """
    try:
        envelope = _envelope.decode(body)
    except UNREADABLE as error:
        raise InvalidEnvelope(_explain(body, error)) from error
    if envelope.version != VERSION:
        raise InvalidEnvelope(_wrong_version(envelope.version))
    return envelope


def _explain(body: bytes, error: BaseException) -> str:
    """Say that the version is wrong where that is the cause of a misfit, else what does not fit."""
    try:
        version = _head.decode(body).version
    except UNREADABLE:
        version = VERSION
    if version != VERSION:
        return _wrong_version(version)
    return f"not a job: {error}"


def _wrong_version(version: int) -> str:
    if version > VERSION:
        return (
            f"envelope version {version} is newer than this worker reads ({VERSION}): "
            "upgrade the workers before the producers"
        )
    return f"envelope version {version} does not exist"


def decode_failure(raw: bytes | None) -> Failure:
    """Return a stored failure; one that cannot be read becomes one that says so."""
    if raw is None:
        return Failure("no reason is kept")
    if len(raw) <= LARGEST_RECORD:
        with suppress(*UNREADABLE):
            return _failure.decode(raw)
    return Failure("its failure record cannot be read")


def decode_history(raw: bytes) -> History:
    """Return a job's history; one that cannot be read becomes an empty one."""
    if 0 < len(raw) <= LARGEST_RECORD:
        with suppress(*UNREADABLE):
            return _history.decode(raw)
    return History()
