"""The way in for calls, until the broker is closed."""

from __future__ import annotations

import asyncio

from headrace.errors import Unavailable


class Gate:
    """Lets calls in until it is shut, and tells when the last one is out."""

    def __init__(self) -> None:
        self._inside = 0
        self._is_shut = False
        self._empty = asyncio.Event()

    def __enter__(self) -> None:
        if self._is_shut:
            message = "the broker is closed"
            raise Unavailable(message)
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()

    def shut(self) -> None:
        """Let nobody in any more."""
        self._is_shut = True

    async def emptied(self) -> None:
        """Return when nobody is inside."""
        while self._inside:
            self._empty.clear()
            await self._empty.wait()
