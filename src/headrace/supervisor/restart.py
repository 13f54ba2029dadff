"""When a worker process that ended is started again: values in, values out."""

from __future__ import annotations

from collections.abc import Callable

from headrace.retry import RetryPolicy

PAUSES = RetryPolicy(base=0.5, factor=2.0, max_delay=30.0)
"""The pauses before the restarts of a process that ends again and again."""

STEADY = 60.0
"""Seconds of serving after which an end is the first one again."""


def failures(before: int, served: float | None) -> int:
    """Return how often in a row a process ended unasked.

    Args:
        before: How often until now.
        served: The seconds for which it was ready, `None` if it never was.
    """
    return 1 if served is not None and served >= STEADY else before + 1


def pause(failures: int, chance: Callable[[], float]) -> float:
    """Return the seconds to wait before the restart: at most half a second after the first end.

    Args:
        failures: How often in a row it ended, 1 or more.
        chance: Returns a random number from 0 up to 1.
    """
    return PAUSES.wait(failures, chance)
