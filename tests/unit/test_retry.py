from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import InvalidOption, RetryPolicy
from headrace.codec import RetryNumbers
from headrace.retry import NO_RETRY


def longest() -> float:
    return 0.0


def test_waits_grow_up_to_the_longest() -> None:
    policy = RetryPolicy(attempts=9, base=2.0, factor=3.0, max_delay=60)
    assert [policy.wait(failures, longest) for failures in range(1, 6)] == [2, 6, 18, 54, 60]


def test_a_policy_that_says_nothing_is_the_documented_one() -> None:
    policy = RetryPolicy()
    assert (policy.attempts, policy.base, policy.factor) == (3, 1.0, 2.0)
    assert (policy.max_delay, policy.jitter) == (300.0, 0.5)
    assert NO_RETRY.attempts == 1


def test_a_policy_is_written_out_and_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        RetryPolicy(5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(AttributeError):
        RetryPolicy().attempts = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_wait_too_long_to_count_is_the_longest() -> None:
    policy = RetryPolicy(base=1.0, factor=10.0, max_delay=60.0, jitter=0.0)
    assert policy.wait(10_000, longest) == 60.0


@pytest.mark.parametrize("fields", [{"attempts": 1}, {"factor": 1}, {"jitter": 0}, {"jitter": 1}])
def test_policies_at_the_edge(fields: dict[str, Any]) -> None:
    assert RetryPolicy(**fields).attempts >= 1


def test_jitter_takes_off_a_share() -> None:
    policy = RetryPolicy(base=8.0, jitter=0.25)
    assert policy.wait(1, lambda: 1.0) == 6.0
    assert RetryPolicy(base=8.0, jitter=0.0).wait(1, lambda: 1.0) == 8.0


@given(st.integers(1, 10**6), st.floats(1, 1e9), st.floats(0, 1, exclude_max=True))
def test_no_wait_is_out_of_bounds(failures: int, factor: float, chance: float) -> None:
    policy = RetryPolicy(base=0.5, factor=factor, max_delay=100.0, jitter=0.5)
    assert 0.25 <= policy.wait(failures, lambda: chance) <= 100.0


def test_durations_can_be_timedeltas() -> None:
    policy = RetryPolicy(base=timedelta(seconds=2), max_delay=timedelta(minutes=1))
    assert (policy.base, policy.max_delay) == (2.0, 60.0)


@pytest.mark.parametrize(
    ("policy", "error", "failures", "again"),
    [
        (RetryPolicy(attempts=3), ValueError, 1, True),
        (RetryPolicy(attempts=3), ValueError, 2, True),
        (RetryPolicy(attempts=3), ValueError, 3, False),
        (RetryPolicy(attempts=1), ValueError, 1, False),
        (RetryPolicy(), SystemExit, 1, True),
        (RetryPolicy(on=(OSError,)), ConnectionError, 1, True),
        (RetryPolicy(on=(OSError,)), ValueError, 1, False),
        (RetryPolicy(never=(LookupError,)), KeyError, 1, False),
        (RetryPolicy(never=(LookupError,)), ValueError, 1, True),
        (RetryPolicy(on=(OSError,), never=(ConnectionError,)), ConnectionError, 1, False),
    ],
)
def test_what_is_tried_again(
    policy: RetryPolicy, error: type[BaseException], failures: int, again: bool
) -> None:
    assert policy.allows(error, failures) is again


def test_the_numbers_of_a_policy_travel() -> None:
    sent = RetryPolicy(attempts=5, base=1.5, factor=3.0, max_delay=30, jitter=0.1)
    assert sent.numbers() == RetryNumbers(5, 1.5, 3.0, 30.0, 0.1)
    arrived = RetryPolicy(on=(OSError,), never=(KeyError,)).with_numbers(sent.numbers())
    assert (arrived.attempts, arrived.base, arrived.factor) == (5, 1.5, 3.0)
    assert (arrived.max_delay, arrived.jitter) == (30.0, 0.1)
    assert (arrived.on, arrived.never) == ((OSError,), (KeyError,))


@pytest.mark.parametrize(
    "fields",
    [
        {"attempts": 0},
        {"base": -1},
        {"base": float("nan")},
        {"factor": 0.5},
        {"factor": float("inf")},
        {"factor": float("nan")},
        {"max_delay": timedelta(seconds=-1)},
        {"jitter": 1.5},
        {"jitter": -0.1},
    ],
)
def test_policies_that_make_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(fields))):
        RetryPolicy(**fields)
