"""A dead letter as it is shown: all that is known of it, as text or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headrace.cli.text import cut, escaped, json_line, raw_json, table
from headrace.codec import UNREADABLE, FailedAttempt, decode_envelope
from headrace.errors import InvalidEnvelope
from headrace.letter import DeadLetter

ERROR_LISTED = 80
"""Characters of an error in a list."""

REASON_LISTED = 300
"""Characters of a reason in a list."""

BODY_SHOWN = 1_000
"""Characters of a body that cannot be read."""

HEAD = ("id", "task", "reason", "attempts", "when", "error")


class Sheet(Struct, frozen=True, kw_only=True):
    """All that is known of one dead letter.

    Attributes:
        id: The job's id.
        task: The task's name, `None` if the body cannot be read; then the next four are, too.
        args: The positional arguments, as JSON.
        kwargs: The arguments by name, as JSON.
        settings: What the producer fixed for this job, its headers among it.
        enqueued_at: When it was enqueued, by the producer's clock.
        reason: Why it was given up.
        died_at: When, by the broker's clock.
        attempts: How many attempts failed.
        deliveries: How often its last copy was handed out.
        failures: The last few failed attempts, oldest first.
        traceback: That of the last failure.
        body: The bytes that were enqueued; in JSON as base64.
    """

    id: str
    task: str | None = None
    args: Raw | None = None
    kwargs: Raw | None = None
    settings: dict[str, Any] | None = None
    enqueued_at: str | None = None
    reason: str
    died_at: str
    attempts: int
    deliveries: int
    failures: tuple[FailedAttempt, ...]
    traceback: str
    body: bytes


def sheet(letter: DeadLetter) -> Sheet:
    """Return all that is known of a dead letter, whatever its bytes are."""
    return Sheet(
        id=letter.id,
        reason=letter.reason,
        died_at=_moment(letter.died_at.timestamp()),
        attempts=letter.attempt,
        deliveries=letter.deliveries,
        failures=letter.failures,
        traceback=letter.traceback,
        body=letter.body,
        **_envelope(letter.body),
    )


def _envelope(body: bytes) -> dict[str, Any]:
    try:
        envelope = decode_envelope(body)
    except InvalidEnvelope:
        return {}
    return {
        "task": envelope.task,
        "args": _arguments(envelope.args),
        "kwargs": _arguments(envelope.kwargs),
        "settings": msgspec.to_builtins(envelope.settings) or {},
        "enqueued_at": _moment(envelope.enqueued_at / 1000),
    }


def _arguments(raw: Raw) -> Raw:
    """Return msgpack as JSON; what is none as the text of its bytes."""
    try:
        return raw_json(msgspec.msgpack.decode(raw))
    except (*UNREADABLE, TypeError):
        return raw_json(repr(bytes(raw)))


def _moment(at: float) -> str:
    """Return a moment in UTC, to the second. A worker's clock may have said anything."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return str(at)


def as_list(letters: Sequence[DeadLetter]) -> str:
    """Return dead letters as a table, one on each line."""
    return table([HEAD, *map(_row, letters)])


def _row(letter: DeadLetter) -> tuple[str, ...]:
    last = letter.failures[-1] if letter.failures else None
    return (
        letter.id,
        cut(letter.task or "-", ERROR_LISTED),
        cut(letter.reason, REASON_LISTED),
        str(letter.attempt),
        _moment(letter.died_at.timestamp()),
        "" if last is None else cut(f"{last.error}: {last.message}", ERROR_LISTED),
    )


def as_text(shown: Sheet) -> str:
    """Return all that is known of a dead letter as text, escaped."""
    facts = [
        ("id", shown.id),
        *_job(shown),
        ("reason", shown.reason),
        ("died", shown.died_at),
        ("attempts", str(shown.attempts)),
        ("deliveries", str(shown.deliveries)),
    ]
    lines = [table(facts)]
    if shown.failures:
        history = [
            (f"  {one.attempt}", _moment(one.at), f"{one.error}: {one.message}")
            for one in shown.failures
        ]
        lines += ["failures", table(history)]
    if shown.traceback:
        lines += ["traceback", *(f"  {escaped(line)}" for line in shown.traceback.splitlines())]
    return "\n".join(lines)


def _job(shown: Sheet) -> list[tuple[str, str]]:
    """Return what was enqueued, or its bytes if nobody can read them."""
    if shown.task is None:
        return [("body", cut(repr(shown.body), BODY_SHOWN))]
    return [
        ("task", shown.task),
        ("args", json_line(shown.args)),
        ("kwargs", json_line(shown.kwargs)),
        *((key, json_line(value)) for key, value in (shown.settings or {}).items()),
        ("enqueued", str(shown.enqueued_at)),
    ]
