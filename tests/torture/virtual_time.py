"""An event loop whose time jumps: many processes live in it, and each can stand still or die.

What a callback belongs to is told by its context: whatever a process starts is its own too.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from contextvars import Context, ContextVar, copy_context
from typing import Any

from headrace.clock import SystemClock

WALL = 1_750_000_000.0
"""The wall time at which every simulation begins."""


class Life:
    """A process: its callbacks run, wait until it goes on, or never run again.

    Args:
        pid: Its number.

    Attributes:
        alive: Whether its callbacks run.
        context: In which its tasks are made.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.alive = True
        self.waiting: deque[asyncio.Handle] = deque()
        self.context: Context = copy_context()
        self.context.run(LIFE.set, self)


LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)
"""Whose callback it is; nobody's: it belongs to the world outside, which nothing is done to."""

OUTSIDE = copy_context()


class Stuck(Exception):
    """Nothing will ever happen any more, and somebody waits."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in an order that depends on nothing but themselves. No time passes in it.

    Attributes:
        troubles: What asyncio complained of.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self.troubles: list[str] = []
        self.set_exception_handler(lambda _, facts: self.troubles.append(str(facts["message"])))

    def time(self) -> float:
        """Return the seconds since the beginning."""
        return self._now

    def resume(self, life: Life) -> None:
        """Let a process go on where it stood still."""
        life.alive = True
        self._ready.extend(life.waiting)
        life.waiting.clear()

    def _run_once(self) -> None:
        """Run what is ready; if nothing is, go to the moment at which something will be."""
        while self._scheduled and self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)
        if not self._ready:
            if not self._scheduled:
                raise Stuck
            self._now = max(self._now, self._scheduled[0].when())
        while self._scheduled and self._scheduled[0].when() <= self._now:
            self._ready.append(heapq.heappop(self._scheduled))
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            life = _context_of(handle).get(LIFE)
            if life is not None and not life.alive:
                life.waiting.append(handle)
            elif not handle.cancelled():
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...

    def _write_to_self(self) -> None: ...


def _context_of(handle: Any) -> Context:
    return handle._context  # type: ignore[no-any-return]


class VirtualClock(SystemClock):
    """The clock of a virtual loop. It has no state: all processes of a loop share its time."""

    __slots__ = ("_loop",)

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def time(self) -> float:
        """Return the wall time, in seconds since the epoch."""
        return WALL + self._loop.time()

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self._loop.time()


class Complaints(logging.Handler):
    """Keeps what is logged as a bug, and swallows the rest: much goes wrong in a simulation.

    Attributes:
        bugs: What was logged with the traceback of what is no broker's error.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.bugs: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record."""
        if record.exc_info:
            self.bugs.append(f"{record.getMessage()}: {record.exc_info[1]!r}")
