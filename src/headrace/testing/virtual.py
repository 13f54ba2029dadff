"""Virtual time: the clock of a harness, and that of a worker in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVarTuple

from headrace.testing.clock import ManualClock, ManualTimer
from headrace.testing.running import waiting

Ts = TypeVarTuple("Ts")


class VirtualClock(ManualClock):
    """The clock of a harness. It knows which jobs sleep by it, and so do nothing meanwhile."""

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by so many seconds."""
        with waiting():
            await super().sleep(seconds)

    def move_to(self, moment: float) -> None:
        """Let it be a moment by `monotonic()`. No timer fires."""
        self._now = max(self._now, moment)


class WorkerClock(ManualClock):
    """Shows the time of another clock, and has timers of its own.

    They are a worker's: while it has no job, there is no need to stop at each of them.
    """

    def __init__(self, main: ManualClock) -> None:
        super().__init__()
        self._main = main
        self._released = False

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return self._main.time()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._main.monotonic()

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> ManualTimer:
        """Call `callback(*args)` after `delay` seconds, or at once if nobody counts them."""
        timer = super().call_later(delay, callback, *args)
        if self._released:
            asyncio.get_running_loop().call_soon(self.fire_next)
        return timer

    def release(self) -> None:
        """Let every timer fire at once, now and later: nobody will move this clock any more."""
        self._released = True
        while self.next_timer() is not None:
            self.fire_next()
