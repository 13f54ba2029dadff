"""The server's clock, as far as a client can know it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil

EPOCH = datetime.fromtimestamp(0, UTC)
FRESH = 10.0
"""Seconds for which an observation is good: clocks drift, and servers take turns to lead."""


class ServerClock:
    """Bounds of the server's time, from answers that name the moment at which they were given.

    The answer was given after the request was sent and before the answer came. So the server's
    clock is ahead of ours by no more than the one, and by no less than the other, tells.
    """

    def __init__(self) -> None:
        self._observed_at = float("-inf")
        self._most = self._least = 0.0

    def is_fresh(self, now: float) -> bool:
        """Tell whether the last observation is good enough."""
        return now - self._observed_at < FRESH

    def observe(self, sent: float, received: float, told: str) -> None:
        """Take note of an answer.

        Args:
            sent: When it was asked for, by the client's clock.
            received: When it came.
            told: The moment that it names, in RFC 3339.
        """
        moment = moment_of(told)
        most, least = moment - sent, moment - received
        if not self.is_fresh(received) or most - least < self._most - self._least:
            self._most, self._least = most, least
            self._observed_at = received

    def latest(self, now: float) -> float:
        """Return a moment that the server's clock has not reached before `now`, or just then."""
        return now + self._most

    def earliest(self, now: float) -> float:
        """Return a moment that the server's clock has reached by `now`."""
        return now + self._least


def moment_of(text: str) -> float:
    """Return seconds since the epoch from RFC 3339 with up to nine digits of a second."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = (datetime.fromisoformat(f"{whole}+00:00") - EPOCH).total_seconds()
    return seconds + float(f"0.{rest or 0}")


def written(moment: float) -> str:
    """Return RFC 3339 for seconds since the epoch, in whole microseconds and never earlier."""
    return (EPOCH + timedelta(microseconds=ceil(moment * 1e6))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
