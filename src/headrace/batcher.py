"""Coalescing: one flush in flight, and what arrives meanwhile is the next batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Hands items that arrive one by one to `flush` in batches.

    Idle, an item waits for nothing but the end of the event loop's present round, so that
    `asyncio.gather` of many makes one batch. Busy, batches grow with the load by themselves.

    Args:
        flush: Takes a batch. It must not raise; a flush is not cancelled by those who added to it.
        limit: The longest batch.
        name: The name of the asyncio task that flushes.
    """

    def __init__(
        self, flush: Callable[[list[T]], Awaitable[None]], *, limit: int, name: str
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._name = name
        self._pending: list[T] = []
        self._flushing: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Put an item into the next batch."""
        self._pending.append(item)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._run(), name=self._name)

    async def _run(self) -> None:
        try:
            while self._pending:
                arrived, self._pending = self._pending, []
                for start in range(0, len(arrived), self._limit):
                    await self._flush(arrived[start : start + self._limit])
        finally:
            self._flushing = None

    async def drain(self) -> None:
        """Return when everything that was added has been flushed. Cancelled, it stops nothing."""
        while self._flushing is not None:
            await asyncio.wait([self._flushing])
