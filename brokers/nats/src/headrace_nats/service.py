"""All that is done with one queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headrace.broker import Cancelled, Control, Held, QueueStats
from headrace.faultpoint import reach
from headrace.ids import is_valid_id
from headrace.job import JobState, Lease
from headrace.outcome import Outcome
from headrace_nats.consumer import Consumer
from headrace_nats.counting import control, stats
from headrace_nats.entrance import Entrance
from headrace_nats.fences import fence, forgotten_after
from headrace_nats.keys import Keys
from headrace_nats.lean import Message
from headrace_nats.letters import Letters
from headrace_nats.lookups import Lookups
from headrace_nats.marks import UNDER_WAY, Marks
from headrace_nats.mover import Mover
from headrace_nats.overdue import Overdue
from headrace_nats.presence import find, is_live, kind_of, origin_of
from headrace_nats.queue import NatsQueue, Stored
from headrace_nats.renewal import renew
from headrace_nats.settlement import Settlement
from headrace_nats.stranded import Stranded
from headrace_nats.subjects import Kind, consumer_of, place_of
from headrace_nats.wire import Over, encode, read_copy


class Service:
    """Puts the parts together that work on one queue.

    Args:
        queue: Declared.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue
        self._marks = Marks(queue)
        self._keys = Keys(queue)
        self._settlement = Settlement(queue, self._marks, self._keys)
        self._mover = Mover(queue)
        self._overdue = Overdue(queue)
        self._stranded = Stranded(queue)
        self._consumers: dict[str, Consumer] = {}
        self.entrance: Entrance = Entrance(queue, self._keys)
        self.lookups: Lookups = Lookups(queue)
        self.letters: Letters = Letters(queue, self._marks, self._keys)

    def consumer(self, worker: str) -> Consumer:
        """Return what claims for a worker."""
        if worker not in self._consumers:
            self._consumers[worker] = Consumer(self._queue, self._settlement, self._mover)
        return self._consumers[worker]

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive; see `Broker.renew`."""
        answers = await renew(self._queue, self._settlement, leases)
        self._forget([one for one, held in zip(leases, answers, strict=True) if held is Held.LOST])
        return answers

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        counts = await self._settlement.settle(outcomes)
        self._forget([outcome.lease for outcome in outcomes])
        return counts

    def _forget(self, leases: Sequence[Lease]) -> None:
        for consumer in self._consumers.values():
            consumer.forget(leases)

    async def cancel(self, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back; see `Broker.cancel`."""
        return [await self._cancel(job_id) for job_id in ids]

    async def _cancel(self, job_id: str) -> Cancelled:
        """Note the wish first: a job that is due in this moment is not started either."""
        stored = await find(self._queue, job_id) if is_valid_id(job_id) else None
        if stored is None or not is_live(stored):
            return Cancelled.NOT_FOUND
        await self._marks.put(job_id, origin_of(stored))
        reach("nats.cancel.marked")
        if await self._waits(stored) and await self._take_out(stored):
            return Cancelled.REMOVED
        return Cancelled.SIGNALLED

    async def _waits(self, stored: Stored) -> bool:
        """Tell whether no worker has had this copy of a job, when the wish was noted."""
        lane, _ = _place(stored)
        if kind_of(stored) is Kind.DELAYED:
            return True
        info = await self._queue.api("CONSUMER.INFO", of=consumer_of(lane))
        handed_out: int = info["delivered"]["stream_seq"]
        return stored.seq > handed_out

    async def _take_out(self, stored: Stored) -> bool:
        """End a job that waits. Tell whether it did."""
        lane, job_id = _place(stored)
        copy, ttl = read_copy(stored.data), self._queue.spec.result_ttl
        until = await self._queue.latest() + ttl
        end = Over(copy.origin, JobState.CANCELLED, copy.attempt, None, until)
        subject = self._queue.subjects.of(Kind.OVER, lane, job_id)
        headers = forgotten_after(ttl) | fence(stored.seq, self._queue.subjects.anywhere(job_id))
        [ack] = await self._queue.publish([Message(subject, encode(end), headers)])
        if ack.error is not None:
            return False
        reach("nats.cancel.written")
        [deleted] = await self._queue.delete([stored.seq])
        if not deleted:
            # It came due meanwhile: whoever claims it ends it for the note.
            return False
        reach("nats.cancel.deleted")
        await self._marks.put(job_id, copy.origin, UNDER_WAY)
        if copy.unique is not None and copy.held_for is None:
            await self._keys.release({copy.unique: job_id})
        return True

    async def maintain(self) -> float:
        """Do what the server does not do by itself; see `Broker.maintain`."""
        late = min(await self._mover.move(), await self._overdue.revive())
        return min(late, await self._stranded.revive())

    async def stats(self) -> QueueStats:
        """Count jobs; see `Broker.stats`."""
        return await stats(self._queue)

    async def control(self, op: Control) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        return await control(self._queue, op)

    async def close(self) -> None:
        """Give back what nobody took."""
        await asyncio.gather(*(consumer.close() for consumer in self._consumers.values()))
        await self._mover.close()


def _place(stored: Stored) -> tuple[int, str]:
    place = place_of(stored.subject)
    assert place is not None  # noqa: S101 - `find` returns nothing else
    return place
