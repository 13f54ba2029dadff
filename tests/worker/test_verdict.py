from __future__ import annotations

from typing import Any

import msgspec
import pytest

from headrace import JobState, Reject, Retry, RetryPolicy, Snooze
from headrace.codec import (
    EMPTY_ARGS,
    EMPTY_KWARGS,
    Envelope,
    FailedAttempt,
    History,
    decode_failure,
    decode_history,
    encode,
)
from headrace.implementation import Implementation
from headrace.job import Lease
from headrace.outcome import Dead, Done, Release, Reschedule
from headrace.worker.attempt import Attempt
from headrace.worker.run import CancelReason
from headrace.worker.verdict import failed, stopped, succeeded

LEASE = Lease("q", "42", b"body", b"meta", 1, 2, 1, 7, 30.0, None)


def attempt(lease: Lease = LEASE, **fields: Any) -> Attempt:
    values: dict[str, Any] = {
        "lease": lease,
        "envelope": Envelope(1, "send", EMPTY_ARGS, EMPTY_KWARGS, 0),
        "implementation": Implementation("send", lambda: None),
        "arguments": ((), {}),
        "headers": {},
        "timeout": 5.0,
        "result_ttl": 60.0,
        "policy": RetryPolicy(attempts=5, base=2.0, jitter=0.5),
        **fields,
    }
    return Attempt(**values)


def ended(error: BaseException, **fields: Any) -> object:
    return failed(attempt(**fields), error, 1_000.0, 0.0)


class Evil:
    def __init__(self) -> None:
        self.itself = self


# success


def test_a_result_may_fill_the_payload_to_the_last_byte() -> None:
    assert isinstance(succeeded(attempt(), "x" * 997, 1_000), Done)
    assert isinstance(succeeded(attempt(), "x" * 998, 1_000), Dead)


def test_a_value_is_the_result() -> None:
    outcome = succeeded(attempt(), {"a": 1}, 1_000)
    assert isinstance(outcome, Done)
    assert (outcome.lease, outcome.ttl, outcome.state) == (LEASE, 60.0, JobState.SUCCEEDED)
    assert msgspec.msgpack.decode(outcome.result or b"") == {"a": 1}


def test_without_a_time_the_value_is_not_even_encoded() -> None:
    outcome = succeeded(attempt(result_ttl=0.0), Evil(), 1_000)
    assert isinstance(outcome, Done)
    assert (outcome.result, outcome.ttl) == (None, 0.0)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Evil(), "its result cannot be encoded: a Evil cannot travel"),
        (2**70, "its result cannot be encoded"),
        ("\ud800", "its result cannot be encoded"),
        ("x" * 1_000, r"its result has 1,003 bytes, more than max_payload (1,000)"),
    ],
)
def test_a_value_that_cannot_be_kept_is_a_dead_letter(value: object, reason: str) -> None:
    """To try again would do the work twice, and end in the same way."""
    outcome = succeeded(attempt(), value, 1_000)
    assert isinstance(outcome, Dead)
    assert outcome.reason.startswith(f"the task ran to its end, but {reason}")
    assert (outcome.attempt, outcome.meta) == (2, b"meta")
    assert decode_failure(outcome.result).reason == outcome.reason


def test_a_value_that_holds_itself_is_a_dead_letter() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert isinstance(succeeded(attempt(), endless, 1_000), Dead)


# failure


def test_a_failure_is_tried_again_after_a_wait() -> None:
    outcome = ended(ValueError("bad"))
    assert isinstance(outcome, Reschedule)
    assert (outcome.attempt, outcome.delay) == (3, 8.0)
    kept = decode_history(outcome.meta)
    assert kept.failures == (FailedAttempt(3, 1_000.0, "ValueError", "bad"),)
    assert kept.traceback.endswith("ValueError: bad\n")


def test_the_end_of_a_long_traceback_travels() -> None:
    outcome = ended(ValueError("x" * 5_000))
    assert isinstance(outcome, Reschedule)
    assert len(decode_history(outcome.meta).traceback) == 4_096


def test_chance_shortens_the_wait() -> None:
    outcome = failed(attempt(), ValueError(), 1_000.0, 1.0)
    assert isinstance(outcome, Reschedule)
    assert outcome.delay == 4.0


def test_the_history_keeps_the_last_failures_in_a_bounded_size() -> None:
    old = History(tuple(FailedAttempt(n, 1.0, "Old", "x") for n in range(1, 11)))
    lease = msgspec.structs.replace(LEASE, meta=encode(old), attempt=10)
    outcome = ended(ValueError("x" * 10_000), lease=lease, policy=RetryPolicy(attempts=50))
    assert isinstance(outcome, Reschedule)
    kept = decode_history(outcome.meta).failures
    assert [failure.attempt for failure in kept] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert len(kept[-1].message) == 512
    assert len(outcome.meta) < 6_000


def test_the_last_failure_is_a_dead_letter() -> None:
    lease = msgspec.structs.replace(LEASE, attempt=4)
    outcome = ended(ValueError("bad"), lease=lease)
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.attempt, outcome.ttl) == ("attempts used up (5)", 5, 60.0)
    failure = decode_failure(outcome.result)
    assert (failure.reason, failure.error, failure.message) == (
        "attempts used up (5)",
        "ValueError",
        "bad",
    )
    assert failure.traceback
    assert decode_history(outcome.meta).failures[-1].attempt == 5


def test_what_is_not_retried_is_a_dead_letter() -> None:
    outcome = ended(KeyError("x"), policy=RetryPolicy(attempts=9, never=(LookupError,)))
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.attempt) == ("KeyError is not retried", 3)


# what a task asks for


def test_a_retry_uses_an_attempt_and_names_its_wait() -> None:
    outcome = ended(Retry("later", after=30))
    assert isinstance(outcome, Reschedule)
    assert (outcome.attempt, outcome.delay) == (3, 30.0)
    assert decode_history(outcome.meta).failures[-1].message == "later"


def test_a_retry_without_a_wait_leaves_it_to_the_policy() -> None:
    outcome = ended(Retry(), policy=RetryPolicy(attempts=9, base=2.0, jitter=0, on=(OSError,)))
    assert isinstance(outcome, Reschedule)
    assert outcome.delay == 8.0


def test_a_retry_without_an_attempt_left_is_a_dead_letter() -> None:
    outcome = ended(Retry(after=1), policy=RetryPolicy(attempts=3))
    assert isinstance(outcome, Dead)
    assert outcome.reason == "attempts used up (3)"


def test_a_snooze_uses_no_attempt() -> None:
    outcome = ended(Snooze(60), policy=RetryPolicy(attempts=1))
    assert isinstance(outcome, Reschedule)
    assert (outcome.attempt, outcome.delay, outcome.meta) == (2, 60.0, b"meta")


def test_a_rejection_is_a_dead_letter_at_once() -> None:
    outcome = ended(Reject("wrong address"))
    assert isinstance(outcome, Dead)
    assert (outcome.reason, outcome.attempt) == ("rejected by its task: wrong address", 3)
    assert decode_failure(outcome.result).message == "wrong address"


@pytest.mark.parametrize("signal", [Snooze(-1), Retry(after=float("nan"))])
def test_a_wait_that_makes_no_sense_is_a_failure(signal: Exception) -> None:
    outcome = ended(signal)
    assert isinstance(outcome, Reschedule)
    assert outcome.attempt == 3
    assert decode_history(outcome.meta).failures[-1].error == "headrace.errors.InvalidOption"


# cancellation


def test_a_lost_lease_settles_nothing() -> None:
    assert stopped(attempt(), CancelReason.LEASE_LOST, 1_000.0, 0.0) is None


def test_a_shutdown_gives_the_job_back() -> None:
    outcome = stopped(attempt(), CancelReason.SHUTDOWN, 1_000.0, 0.0)
    assert isinstance(outcome, Release)
    assert outcome.lease is LEASE


def test_a_cancelled_job_is_over() -> None:
    outcome = stopped(attempt(), CancelReason.CANCELLED, 1_000.0, 0.0)
    assert isinstance(outcome, Done)
    assert (outcome.state, outcome.result, outcome.ttl) == (JobState.CANCELLED, None, 60.0)


def test_a_timeout_is_a_failure() -> None:
    outcome = stopped(attempt(), CancelReason.TIMEOUT, 1_000.0, 0.0)
    assert isinstance(outcome, Reschedule)
    [failure] = decode_history(outcome.meta).failures
    assert (failure.error, failure.message) == ("TimeoutError", "timed out after 5 s")


def test_a_policy_can_except_timeouts() -> None:
    picky = attempt(policy=RetryPolicy(never=(TimeoutError,)))
    assert isinstance(stopped(picky, CancelReason.TIMEOUT, 1_000.0, 0.0), Dead)
