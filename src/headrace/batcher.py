"""Coalescing: what arrives while a flush is in flight is the next batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
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
        flights: How many flushes may be under way. All but the first take whole batches only: else
            there would be more and smaller ones.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[None]],
        *,
        limit: int,
        name: str,
        flights: int = 1,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._name = name
        self._flights = flights
        self._pending: list[T] = []
        self._flushing: set[asyncio.Task[None]] = set()
        self._latest: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Put an item into the next batch."""
        self._pending.append(item)
        flying = self._flying()
        if not flying or (flying < self._flights and len(self._pending) >= self._limit):
            flush = self._run()
            self._latest = asyncio.get_running_loop().create_task(flush, name=self._name)
            self._flushing.add(self._latest)

    def _flying(self) -> int:
        """Count the flushes under way."""
        if self._flushing and self._latest is not None and self._latest.done():
            # One that is cancelled before its first step does not come to its `finally`.
            self._flushing = {flush for flush in self._flushing if not flush.done()}
        return len(self._flushing)

    async def _run(self) -> None:
        limit = self._limit
        try:
            while self._pending:
                batch, self._pending = self._pending[:limit], self._pending[limit:]
                await self._flush(batch)
        finally:
            self._flushing.discard(asyncio.current_task())

    async def drain(self) -> None:
        """Return when everything that was added has been flushed. Cancelled, it stops nothing."""
        while self._flying():
            await asyncio.wait(self._flushing)


def parts(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Split a batch so that no part is larger than `most` in all, unless a single item is.

    Args:
        sizes: Of its items.
        most: In the unit of the sizes.
    """
    start = total = 0
    for index, size in enumerate(sizes):
        total += size
        if index > start and total > most:
            yield slice(start, index)
            start, total = index, size
    if start < len(sizes):
        yield slice(start, len(sizes))
