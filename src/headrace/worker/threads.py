"""Plain functions: they run in threads, so many at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from anyio import CapacityLimiter, to_thread

R = TypeVar("R")


class Threads:
    """Runs functions in threads.

    A thread cannot be stopped. When the job that waits for it is cancelled, the function runs on,
    and its place stays taken until it returns: functions that never end use up places, not memory.
    """

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        # anyio gives a place back when the waiting ends, so ours are counted by `_places`.
        self._unlimited = CapacityLimiter(float("inf"))
        self.busy: int = 0

    async def run(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call a function in a thread and return what it returns.

        A cancelled call abandons the thread.
        """
        await self._places.acquire()
        self.busy += 1
        loop = asyncio.get_running_loop()
        begun = threading.Lock()

        def call() -> R | None:
            # Whoever takes the lock first gives the place back: the thread, or a waiter that was
            # cancelled before the thread began.
            if not begun.acquire(blocking=False):
                return None
            try:
                return function(*args, **kwargs)
            finally:
                loop.call_soon_threadsafe(self._leave)

        try:
            return cast(
                "R",
                await to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._unlimited),
            )
        finally:
            if begun.acquire(blocking=False):
                self._leave()

    def _leave(self) -> None:
        self.busy -= 1
        self._places.release()
