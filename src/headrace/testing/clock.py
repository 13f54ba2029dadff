"""A clock that stands still until it is told to move."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import TypeVarTuple

Ts = TypeVarTuple("Ts")

ROUNDS = 30
"""Rounds of the event loop that woken tasks get before time goes on."""


class ManualTimer:
    """A callback of a `ManualClock`."""

    __slots__ = ("_run", "cancelled", "when")

    def __init__(self, when: float, run: Callable[[], object]) -> None:
        self.when: float = when
        self.cancelled: bool = False
        self._run = run

    def cancel(self) -> None:
        """Forget the callback. Harmless when it already ran or was cancelled."""
        self.cancelled = True

    def fire(self) -> None:
        """Run the callback."""
        self._run()


class ManualClock:
    """A `Clock` for tests. Time passes only in `advance`.

    Args:
        start: The wall time, in seconds since the epoch.

    Examples:
        >>> clock = ManualClock()
        >>> async with Queue(MemoryBroker(clock=clock)) as queue:
        ...     job = await queue.enqueue(queue.remote("ship").options(delay=60), 42)
        ...     await clock.advance(60)
        ...     await job.status()
        <JobState.QUEUED: 'queued'>
    """

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self._wall_offset = start
        self._now = 0.0
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._sequence = count()

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return self._wall_offset + self._now

    def monotonic(self) -> float:
        """Return the seconds by which the clock was advanced."""
        return self._now

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> ManualTimer:
        """Call `callback(*args)` when the clock has been advanced by `delay` seconds."""
        timer = ManualTimer(self.monotonic() + max(0.0, delay), lambda: callback(*args))
        heapq.heappush(self._timers, (timer.when, next(self._sequence), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by so many seconds.

        A cancelled sleep leaves nothing behind.
        """
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        timer = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    def step_wall(self, seconds: float) -> None:
        """Move the wall time alone, as an operator or NTP does. Negative: back."""
        self._wall_offset += seconds

    def jump(self, seconds: float) -> None:
        """Let time pass while nothing runs, as when a task blocks the event loop.

        What is due meanwhile comes with the next `advance`.
        """
        self._now += seconds

    async def advance(self, seconds: float) -> None:
        """Let time pass: each timer fires at its moment, and what it wakes runs before the next.

        A cancelled call leaves the clock where it came.

        Args:
            seconds: How much of it.
        """
        end = self._now + seconds
        await self.settle()
        while (when := self.next_timer()) is not None and when <= end:
            self._now = max(self._now, when)
            self.fire_next()
            await self.settle()
        self._now = max(self._now, end)
        await self.settle()

    def next_timer(self) -> float | None:
        """Return when the next timer fires, by `monotonic()`; `None`: there is none."""
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire_next(self) -> None:
        """Let the next timer fire now, whatever the time is. What it wakes has not run yet."""
        if self.next_timer() is not None:
            heapq.heappop(self._timers)[2].fire()

    def fire_due(self) -> None:
        """Let each timer fire whose time has come. What they wake has not run yet."""
        while (when := self.next_timer()) is not None and when <= self.monotonic():
            self.fire_next()

    async def settle(self) -> None:
        """Let the tasks that can run do so, without any time passing. Cancelled, it just ends."""
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
