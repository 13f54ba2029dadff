"""Keeps leases alive, and stops jobs whose lease is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol, TypeVarTuple

from headrace.broker import Broker, Held
from headrace.errors import OutcomeUnknown
from headrace.worker.backoff import Backoff
from headrace.worker.run import CancelReason, Run

logger: logging.Logger = logging.getLogger("headrace.worker")

LONGEST_INTERVAL = 3.0
"""Seconds between two renewals of a lease at most: how fast a cancellation is noticed."""

Ts = TypeVarTuple("Ts")


class Post(Protocol):
    """Has a function called in the event loop of the worker, at once or soon."""

    def __call__(self, function: Callable[[*Ts], object], /, *args: *Ts) -> object:
        """Have `function(*args)` called."""
        ...


def at_once(function: Callable[[*Ts], object], /, *args: *Ts) -> None:
    """Call a function: the `Post` of whoever is in the worker's event loop."""
    function(*args)


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


def overdue(runs: Iterable[Run], now: float) -> list[Run]:
    """Return the runs whose leases have ended: they are to be stopped, unless they were."""
    return [
        run
        for run in runs
        if run.lease.deadline <= now and run.reason is None and run.let_go_at is None
    ]


class Heartbeat:
    """Renews the leases of one queue, in the worker's event loop or in a thread beside it.

    Of a run it changes only `let_go_at` itself; everything else is posted to the worker's event
    loop. The broker's `renew` moves `Lease.deadline`, from whichever thread calls it.

    Args:
        broker: Where to. Its event loop is the one in which this beats.
        queue: The queue's name.
        lease: Seconds that a lease lasts.
        held: The runs whose leases this worker holds.
        post: How to reach the worker's event loop.
    """

    def __init__(
        self, broker: Broker, queue: str, lease: float, held: set[Run], post: Post = at_once
    ) -> None:
        self._broker = broker
        self._lease = lease
        self._held = held
        self._post = post
        self._backoff = Backoff("heartbeat", queue)

    async def run(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Beat until cancelled.

        Args:
            wanted: Whether leases are to be kept now. While it says no, nothing is decided either:
                what was lost meanwhile the next renewal tells.
        """
        clock = self._broker.clock
        interval = renewal_interval(self._lease) / 3
        while True:
            await clock.sleep(interval)
            if not wanted():
                continue
            try:
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
        """Renew what is due. A cancelled call leaves each lease renewed or not.

        Raises:
            BrokerError: The broker is in trouble, or did not answer within a third of the lease
                (`OutcomeUnknown`).
        """
        clock = self._broker.clock
        runs = due(self._snapshot(), clock.monotonic(), self._lease)
        if not runs:
            return
        try:
            async with asyncio.timeout(self._lease / 3):
                answers = await self._broker.renew([run.lease for run in runs])
        except TimeoutError as error:
            message = f"no answer to a renewal within {self._lease / 3:.3g} s"
            raise OutcomeUnknown(message) from error
        for run, answer in zip(runs, answers, strict=True):
            self._heed(run, answer, clock.monotonic())

    def _snapshot(self) -> list[Run]:
        # One C function that calls no Python code: no other thread changes the set meanwhile.
        return list(self._held)

    def _heed(self, run: Run, answer: Held, now: float) -> None:
        # A run that has ended may be settled already, with the reply on its way: that will tell.
        if answer is Held.LOST and run in self._held and not run.ended:
            self._lose(run, "another worker has it", now)
        elif answer is Held.CANCELLED:
            self._post(run.cancel, CancelReason.CANCELLED)
        if run.reason is not None and run.let_go_at is None:
            # A task that ignores its cancellation keeps its slot, but not its job for ever.
            run.let_go_at = now + self._lease

    def _stop_overdue(self, now: float) -> None:
        """Stop jobs whose lease could not be renewed in time: another worker may have them."""
        for run in overdue(self._snapshot(), now):
            self._lose(run, "it could not be renewed in time", now)

    def _lose(self, run: Run, why: str, now: float) -> None:
        # The worker's event loop may be blocked for long before it hears of it: once is enough.
        run.let_go_at = now
        logger.warning(
            "lease lost",
            extra={"job_id": run.lease.id, "queue": run.lease.queue, "reason": why},
        )
        self._post(run.cancel, CancelReason.LEASE_LOST)
