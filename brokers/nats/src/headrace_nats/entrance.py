"""Where jobs come in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from headrace.errors import Overloaded, Rejected
from headrace.faultpoint import reach
from headrace.ids import is_valid_id
from headrace.job import NewJob
from headrace_nats.ending import Place, delayed
from headrace_nats.fences import PAUSES, fence
from headrace_nats.keys import Keys
from headrace_nats.lean import Message
from headrace_nats.presence import find, origin_of
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import Kind
from headrace_nats.wire import Copy, encode

BATCH_MEMORY = 60.0
"""Seconds for which the answers to a batch are remembered."""

BATCHES = 256
"""Batches of which they are remembered at most."""

KEYS_AT_ONCE = 16
"""Jobs with unique keys that are stored side by side: the server has room for some 50 batches."""

HEADROOM = 1024
"""Bytes of a message that are ours: its headers, and what is kept beside the body."""


class Entry(Struct, frozen=True, eq=False, gc=False):
    """A job on its way in.

    Attributes:
        job: As it was given.
        copy: As it is stored.
        latest: A moment that the server's clock has not passed.
    """

    job: NewJob
    copy: Copy
    latest: float


class Entrance:
    """Stores jobs, each under a fence: nothing may be there under its id, in any state.

    Args:
        queue: Where.
        keys: Its unique keys.
    """

    def __init__(self, queue: NatsQueue, keys: Keys) -> None:
        self._queue = queue
        self._keys = keys
        self._answers: dict[str, tuple[float, list[str | None]]] = {}

    async def store(self, jobs: Sequence[NewJob], batch: str) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        for job in jobs:
            self._check(job)
        if batch in self._answers:
            return self._answers[batch][1]
        timed = any(job.delay or job.expires is not None for job in jobs)
        latest = await self._queue.latest() if timed else 0.0
        entries = [
            Entry(job, _copy(job, f"{batch}.{number}", latest), latest)
            for number, job in enumerate(jobs)
        ]
        answers = await self._store(entries)
        self._remember(batch, answers)
        return answers

    def _check(self, job: NewJob) -> None:
        if not is_valid_id(job.id):
            raise Rejected(job.id, "an id is 1 to 64 of A-Z a-z 0-9 _ -")
        lanes = self._queue.spec.lanes
        if not 0 <= job.priority < lanes:
            raise Rejected(job.id, f"priority {job.priority}: lanes are 0 to {lanes - 1}")
        most = self._queue.largest - HEADROOM
        if len(job.body) + len(job.meta) + len((job.unique or "").encode()) > most:
            raise Rejected(job.id, f"it has more than the {most} bytes that the server takes")

    def _remember(self, batch: str, answers: list[str | None]) -> None:
        now = self._queue.connection.now()
        self._answers[batch] = now + BATCH_MEMORY, answers
        while self._answers:
            oldest = next(iter(self._answers))
            if self._answers[oldest][0] > now and len(self._answers) <= BATCHES:
                break
            del self._answers[oldest]

    async def _store(self, entries: Sequence[Entry]) -> list[str | None]:
        plain = [entry for entry in entries if entry.job.unique is None]
        acks = await self._queue.publish([self._message(entry) for entry in plain])
        answers: dict[int, str | None] = {}
        for entry, ack in zip(plain, acks, strict=True):
            stored = ack.error is None
            answers[id(entry)] = None if stored else await self._dispute(entry)
        reach("nats.enqueue.plain")
        keyed: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.job.unique is not None:
                keyed.setdefault(entry.job.unique, []).append(entry)
        room = asyncio.Semaphore(KEYS_AT_ONCE)
        for found in await asyncio.gather(*(self._of_key(one, room) for one in keyed.values())):
            answers |= found
        return [answers[id(entry)] for entry in entries]

    async def _of_key(
        self, entries: Sequence[Entry], room: asyncio.Semaphore
    ) -> dict[int, str | None]:
        """Store the jobs of one unique key, one after the other."""
        async with room:
            return {
                id(entry): await self._keys.store(entry.job.id, entry.copy, self._message(entry))
                for entry in entries
            }

    async def _dispute(self, entry: Entry) -> str | None:
        """Tell what a refused job duplicates; nothing, if it is itself what is there."""
        for pause in PAUSES:
            stored = await find(self._queue, entry.job.id)
            if stored is not None:
                return None if origin_of(stored) == entry.copy.origin else entry.job.id
            [ack] = await self._queue.publish([self._message(entry)])
            if ack.error is None:
                return None
            await self._queue.connection.pause(pause)
        message = f"job {entry.job.id} comes and goes all the time"
        raise Overloaded(message)

    def _message(self, entry: Entry) -> Message:
        job, subjects = entry.job, self._queue.subjects
        headers = {"Nats-Msg-Id": entry.copy.origin} | fence(0, subjects.anywhere(job.id))
        if job.delay:
            place, due = Place(job.priority, job.id, 0), entry.latest + job.delay
            return delayed(self._queue, place, entry.copy, due, headers)
        subject = subjects.of(Kind.READY, job.priority, job.id)
        return Message(subject, encode(entry.copy), headers)


def _copy(job: NewJob, origin: str, latest: float) -> Copy:
    return Copy(
        origin,
        job.body,
        job.meta,
        job.attempt,
        unique=job.unique,
        held_for=job.unique_for,
        expires=None if job.expires is None else latest + job.expires,
    )
