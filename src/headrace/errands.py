"""Calls that come to their end although nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Errands:
    """Holds on to calls that are under way until they have ended.

    Args:
        name: Of their asyncio tasks.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, call: Coroutine[Any, Any, object]) -> None:
        """Begin a call that nobody waits for. What it raises is logged by the event loop."""
        _ = self._begin(call)

    async def finish(self, call: Coroutine[Any, Any, T], undo: Callable[[T], object]) -> T:
        """Make a call, and let it come to its end although its caller is cancelled.

        Args:
            call: What to do.
            undo: Gets what the call returned when nobody waited for it any more.
        """
        task = self._begin(call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda task: _hand_over(task, undo))
            raise

    async def ended(self) -> None:
        """Return when nothing is under way any more. Cancelled, it stops nothing."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(call, name=self._name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _hand_over(task: asyncio.Task[T], undo: Callable[[T], object]) -> None:
    if not task.cancelled() and task.exception() is None:
        undo(task.result())
