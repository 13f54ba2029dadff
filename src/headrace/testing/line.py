"""A worker's way to its broker: a gate lets jobs through, and when the worker dies it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from headrace.broker import Broker
from headrace.clock import Clock
from headrace.job import Lease
from headrace.outcome import Outcome
from headrace.testing.faults import FaultyBroker, Verb

T = TypeVar("T")

LONG = 1e9
"""Virtual seconds for which a claim waits at an empty queue: no need to ask again and again."""


class Line(FaultyBroker):
    """What one worker has of a broker. It belongs to one event loop.

    Args:
        broker: What does the work.
        clock: The worker's.

    Attributes:
        held: The ids of the jobs that came through and have no outcome.
    """

    def __init__(self, broker: Broker, clock: Clock) -> None:
        super().__init__(broker)
        self._clock = clock
        self._open = asyncio.Event()
        self._cut = False
        self._ended = asyncio.Event()
        self._claims: set[asyncio.Timeout] = set()
        self.held: set[str] = set()

    @property
    def clock(self) -> Clock:
        """The worker's."""
        return self._clock

    def let_in(self) -> None:
        """Let jobs through."""
        self._open.set()

    def shut(self) -> None:
        """Let no more jobs through."""
        self._open.clear()
        self._interrupt()

    def cut(self) -> None:
        """Answer no more."""
        self._cut = True
        self._interrupt()

    def end(self) -> None:
        """Let a dead worker believe that its outcomes arrived, so that it ends."""
        self._ended.set()

    def _interrupt(self) -> None:
        for claim in self._claims:
            if claim.when() is None:
                claim.reschedule(asyncio.get_running_loop().time())

    async def _do(self, verb: Verb, call: Callable[[], Awaitable[T]]) -> T:
        if self._cut:
            await asyncio.get_running_loop().create_future()
        return await super()._do(verb, call)

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """See `Broker.claim`; it waits until jobs are let through, and longer than it was told."""
        while True:
            await self._open.wait()
            claiming = asyncio.timeout(None)
            try:
                async with claiming:
                    self._claims.add(claiming)
                    leases = await super().claim(queue, worker, limit, wait and LONG)
            except TimeoutError:
                continue
            finally:
                self._claims.discard(claiming)
            self.held.update(lease.id for lease in leases)
            return leases

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """See `Broker.settle`. What a dead worker says is not passed on."""
        if self._cut:
            await self._ended.wait()
            return [True] * len(outcomes)
        answers = await super().settle(outcomes)
        self.held.difference_update(outcome.lease.id for outcome in outcomes)
        return answers
