"""Time as a parameter: nothing else sleeps, and only `headrace.ids` reads a clock beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic as monotonic_time
from time import time as wall_time
from typing import Protocol, TypeVarTuple

Ts = TypeVarTuple("Ts")


class Timer(Protocol):
    """A callback that is due later."""

    def cancel(self) -> None:
        """Forget the callback. Harmless when it already ran or was cancelled."""
        ...


class Clock(Protocol):
    """Where code gets its time from, so that a test can move it.

    `headrace.testing.ManualClock` is one that stands still until it is told to move.
    """

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back. Those of `SystemClock` equal `loop.time()`."""
        ...

    def call_later(self, delay: float, callback: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """Call `callback(*args)` in the running event loop after `delay` seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`. A cancelled sleep leaves nothing behind."""
        ...


class SystemClock:
    """The machine's own clocks and the running event loop's timers."""

    __slots__ = ()

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return wall_time()

    def monotonic(self) -> float:
        """Return seconds that never go back; they equal `loop.time()`."""
        return monotonic_time()

    def call_later(self, delay: float, callback: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """Call `callback(*args)` in the running event loop after `delay` seconds."""
        return asyncio.get_running_loop().call_later(delay, callback, *args)

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`. A cancelled sleep leaves nothing behind."""
        await asyncio.sleep(seconds)
