"""How many jobs of one task run at a time, for the tasks that ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from headrace.implementation import Implementation


class TaskLimits:
    """A semaphore for each task that has a concurrency of its own.

    A job that waits for its task's semaphore holds a slot of the worker. So that a crowd of them
    cannot take all the slots, only so many may wait; the others are given back for a while.
    """

    def __init__(self, waiters: int) -> None:
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._places = waiters

    def admits(self, task: Implementation) -> bool:
        """Tell whether a job of this task may start or wait here."""
        return task.concurrency is None or not self._of(task).locked() or self._places > 0

    @asynccontextmanager
    async def slot(self, task: Implementation) -> AsyncGenerator[None]:
        """Wait for a place among the running jobs of this task, and hold it."""
        semaphore = self._of(task)
        self._places -= 1
        try:
            await semaphore.acquire()
        finally:
            self._places += 1
        try:
            yield
        finally:
            semaphore.release()

    def _of(self, task: Implementation) -> asyncio.Semaphore:
        semaphore = self._semaphores.get(task.task)
        if semaphore is None:
            semaphore = self._semaphores[task.task] = asyncio.Semaphore(task.concurrency or 1)
        return semaphore
