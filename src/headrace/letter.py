"""A dead letter as an operator reads it."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from headrace.codec import FailedAttempt, decode_envelope, decode_history
from headrace.errors import InvalidEnvelope
from headrace.job import DeadJob


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A job that was given up. `Queue.requeue` sends it back.

    Attributes:
        id: The job's id.
        task: The task's name, `None` if the body cannot be read.
        reason: Why it was given up.
        failures: The last few failed attempts, oldest first.
        traceback: That of the last failure.
        attempt: How many attempts failed.
        deliveries: How often its last copy was handed out.
        died_at: When, in UTC by the broker's clock.
        body: The bytes that were enqueued, unchanged.

    Examples:
        >>> async for letter in queue.dead_letters():
        ...     print(letter.task, letter.reason, letter.failures[-1].message)
        call_api attempts used up (1) no route to host
    """

    id: str
    task: str | None
    reason: str
    failures: tuple[FailedAttempt, ...]
    traceback: str
    attempt: int
    deliveries: int
    died_at: datetime
    body: bytes


def read_letter(dead: DeadJob) -> DeadLetter:
    """Return a dead letter from what the broker keeps, whatever its bytes are."""
    try:
        task = decode_envelope(dead.body).task
    except InvalidEnvelope:
        task = None
    history = decode_history(dead.meta)
    return DeadLetter(
        id=dead.id,
        task=task,
        reason=dead.reason,
        failures=history.failures,
        traceback=history.traceback,
        attempt=dead.attempt,
        deliveries=dead.deliveries,
        died_at=_moment(dead.died_at),
        body=dead.body,
    )


def _moment(at: float) -> datetime:
    """Return a moment in UTC; the epoch, if there is no such moment."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
