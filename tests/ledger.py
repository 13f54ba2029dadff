"""What a test's jobs write down when they run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable


class Ledger:
    """Counts starts and ends of jobs by their numbers, and wakes who waits for them.

    Attributes:
        started: How often each job was started.
        ended: How often each job came to its end.
    """

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()
        self._changed = asyncio.Event()

    def start(self, number: int) -> int:
        """Note a start, and return the how manieth of this job it is."""
        self.started[number] += 1
        self._changed.set()
        return self.started[number]

    def end(self, number: int) -> None:
        """Note that a job came to its end."""
        self.ended[number] += 1
        self._changed.set()

    async def until(self, condition: Callable[[], bool], patience: float = 30.0) -> None:
        """Return when a condition holds that starts and ends of jobs make true.

        Raises:
            TimeoutError: It did not come true in so many seconds.
        """
        async with asyncio.timeout(patience):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
