"""A second event loop in a thread of its own, beside the one that it is made in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LoopThread:
    """Runs coroutines in a thread. It starts at once, and does not keep the process from ending.

    It belongs to the event loop in which it is made, its home: all but `post` is called there.

    Args:
        name: The thread's.
        finish: What is done in the thread before it ends.
    """

    def __init__(self, name: str, finish: Callable[[], Awaitable[None]]) -> None:
        self._finish = finish
        self._home = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._stop, self._ended = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread. A cancelled call cancels it there, and does not wait."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def post(self, function: Callable[[*Ts], object], /, *args: *Ts) -> None:
        """Have a function called at home, from the thread. A home that is gone hears nothing."""
        with suppress(RuntimeError):
            self._home.call_soon_threadsafe(function, *args)

    async def end(self, seconds: float) -> bool:
        """Tell the thread to finish, and wait so long for it. Cancelled: it was told.

        Returns:
            Whether it ended. Otherwise something in it hangs, until the process ends.
        """
        self._loop.call_soon_threadsafe(self._stop.set)
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return False
        self._thread.join()
        return True

    def _live(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._until_stopped())
        finally:
            self.post(self._ended.set)

    async def _until_stopped(self) -> None:
        await self._stop.wait()
        await self._finish()
