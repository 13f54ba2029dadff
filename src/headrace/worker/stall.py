"""How long an event loop has been silent, counted by another thread that looks now and then."""

from __future__ import annotations

from enum import Enum, auto

LOOK_EVERY = 0.25
"""Seconds between two looks at the event loop."""

BLOCKED_AFTER = 1.0
"""Seconds of silence after which an event loop is blocked.

Garbage collection, a busy machine and a long batch of callbacks take less. Whatever takes longer
holds up every job of the worker, and is worth a line in the log.
"""


class LoopState(Enum):
    """What an event loop does."""

    RUNNING = auto()
    """It answers."""
    BLOCKED = auto()
    """It has not answered for a while; its leases are kept."""
    LET_GO = auto()
    """It has been silent for too long: its leases are let go."""


def state_of(silence: float, max_stall: float) -> LoopState:
    """Return what an event loop does that has been silent for so many seconds."""
    if silence >= max_stall:
        return LoopState.LET_GO
    return LoopState.BLOCKED if silence >= BLOCKED_AFTER else LoopState.RUNNING


class Stall:
    """Counts the silence of one event loop.

    Args:
        max_stall: Seconds of silence after which the leases are let go.

    Attributes:
        state: What the event loop does.
        silence: Seconds since it was asked, as far as the one who looks was awake.
    """

    def __init__(self, max_stall: float) -> None:
        self.state: LoopState = LoopState.RUNNING
        self.silence: float = 0.0
        self._max_stall = max_stall
        self._looked = 0.0

    def ask(self, now: float) -> None:
        """Begin to count: the event loop was asked to answer."""
        self.silence = 0.0
        self._looked = now

    def look(self, now: float, answered: float | None) -> bool:
        """Count the time since the last look.

        Of a pause much longer than `LOOK_EVERY` only a little counts: whoever looks stood still
        too, because the process was stopped or the machine was suspended, and it says nothing of
        the event loop.

        Args:
            now: By the monotonic clock.
            answered: When the event loop answered, `None` if it did not yet.

        Returns:
            Whether the state is another one than before.
        """
        until = now if answered is None else answered
        self.silence += min(until - self._looked, 2 * LOOK_EVERY)
        self._looked = now
        before = self.state
        self.state = (
            state_of(self.silence, self._max_stall) if answered is None else LoopState.RUNNING
        )
        return self.state is not before
