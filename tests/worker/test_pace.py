"""How many jobs a worker claims ahead."""

from __future__ import annotations

import pytest

from headrace.worker.pace import Pace


def paced(duration: float, gap: float, jobs: int = 500) -> Pace:
    """Return the pace of a worker after so many jobs, one end so many seconds after the other."""
    pace = Pace(100)
    for number in range(jobs):
        pace.ended(number * gap - duration, number * gap)
    return pace


@pytest.mark.parametrize(
    ("duration", "gap", "ahead"),
    [
        (0.0001, 0.00001, 1_600),
        (0.0001, 0.0001, 500),
        (0.005, 0.005, 10),
        (0.005, 0.00005, 1_000),
        (0.02, 0.0001, 0),
        (2.0, 2.0, 0),
    ],
    ids=["no-op", "short", "computing", "waiting", "long", "very long"],
)
def test_as_many_as_last_a_twentieth_of_a_second(duration: float, gap: float, ahead: int) -> None:
    assert paced(duration, gap).ahead == pytest.approx(ahead, abs=1)


def test_nothing_is_claimed_ahead_before_jobs_are_known_to_be_short() -> None:
    assert Pace(100).ahead == 0
    assert paced(0.0001, 0.0001, jobs=50).ahead == 0


def test_a_worker_that_had_nothing_to_do_is_not_slow() -> None:
    pace = paced(0.0001, 0.0001)
    pace.ended(99.9999, 100.0)
    assert pace.ahead > 50
