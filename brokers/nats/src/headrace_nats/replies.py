"""What the server answers, while somebody waits for it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from headrace_nats.incoming import Incoming


class Pending(ABC):
    """Messages that somebody waits for."""

    def __init__(self) -> None:
        self.all_there: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @abstractmethod
    def put(self, index: int, msg: Incoming) -> bool:
        """Take a message, and tell whether it is the last one under its subject."""

    def fail(self, error: Exception) -> None:
        """Wait no longer."""
        if not self.all_there.done():
            self.all_there.set_exception(error)

    def _end(self) -> None:
        if not self.all_there.done():
            self.all_there.set_result(None)


class Replies(Pending):
    """One reply to each of several requests.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self.replies: list[Incoming | None] = [None] * count
        self._left = count

    def put(self, index: int, msg: Incoming) -> bool:
        """Take the reply to one of them."""
        self.replies[index] = msg
        self._left -= 1
        if not self._left:
            self._end()
        return True


class Page(Pending):
    """Messages that one request brings, up to a status."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Incoming] = []

    def put(self, index: int, msg: Incoming) -> bool:  # noqa: ARG002
        """Take one of them."""
        if not msg.status:
            self.messages.append(msg)
            return False
        self._end()
        return True
