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
        if seconds is None:
            return await self._wait(condition)
        end = self._clock.monotonic() + seconds
        timer = self._clock.call_later(seconds, self.beat)
        try:
            await self._wait(lambda: condition() or self._clock.monotonic() >= end)
        finally:
            timer.cancel()
        return condition()

    async def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            self._event.clear()
            await self._event.wait()
        return True
