"""Outcomes to the broker, in batches, until they arrive."""

from __future__ import annotations

import logging
from typing import TypeAlias

from headrace.batcher import Batcher, parts
from headrace.broker import Broker
from headrace.errors import Rejected, Unavailable
from headrace.faultpoint import reach
from headrace.outcome import Dead, Done, Outcome, Release
from headrace.worker.backoff import Backoff
from headrace.worker.pulse import Pulse
from headrace.worker.run import Run
from headrace.worker.tally import Tally

logger: logging.Logger = logging.getLogger("headrace.worker")

BATCH = 500
"""Outcomes in one call; the contract allows no more."""

BATCH_BYTES = 256 * 1024
"""Bytes of results, failures and notes in one call, but a single outcome may bring more."""

Entry: TypeAlias = tuple[Run, Outcome]


class Settler:
    """Settles the deliveries of one queue.

    One call is in flight, and what ends meanwhile is the next batch. When the broker is in
    trouble it tries for ever: `pending` says how many wait, and the consumer claims no more when
    they are many. A run stays in `held`, so that its lease is renewed, until it is settled.

    Args:
        broker: Where to.
        queue: The queue's name.
        held: The runs whose leases this worker holds.
        tally: Where outcomes are counted.
        changed: Beaten when outcomes were settled: more can be claimed.
    """

    def __init__(
        self, broker: Broker, queue: str, held: set[Run], tally: Tally, changed: Pulse
    ) -> None:
        self._broker = broker
        self._held = held
        self._tally = tally
        self._changed = changed
        self._backoff = Backoff("settler", queue)
        self._batcher: Batcher[Entry] = Batcher(
            self._flush, limit=BATCH, name=f"headrace-settler-{queue}"
        )
        self.pending: int = 0

    def put(self, run: Run, outcome: Outcome | None) -> None:
        """Settle a run, or let go of one that another worker has."""
        if outcome is None:
            self._tally.lost += 1
            self._held.discard(run)
            return
        self.pending += 1
        self._batcher.add((run, outcome))

    async def drain(self) -> None:
        """Return when everything that was put in is settled. Cancelled, it goes on all the same."""
        await self._batcher.drain()

    async def _flush(self, entries: list[Entry]) -> None:
        reach("worker.ran")
        for part in parts([_size(outcome) for _, outcome in entries], BATCH_BYTES):
            await self._send(entries[part])

    async def _send(self, entries: list[Entry]) -> None:
        repeated = False
        while entries:
            try:
                accepted = await self._broker.settle([outcome for _, outcome in entries])
            except Rejected as error:
                entries = self._without(error, entries)
            except Exception as error:  # noqa: BLE001 - a plug-in that leaks must not end the worker
                repeated = repeated or not isinstance(error, Unavailable)
                await self._broker.clock.sleep(self._backoff.failed(error))
            else:
                reach("worker.settled")
                self._backoff.succeeded()
                self._settled(entries, accepted, repeated)
                return

    def _settled(self, entries: list[Entry], accepted: list[bool], repeated: bool) -> None:  # noqa: FBT001
        self.pending -= len(entries)
        self._changed.beat()
        for (run, outcome), counts in zip(entries, accepted, strict=True):
            self._held.discard(run)
            if counts:
                self._tally.count(outcome)
            else:
                self._tally.lost += 1
                logger.log(
                    logging.INFO if repeated else logging.WARNING,
                    "outcome counted before its reply was lost, or came too late"
                    if repeated
                    else "outcome came too late, another worker has the job",
                    extra={"job_id": run.lease.id, "queue": run.lease.queue},
                )

    def _without(self, error: Rejected, entries: list[Entry]) -> list[Entry]:
        """Replace what the broker will never take: the job becomes a dead letter that says so."""
        remaining: list[Entry] = []
        named = any(run.lease.id == error.job_id for run, _ in entries)
        for run, outcome in entries:
            if named and run.lease.id != error.job_id:
                remaining.append((run, outcome))
            elif named and not (isinstance(outcome, Dead) and outcome.result is None):
                reason = f"its outcome was refused: {error.reason}"
                remaining.append((run, Dead(run.lease, reason, b"", run.lease.attempt)))
            else:
                self._give_up(run, error)
        return remaining

    def _give_up(self, run: Run, error: Rejected) -> None:
        """Let a lease lapse that cannot be settled: the poison rule ends the job."""
        self.pending -= 1
        self._changed.beat()
        self._held.discard(run)
        self._tally.lost += 1
        logger.error(
            "outcome cannot be settled",
            extra={"job_id": run.lease.id, "queue": run.lease.queue, "reason": error.reason},
        )


def _size(outcome: Outcome) -> int:
    match outcome:
        case Done():
            return len(outcome.result or b"")
        case Release():
            return 0
        case Dead():
            return len(outcome.meta) + len(outcome.result or b"")
        case _:
            return len(outcome.meta)
