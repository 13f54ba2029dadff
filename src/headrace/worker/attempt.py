"""From a lease to a call: what can be decided before a task's code runs."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from headrace.codec import (
    LARGEST_META,
    Envelope,
    Failure,
    Settings,
    decode_envelope,
    decode_history,
    encode,
)
from headrace.context import CurrentJob
from headrace.durations import seconds
from headrace.errors import InvalidArguments, InvalidEnvelope, InvalidOption
from headrace.implementation import Implementation
from headrace.job import Lease
from headrace.outcome import Dead, Reschedule
from headrace.queue import Queue
from headrace.retry import RetryPolicy
from headrace.signature import Bound
from headrace.task import LocalTask

_NOTHING_FIXED = Settings()
_NO_HEADERS: dict[str, str] = {}
_DEFAULT_POLICY = RetryPolicy()

FIRST_UNKNOWN_DELAY = 1.0
LONGEST_UNKNOWN_DELAY = 60.0

REASON_KEPT = 1_000
"""Characters of a reason: it may quote what somebody else has written."""


class Attempt(Struct, frozen=True, eq=False, gc=False):
    """A call that is ready to be made.

    Attributes:
        lease: What it comes from.
        envelope: What it says.
        implementation: The function to call.
        arguments: What to call it with.
        headers: What the producer gave along.
        timeout: Seconds, 0 for no limit.
        result_ttl: Seconds for which its result is kept.
        policy: When to try again.
    """

    lease: Lease
    envelope: Envelope
    implementation: Implementation
    arguments: Bound
    headers: dict[str, str]
    timeout: float
    result_ttl: float
    policy: RetryPolicy

    def job(self, now: float) -> CurrentJob:
        """Return what `current_job()` returns for a call that is made now, by `loop.time()`."""
        lease = self.lease
        return CurrentJob(
            lease.id,
            self.envelope.task,
            lease.queue,
            lease.attempt + 1,
            lease.deliveries,
            lease.fencing,
            now + self.timeout if self.timeout else None,
            self.headers,
            self.envelope.enqueued_at,
        )


def prepare(lease: Lease, queue: Queue, chance: float) -> Attempt | Dead | Reschedule:
    """Return the call that a lease stands for, or what becomes of a lease that stands for none.

    Args:
        lease: What was claimed.
        queue: The queue that it was claimed from.
        chance: A random number from 0 up to 1, for the jitter of the wait.
    """
    refusal = _refuse_unread(lease, queue)
    if refusal is not None:
        return dead(lease, refusal, queue.result_ttl)
    try:
        envelope = decode_envelope(lease.body)
    except InvalidEnvelope as error:
        return dead(lease, str(error), queue.result_ttl)
    task = queue.tasks.get(envelope.task)
    if task is None:
        return _unknown(lease, envelope.task, queue, chance)
    try:
        return _attempt(lease, envelope, queue, task)
    except (InvalidArguments, InvalidOption) as error:
        return dead(lease, str(error), queue.result_ttl)


def _refuse_unread(lease: Lease, queue: Queue) -> str | None:
    """Say why a lease must not even be decoded: decoding could be what kills the worker."""
    if lease.deliveries > queue.max_deliveries:
        before = lease.deliveries - 1
        often = "once" if before == 1 else f"{before} times"
        return f"delivered {often} without any outcome: it seems to take its worker down"
    if len(lease.body) > queue.max_payload:
        return f"{len(lease.body):,} bytes are more than max_payload ({queue.max_payload:,})"
    if len(lease.meta) > LARGEST_META:
        return f"its meta has {len(lease.meta):,} bytes, more than {LARGEST_META:,}"
    return None


def _attempt(lease: Lease, envelope: Envelope, queue: Queue, task: LocalTask[..., Any]) -> Attempt:
    fixed, default = envelope.settings or _NOTHING_FIXED, task.defaults
    policy = default.retry or _DEFAULT_POLICY
    return Attempt(
        lease,
        envelope,
        task.implementation,
        task.implementation.signature.decode(envelope.args, envelope.kwargs),
        fixed.headers or default.headers or _NO_HEADERS,
        _first(fixed.timeout, default.timeout, 0.0, name="timeout"),
        _first(fixed.result_ttl, default.result_ttl, queue.result_ttl, name="result_ttl"),
        policy if fixed.retry is None else policy.with_numbers(fixed.retry),
    )


def _first(fixed: float | None, default: float | None, otherwise: float, *, name: str) -> float:
    """Return what the job fixed, else what the task says; the job's bytes are not trusted."""
    if fixed is not None:
        return seconds(fixed, name=name)
    return otherwise if default is None else default


def _unknown(lease: Lease, task: str, queue: Queue, chance: float) -> Dead | Reschedule:
    """Give a job back that this worker has no task for: a deploy may bring it."""
    history = decode_history(lease.meta)
    waited = history.unknown_for
    if waited >= queue.unknown_ttl:
        reason = f"unknown task {task!r}: no worker had it for {waited:.0f} s"
        return dead(lease, reason, queue.result_ttl)
    delay = min(max(waited, FIRST_UNKNOWN_DELAY), LONGEST_UNKNOWN_DELAY) * (1 - 0.25 * chance)
    delay = min(delay, queue.unknown_ttl - waited)
    meta = encode(structs.replace(history, unknown_for=waited + delay))
    return Reschedule(lease, delay, lease.attempt, meta)


def dead(lease: Lease, reason: str, ttl: float) -> Dead:
    """Return the end of a job whose code did not run."""
    reason = reason[:REASON_KEPT]
    return Dead(lease, reason, lease.meta, lease.attempt, encode(Failure(reason)), ttl)
