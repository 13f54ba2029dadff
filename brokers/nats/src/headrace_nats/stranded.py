"""Finds jobs that lie in a lane, and that its consumer takes for over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from headrace_nats.fences import fence
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue, Stored, stored_message
from headrace_nats.subjects import consumer_of, id_of

PAGE = 256
"""Jobs that are brought back in one step, at most."""

PAGE_BYTES = 1 << 20
"""Bytes of them, at most."""

PAUSE = 15.0
"""Seconds between two steps. Whatever was acknowledged so long ago the server has taken away."""

HASTE = 0.5
"""Seconds until the next step where something was: then more may be."""


class Floor(Struct, frozen=True):
    """Up to where everything is over that a consumer has handed out.

    Attributes:
        created: When the consumer was: another one may be of another stream.
        seq: The number of the last message that is.
    """

    created: str
    seq: int


def floor_of(info: Mapping[str, Any]) -> Floor:
    """Return the floor of a consumer from what the server tells of it."""
    return Floor(info["created"], info["ack_floor"]["stream_seq"])


def common(one: Floor, other: Floor) -> int:
    """Return up to where everything was over both times; 0: it was not the same consumer."""
    return min(one.seq, other.seq) if one.created == other.created else 0


class Stranded:
    """Brings jobs back whose end the server has forgotten, but for the consumer of their lane.

    The server keeps messages and the state of consumers in files of their own. When a machine loses
    its power, the state may have reached the disk and the end of a job not yet (seen with 2.15.1
    and the default `sync_interval`): then the job is there, and nobody is given it any more.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue
        self._lanes = [consumer_of(lane) for lane in range(queue.spec.lanes)]
        self._before = [Floor("", 0) for _ in self._lanes]
        self._next = 0.0

    async def revive(self) -> float:
        """Bring some jobs back. Return the seconds until the next step.

        Raises:
            BrokerError: They cannot be written; they are looked at again in the next step.
        """
        now = self._queue.connection.now()
        if now < self._next:
            return self._next - now
        floors = [floor_of(info) for info in await self._queue.infos(self._lanes)]
        pairs = zip(self._before, floors, strict=True)
        found = await self._below([common(before, floor) for before, floor in pairs])
        if found:
            await self._bring_back(found)
            return HASTE
        self._before, self._next = floors, now + PAUSE
        return PAUSE

    async def _below(self, seqs: Sequence[int]) -> list[Stored]:
        """Return what lies in each lane up to a number, or some of it."""
        subjects = [self._queue.subjects.lane(lane) for lane in range(len(seqs))]
        firsts = await self._queue.fetch([{"seq": 1, "next_by_subj": one} for one in subjects])
        found: list[Stored] = []
        for first, subject, seq in zip(firsts, subjects, seqs, strict=True):
            if first is not None and first.seq <= seq:
                found += [one for one in await self._page(subject) if one.seq <= seq]
        return found

    async def _page(self, subject: str) -> list[Stored]:
        wish = {"seq": 1, "next_by_subj": subject, "batch": PAGE, "max_bytes": PAGE_BYTES}
        verb = f"DIRECT.GET.{self._queue.subjects.stream}"
        return [stored_message(msg) for msg in await self._queue.connection.collect(verb, wish)]

    async def _bring_back(self, found: list[Stored]) -> None:
        """Write jobs anew, but for those of which something newer is there, and drop the old."""
        acks = await self._queue.publish([self._anew(one) for one in found])
        refused = [one for one, ack in zip(found, acks, strict=True) if ack.error is not None]
        newest = await self._queue.newest([id_of(one.subject) for one in refused])
        # A server in a cluster may have refused one for another write that failed.
        kept = {new.seq for new in newest if new is not None} & {old.seq for old in refused}
        await self._queue.delete([one.seq for one in found if one.seq not in kept])

    def _anew(self, one: Stored) -> Message:
        newest = fence(one.seq, self._queue.subjects.anywhere(id_of(one.subject)))
        return Message(one.subject, one.data, newest)
