from __future__ import annotations

from datetime import timedelta

import pytest

from headrace.durations import seconds
from headrace.errors import InvalidOption


@pytest.mark.parametrize(
    ("duration", "expected"), [(0, 0.0), (1.5, 1.5), (timedelta(minutes=1, milliseconds=5), 60.005)]
)
def test_durations_become_seconds(duration: object, expected: float) -> None:
    assert seconds(duration, name="delay") == expected


@pytest.mark.parametrize(
    "duration", [-1, -0.001, float("inf"), float("nan"), timedelta(seconds=-1), "5", None]
)
def test_what_is_no_duration_is_refused(duration: object) -> None:
    with pytest.raises(InvalidOption, match="delay is a finite number of seconds"):
        seconds(duration, name="delay")
