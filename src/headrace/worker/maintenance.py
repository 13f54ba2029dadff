"""Lets the broker do its housekeeping when it asks to."""

from __future__ import annotations

import random

from headrace.broker import Broker
from headrace.worker.backoff import Backoff

SHORTEST = 0.01
"""Seconds between two steps at least."""


class Maintenance:
    """Calls `Broker.maintain` for one queue.

    Args:
        broker: Whose housekeeping.
        queue: The queue's name.
        worker: The worker's id.
    """

    def __init__(self, broker: Broker, queue: str, worker: str) -> None:
        self._broker = broker
        self._queue = queue
        self._worker = worker
        self._backoff = Backoff("maintenance", queue)

    async def run(self) -> None:
        """Step until cancelled."""
        while True:
            try:
                pause = await self._broker.maintain(self._queue, self._worker)
            except Exception as error:  # noqa: BLE001 - a plug-in that leaks must not end the worker
                pause = self._backoff.failed(error)
            else:
                self._backoff.succeeded()
                # Workers that started together must not step together for ever.
                pause *= random.uniform(0.9, 1.0)
            await self._broker.clock.sleep(max(pause, SHORTEST))
