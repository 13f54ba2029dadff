"""How a worker stops: in steps, and faster each time that it is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from enum import IntEnum

from headrace.worker.consumer import Consumer
from headrace.worker.source import Source

logger: logging.Logger = logging.getLogger("headrace.worker")

STOP_TIME = 0.75
"""Seconds that cancelled jobs get to end, and again that the last outcomes get to arrive."""


class Ending(IntEnum):
    """How a worker stopped; the number is the exit code of `headrace worker`.

    Examples:
        >>> worker.stop()
        >>> await running
        <Ending.DRAINED: 0>
    """

    DRAINED = 0
    """In order: every job was finished or given back."""
    FORCED = 1
    """It was asked twice, or a job ignored its cancellation: what could be was given back."""


class Shutdown:
    """The requests to stop, and what is done about them.

    The first request stops claiming, gives back what has not started and waits `grace` seconds
    for the rest. Then, or at the second request, running jobs are cancelled and given back.

    Args:
        consumer: What is to be stopped.
        sources: Its queues.
        grace: Seconds.

    Attributes:
        requested: Set by the first request.
    """

    def __init__(self, consumer: Consumer, sources: Sequence[Source], grace: float) -> None:
        self._consumer = consumer
        self._sources = sources
        self._grace = grace
        self._urgent = False
        self.requested: asyncio.Event = asyncio.Event()

    def request(self) -> None:
        """Ask the worker to stop; asked again, at once."""
        self._urgent = self.requested.is_set()
        self.requested.set()
        self._consumer.changed.beat()

    async def drain(self) -> Ending:
        """Bring a consumer that no longer claims to its end.

        Returns:
            How it went. Afterwards no job of this worker is unsettled, if the broker answered.
        """
        consumer = self._consumer
        consumer.release_backlog()
        logger.info("worker is stopping", extra={"running": len(consumer.running)})
        await consumer.changed.until(lambda: not consumer.running or self._urgent, self._grace)
        return await self.cancel()

    async def cancel(self) -> Ending:
        """Cancel what runs, give back what does not end, and wait for the last outcomes."""
        consumer = self._consumer
        consumer.release_backlog()
        ending = Ending.FORCED if self._urgent else Ending.DRAINED
        if consumer.running:
            logger.warning("running jobs are cancelled", extra={"running": len(consumer.running)})
            consumer.cancel_running()
            await consumer.changed.until(lambda: not consumer.running, STOP_TIME)
        abandoned = consumer.abandon_running()
        if abandoned:
            logger.error("jobs ignore their cancellation", extra={"abandoned": abandoned})
            ending = Ending.FORCED
        await self._settled()
        return ending

    async def _settled(self) -> None:
        """Wait a moment for the outcomes on their way; without a broker they cannot arrive."""
        drains = [asyncio.create_task(source.settler.drain()) for source in self._sources]
        _, late = await asyncio.wait(drains, timeout=STOP_TIME)
        for drain in late:
            drain.cancel()
        unsettled = sum(source.settler.pending for source in self._sources)
        if unsettled:
            logger.error("outcomes could not be settled", extra={"unsettled": unsettled})
