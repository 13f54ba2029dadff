"""Waits for a job without asking again and again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from headrace.job import Lease


class Doorbell:
    """One blocking read at a time for one consumer, which is never cancelled.

    A caller that is cancelled leaves the read alone. What it brings when nobody waits any more is
    given back.

    Args:
        read: Waits so many seconds for a job.
        give_back: Takes a job that nobody waits for.
    """

    def __init__(
        self,
        read: Callable[[float], Awaitable[Lease | None]],
        give_back: Callable[[Lease], None],
    ) -> None:
        self._read = read
        self._give_back = give_back
        self._callers: deque[asyncio.Future[Lease | None]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def ring(self, seconds: float) -> Lease | None:
        """Return a job when one comes, or `None` when the read that goes on is over.

        Args:
            seconds: For which to read, if no read goes on.

        Raises:
            BrokerError: The read failed.
        """
        caller: asyncio.Future[Lease | None] = asyncio.get_running_loop().create_future()
        self._callers.append(caller)
        if self._reading is None:
            self._reading = asyncio.create_task(self._run(seconds), name="headrace-doorbell")
        try:
            return await caller
        except asyncio.CancelledError:
            if caller.done() and not caller.cancelled() and caller.exception() is None:
                self._answer(caller.result())
            raise
        finally:
            if caller in self._callers:
                self._callers.remove(caller)

    async def _run(self, seconds: float) -> None:
        try:
            lease = await self._read(seconds)
        except Exception as error:  # noqa: BLE001 - it goes to those who wait
            self._reading = None
            for caller in self._callers:
                if not caller.done():
                    caller.set_exception(error)
        else:
            self._reading = None
            self._answer(lease)
        self._callers.clear()

    def _answer(self, lease: Lease | None) -> None:
        """Give the job to the first who waits; the others are to ask again."""
        for caller in self._callers:
            if not caller.done():
                caller.set_result(lease)
                lease = None
        if lease is not None:
            self._give_back(lease)

    async def close(self) -> None:
        """Wait until the read that goes on is over."""
        if self._reading is not None:
            await asyncio.wait([self._reading])
