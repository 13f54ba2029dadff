"""Keeps leases alive, and stops jobs whose lease is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

from headrace.broker import Broker, Held
from headrace.worker.backoff import Backoff
from headrace.worker.run import CancelReason, Run

logger = logging.getLogger("headrace.worker")

LONGEST_INTERVAL = 3.0
"""Seconds between two renewals of a lease at most: how fast a cancellation is noticed."""


def renewal_interval(lease: float) -> float:
    """Return the seconds after which a lease is renewed: a third of it, or less."""
    return min(lease / 3, LONGEST_INTERVAL)


def due(runs: Iterable[Run], now: float, lease: float) -> list[Run]:
    """Return the runs whose leases are to be renewed now: short jobs never cost a renewal."""
    renew_before = now + lease - renewal_interval(lease)
    return [
        run
        for run in runs
        if run.lease.deadline <= renew_before
        and run.reason is not CancelReason.LEASE_LOST
        and (run.let_go_at is None or now < run.let_go_at)
    ]


class Heartbeat:
    """Renews the leases of one queue, in the worker's own event loop.

    Args:
        broker: Where to.
        queue: The queue's name.
        lease: Seconds that a lease lasts.
        held: The runs whose leases this worker holds.
    """

    def __init__(self, broker: Broker, queue: str, lease: float, held: set[Run]) -> None:
        self._broker = broker
        self._lease = lease
        self._held = held
        self._backoff = Backoff("heartbeat", queue)

    async def run(self) -> None:
        """Beat until cancelled."""
        clock = self._broker.clock
        interval = renewal_interval(self._lease) / 3
        while True:
            await clock.sleep(interval)
            try:
                async with asyncio.timeout(self._lease / 3):
                    await self.beat()
            except Exception as error:  # noqa: BLE001 - a plug-in that leaks must not end the worker
                self._backoff.failed(error)
            else:
                self._backoff.succeeded()
            self._stop_overdue(clock.monotonic())

    async def catch_up(self) -> None:
        """Renew what is due now, without waiting for the next beat. Trouble is left to that."""
        with suppress(Exception):
            await self.beat()

    async def beat(self) -> None:
        """Renew what is due."""
        clock = self._broker.clock
        runs = due(self._held, clock.monotonic(), self._lease)
        if runs:
            answers = await self._broker.renew([run.lease for run in runs])
            for run, answer in zip(runs, answers, strict=True):
                self._heed(run, answer, clock.monotonic())

    def _heed(self, run: Run, answer: Held, now: float) -> None:
        if answer is Held.LOST and run in self._held:
            self._lose(run, "another worker has it")
        elif answer is Held.CANCELLED:
            run.cancel(CancelReason.CANCELLED)
        if run.reason is not None and run.let_go_at is None:
            # A task that ignores its cancellation keeps its slot, but not its job for ever.
            run.let_go_at = now + self._lease

    def _stop_overdue(self, now: float) -> None:
        """Stop jobs whose lease could not be renewed in time: another worker may have them."""
        for run in list(self._held):
            if run.lease.deadline <= now and run.reason is None:
                self._lose(run, "it could not be renewed in time")

    def _lose(self, run: Run, why: str) -> None:
        logger.warning(
            "lease lost",
            extra={"job_id": run.lease.id, "queue": run.lease.queue, "reason": why},
        )
        run.cancel(CancelReason.LEASE_LOST)
