"""What the memory broker keeps about jobs that are over, and for how long."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """A dict whose entries end at a time of their own."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, T]] = {}
        self._ends: list[tuple[float, str]] = []

    def put(self, key: str, value: T, until: float) -> None:
        """Keep a value until then."""
        self._entries[key] = (until, value)
        heapq.heappush(self._ends, (until, key))

    def get(self, key: str, now: float) -> T | None:
        """Return the value unless its time is over."""
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] > now else None

    def drop(self, key: str) -> None:
        """Forget a value now."""
        self._entries.pop(key, None)

    def sweep(self, now: float, limit: int) -> None:
        """Forget up to `limit` values whose time is over."""
        for key in self._over(now, limit):
            entry = self._entries.get(key)
            if entry is not None and entry[0] <= now:
                del self._entries[key]

    def _over(self, now: float, limit: int) -> Iterator[str]:
        while limit and self._ends and self._ends[0][0] <= now:
            limit -= 1
            yield heapq.heappop(self._ends)[1]
