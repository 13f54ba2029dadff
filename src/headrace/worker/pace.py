"""How fast a worker gets through its jobs, and how many to claim ahead for that."""

from __future__ import annotations

SHORT_JOB = 0.01
"""Seconds: jobs that take less on average are claimed ahead."""

AHEAD = 0.05
"""Seconds for which claimed jobs may last: longer, and another worker would have had them sooner.
Slots do not tell it: jobs that keep the processor busy run one at a time, whatever their number."""

DEEPEST = 16
"""Jobs that are claimed ahead for each slot at most: the broker works while these run. With 4 of
them it had to wait for the worker: 29,100 no-op jobs a second on NATS and 56,300 on Redis, 39,500
and 66,200 with 16."""

SMOOTHING = 0.05
"""Weight of the newest job in the averages."""


class Pace:
    """Two averages: how long a job takes, and how long it is from one end to the next.

    Args:
        concurrency: Jobs at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self._deepest = DEEPEST * concurrency
        self._duration = 1.0
        self._gap = SHORT_JOB
        self._ended = float("-inf")

    def ended(self, began: float, now: float) -> None:
        """Take note of a job that ran from one moment to another, in seconds."""
        self._duration += SMOOTHING * (now - began - self._duration)
        # A worker that had nothing to do is not slow.
        self._gap += SMOOTHING * (min(now - self._ended, SHORT_JOB) - self._gap)
        self._ended = now

    @property
    def ahead(self) -> int:
        """How many jobs to claim beyond the free slots."""
        if self._duration >= SHORT_JOB:
            return 0
        return int(AHEAD / max(self._gap, AHEAD / self._deepest))
