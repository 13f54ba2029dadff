"""Bounds of the server's clock: never too early, never too late, as narrow as the answers allow."""

from __future__ import annotations

import pytest

from headrace_nats.server_clock import FRESH, ServerClock, moment_of, written

NOON = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-01-01T12:00:00Z", NOON),
        ("2026-01-01T12:00:00.5Z", NOON + 0.5),
        ("2026-01-01T12:00:00.123456789Z", NOON + 0.123456789),
        ("2026-01-01T12:00:00.000000001Z", NOON),
    ],
)
def test_moments_of_the_server_are_read(text: str, moment: float) -> None:
    assert moment_of(text) == pytest.approx(moment, abs=1e-6)


def test_a_moment_is_written_in_microseconds_and_never_earlier() -> None:
    assert written(NOON) == "2026-01-01T12:00:00.000000Z"
    assert written(0.0000001) == "1970-01-01T00:00:00.000001Z"
    for moment in (NOON + 0.1, NOON + 1 / 3, 1.0000004):
        assert moment_of(written(moment)) >= moment - 1e-7


def test_nothing_is_known_before_the_first_answer() -> None:
    assert not ServerClock().is_fresh(0.0)
    assert not ServerClock().is_fresh(1e9)


def test_the_bounds_hold_the_time_between_question_and_answer() -> None:
    clock = ServerClock()
    clock.observe(100.0, 102.0, "2026-01-01T12:00:00Z")
    assert clock.latest(102.0) == pytest.approx(NOON + 2.0)
    assert clock.earliest(102.0) == pytest.approx(NOON)
    assert clock.latest(105.0) == pytest.approx(NOON + 5.0)
    assert clock.earliest(105.0) == pytest.approx(NOON + 3.0)


def test_an_answer_is_fresh_for_a_while() -> None:
    clock = ServerClock()
    clock.observe(100.0, 101.0, "2026-01-01T12:00:00Z")
    assert clock.is_fresh(101.0 + FRESH - 0.01)
    assert not clock.is_fresh(101.0 + FRESH)


def test_of_fresh_answers_the_quicker_one_counts() -> None:
    clock = ServerClock()
    clock.observe(100.0, 101.0, "2026-01-01T12:00:00Z")
    clock.observe(101.0, 103.0, "2026-01-01T12:00:07Z")
    assert clock.latest(103.0) == pytest.approx(NOON + 3.0)
    clock.observe(103.0, 103.1, "2026-01-01T12:00:09Z")
    assert clock.latest(103.1) == pytest.approx(NOON + 9.1)
    assert clock.earliest(103.1) == pytest.approx(NOON + 9.0)


def test_a_slow_answer_replaces_one_that_is_not_fresh_any_more() -> None:
    clock = ServerClock()
    clock.observe(100.0, 100.1, "2026-01-01T12:00:00Z")
    clock.observe(200.0, 205.0, "2026-01-01T12:00:50Z")
    assert clock.latest(205.0) == pytest.approx(NOON + 55.0)
    assert clock.is_fresh(205.0)
