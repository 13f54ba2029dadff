"""How an attempt ended, and so what becomes of its job: values in, an outcome out."""

from __future__ import annotations

from headrace.codec import FailedAttempt, Failure, History, decode_history, encode
from headrace.durations import seconds
from headrace.errors import InvalidOption, Reject, Retry, Snooze
from headrace.job import JobState
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.worker.attempt import Attempt
from headrace.worker.description import Description, describe
from headrace.worker.run import CancelReason

FAILURES_KEPT = 10
"""How many failed attempts a job remembers."""

MESSAGE_KEPT = 512
"""Characters of the text of each."""

TRACEBACK_KEPT = 4_096
"""Characters of the last traceback that travel with the job until it is over."""


def succeeded(attempt: Attempt, value: object, max_payload: int) -> Outcome:
    """Return the outcome of a task that returned."""
    if attempt.result_ttl == 0:
        return Done(attempt.lease)
    try:
        result = encode(value)
    except Exception as error:  # noqa: BLE001 - a value's own code may raise anything
        return _unusable(attempt, f"its result cannot be encoded: {describe(error).message}")
    if len(result) > max_payload:
        problem = f"its result has {len(result):,} bytes, more than max_payload ({max_payload:,})"
        return _unusable(attempt, problem)
    return Done(attempt.lease, result, attempt.result_ttl)


def _unusable(attempt: Attempt, problem: str) -> Dead:
    """Give up a job that did its work but whose result is lost: again would do the work twice."""
    lease = attempt.lease
    failure = Failure(f"the task ran to its end, but {problem}")
    return Dead(
        lease, failure.reason, lease.meta, lease.attempt, encode(failure), attempt.result_ttl
    )


def stopped(attempt: Attempt, reason: CancelReason, now: float, chance: float) -> Outcome | None:
    """Return the outcome of a task that was cancelled, `None` if another worker has its job."""
    lease = attempt.lease
    if reason is CancelReason.LEASE_LOST:
        return None
    if reason is CancelReason.SHUTDOWN:
        return Release(lease)
    if reason is CancelReason.CANCELLED:
        return Done(lease, None, attempt.result_ttl, JobState.CANCELLED)
    return failed(attempt, TimeoutError(f"timed out after {attempt.timeout:g} s"), now, chance)


def failed(attempt: Attempt, error: BaseException, now: float, chance: float) -> Outcome:
    """Return the outcome of a task that raised.

    Args:
        attempt: What ran.
        error: What it raised.
        now: The wall time.
        chance: A random number from 0 up to 1, for the jitter of the wait.
    """
    lease = attempt.lease
    try:
        asked = _asked(error)
    except InvalidOption as mistake:
        asked, error = None, mistake
    if isinstance(error, Snooze) and asked is not None:
        return Reschedule(lease, asked, lease.attempt, lease.meta)
    failures = lease.attempt + 1
    description = describe(error)
    meta = encode(_remember(decode_history(lease.meta), failures, description, now))
    if isinstance(error, Reject):
        reason = f"rejected by its task: {description.message}"
    elif isinstance(error, Retry) and failures < attempt.policy.attempts:
        delay = attempt.policy.wait(failures, lambda: chance) if asked is None else asked
        return Reschedule(lease, delay, failures, meta)
    elif attempt.policy.allows(type(error), failures):
        delay = attempt.policy.wait(failures, lambda: chance)
        return Reschedule(lease, delay, failures, meta)
    elif failures >= attempt.policy.attempts:
        reason = f"attempts used up ({failures})"
    else:
        reason = f"{description.error} is not retried"
    failure = Failure(reason, description.error, description.message, description.traceback)
    return Dead(lease, reason, meta, failures, encode(failure), attempt.result_ttl)


def _asked(error: BaseException) -> float | None:
    """Return the seconds that a task asked to wait."""
    if isinstance(error, Retry | Snooze) and error.after is not None:
        return seconds(error.after, name="after")
    return None


def _remember(history: History, attempt: int, error: Description, now: float) -> History:
    failure = FailedAttempt(attempt, now, error.error, error.message[:MESSAGE_KEPT])
    return History((*history.failures, failure)[-FAILURES_KEPT:], error.traceback[-TRACEBACK_KEPT:])
