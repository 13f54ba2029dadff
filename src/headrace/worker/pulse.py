"""Lets one asyncio task wait for a condition that others change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from headrace.clock import Clock


class Pulse:
    """A condition variable without a lock, for code that runs in one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Say that something changed."""
        self._event.set()

    async def until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Return when the condition holds, or the time is up.

        Returns:
            Whether it holds.
        """
        # Not by comparing times: an event loop's timer may fire a little early, and only once.
        over = asyncio.Event()
        timer = None if seconds is None else self._clock.call_later(seconds, self._end, over)
        try:
            while not (condition() or over.is_set()):
                self._event.clear()
                await self._event.wait()
        finally:
            if timer is not None:
                timer.cancel()
        return condition()

    def _end(self, over: asyncio.Event) -> None:
        over.set()
        self.beat()
