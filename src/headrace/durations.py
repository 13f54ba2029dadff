"""Durations: seconds or a `timedelta` at the face, `float` seconds within."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from headrace.errors import InvalidOption

Duration: TypeAlias = float | timedelta
"""Seconds, or a `timedelta`."""

LONGEST = 100 * 365.25 * 86400
"""Seconds, at most: brokers count in thousandths and in thousand-millionths, and none for ever."""


def seconds(duration: object, *, name: str) -> float:
    """Return a duration as seconds.

    Args:
        duration: Seconds, or a `timedelta`; anything else is refused.
        name: What the duration is, for the error.

    Raises:
        InvalidOption: It is negative, longer than 100 years or no duration.
    """
    value = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
        message = (
            f"{name} is a finite number of seconds, 0 or more, up to 100 years, "
            f"or a timedelta: {duration!r}"
        )
        raise InvalidOption(message)
    return float(value)
