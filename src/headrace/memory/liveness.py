"""Notices when the event loop stood still."""

from __future__ import annotations

from collections.abc import Callable

from headrace.clock import Clock, Timer


class Liveness:
    """Ticks in the event loop while leases are held.

    Whoever holds a lease of the memory broker lives in the same event loop. While a task blocks it
    nobody can renew, and nobody has died: that time does not count.

    Args:
        clock: Where the time comes from.
        interval: Seconds between two ticks.
        held: Called at each tick; says whether leases are still held.
    """

    def __init__(self, clock: Clock, interval: float, held: Callable[[], bool]) -> None:
        self._clock = clock
        self._interval = interval
        self._held = held
        self._last = 0.0
        self._lost = 0.0
        self._timer: Timer | None = None

    def watch(self) -> None:
        """Begin to tick, unless it does."""
        if self._timer is None:
            self._last = self._clock.monotonic()
            self._timer = self._clock.call_later(self._interval, self._tick)

    def stop(self) -> None:
        """Tick no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._account()
        self._timer = None
        if self._held():
            self._timer = self._clock.call_later(self._interval, self._tick)

    def _account(self) -> None:
        now = self._clock.monotonic()
        if now - self._last > 2 * self._interval:
            self._lost += now - self._last
        self._last = now

    def lost_time(self) -> float:
        """Return the seconds for which the loop stood still since this was last asked."""
        if self._timer is not None:
            self._account()
        lost, self._lost = self._lost, 0.0
        return lost
