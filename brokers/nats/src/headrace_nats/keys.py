"""Unique keys: which job holds one, and whether it still does."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.errors import Overloaded
from headrace_nats.fences import PAUSES, forgotten_after
from headrace_nats.lean import Headers, Message
from headrace_nats.presence import find, is_live, kind_of, origin_of
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import Kind
from headrace_nats.wire import Copy, Key, encode, read_key


class Keys:
    """Lets at most one job hold a key.

    The note of a key is written together with its job. It is taken down when the job is over; one
    that was left behind is recognised, because its holder is no longer there.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue

    async def store(self, job_id: str, copy: Copy, *messages: Message) -> str | None:
        """Store a job together with its key.

        Args:
            job_id: Of the job.
            copy: What it is; it has a unique key.
            *messages: What stores it, under a fence.

        Returns:
            `None`, or the id of the job that is there: of the same id, or the holder of the key.

        Raises:
            Overloaded: Others take the key and leave it all the time.
        """
        seq = 0
        for pause in PAUSES:
            note = await self._note(job_id, copy, seq)
            ack = await self._queue.publish_together([note, *messages])
            if ack.error is None:
                return None
            existing = await find(self._queue, job_id)
            if existing is not None and not (copy.number and kind_of(existing) is Kind.DEAD):
                return None if origin_of(existing) == copy.origin else job_id
            tried = seq
            holder, seq = await self.holder(copy.unique or "")
            if holder is not None and holder != job_id:
                return holder
            if seq == tried:
                await self._queue.connection.pause(pause)
        message = f"the unique key of job {job_id} changes hands all the time"
        raise Overloaded(message)

    async def _note(self, job_id: str, copy: Copy, seq: int) -> Message:
        subject = self._queue.subjects.key(copy.unique or "")
        headers: Headers = {"Nats-Expected-Last-Subject-Sequence": str(seq), "Nats-Rollup": "sub"}
        until = None
        if copy.held_for is not None:
            until = await self._queue.latest() + copy.held_for
            headers |= forgotten_after(copy.held_for)
        return Message(subject, encode(Key(job_id, until)), headers)

    async def holder(self, unique: str) -> tuple[str | None, int]:
        """Return the job that holds a key, if one does, and the number of the note that says so."""
        [note] = await self._queue.get([self._queue.subjects.key(unique)])
        if note is None:
            return None, 0
        key = read_key(note.data)
        if key.until is not None:
            held = key.until > await self._queue.earliest()
        else:
            held = is_live(await find(self._queue, key.holder))
        return key.holder if held else None, note.seq

    async def release(self, holders: Mapping[str, str]) -> None:
        """Take down the notes of jobs that are over.

        Args:
            holders: Ids by the keys that they held.
        """
        notes = await self._queue.get([self._queue.subjects.key(unique) for unique in holders])
        await self._queue.delete(
            [
                note.seq
                for note, holder in zip(notes, holders.values(), strict=True)
                if note is not None and read_key(note.data) == Key(holder, None)
            ]
        )
