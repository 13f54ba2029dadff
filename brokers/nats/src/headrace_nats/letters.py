"""The dead letters of a queue."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from headrace.ids import is_valid_id
from headrace.job import DeadJob
from headrace_nats.fences import fence
from headrace_nats.keys import Keys
from headrace_nats.lean import Message
from headrace_nats.marks import Marks
from headrace_nats.queue import NatsQueue, Stored, stored_message
from headrace_nats.subjects import Kind, parse
from headrace_nats.wire import Letter, encode, read_letter

PAGE = 256
"""Letters in one request."""


class Letters:
    """Reads dead letters, and sends them back.

    Args:
        queue: Whose.
        marks: Its notes of jobs to be cancelled.
        keys: Its unique keys.
    """

    def __init__(self, queue: NatsQueue, marks: Marks, keys: Keys) -> None:
        self._queue = queue
        self._marks = marks
        self._keys = keys

    async def read(self, after: str, limit: int) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`. A cursor is a number in the stream."""
        letters: list[DeadJob] = []
        first = int(after or 0) + 1
        while len(letters) < limit:
            page = await self._page(first, min(PAGE, limit - len(letters)))
            if not page:
                break
            letters += [_dead_job(stored) for stored in page]
            first = page[-1].seq + 1
        return letters

    async def _page(self, first: int, limit: int) -> list[Stored]:
        subject = self._queue.subjects.all(Kind.DEAD)
        wish = {"seq": first, "next_by_subj": subject, "batch": limit}
        verb = f"DIRECT.GET.{self._queue.subjects.stream}"
        return [stored_message(msg) for msg in await self._queue.connection.collect(verb, wish)]

    async def redrive(self, ids: Sequence[str]) -> int:
        """Send dead letters back; see `Broker.redrive`."""
        subjects = [
            self._queue.subjects.somewhere(Kind.DEAD, job_id)
            for job_id in ids
            if is_valid_id(job_id)
        ]
        found = await self._queue.get(subjects)
        count = 0
        for stored in found:
            if stored is not None:
                count += await self._send_back(stored)
        return count

    async def _send_back(self, stored: Stored) -> bool:
        """Write a job anew, and take its letter away. Only who does that has sent it back."""
        _, lane, job_id = parse(stored.subject)
        copy = read_letter(stored.data).copy
        anew = structs.replace(
            copy, meta=b"", attempt=0, number=copy.number + 1, deliveries=0, expires=None
        )
        subject = self._queue.subjects.of(Kind.READY, lane, job_id)
        once = {"Nats-Msg-Id": f"{job_id}:{stored.seq}"}
        newest = fence(stored.seq, self._queue.subjects.anywhere(job_id))
        message = Message(subject, encode(anew), newest | once)
        await self._marks.drop([job_id])
        if anew.unique is not None:
            if await self._keys.store(job_id, anew, message) is not None:
                return False
        else:
            [ack] = await self._queue.publish([message])
            if ack.error is not None:
                return False
        [deleted] = await self._queue.delete([stored.seq])
        return deleted


def _dead_job(stored: Stored) -> DeadJob:
    _, lane, job_id = parse(stored.subject)
    letter: Letter = read_letter(stored.data)
    return DeadJob(
        str(stored.seq),
        job_id,
        letter.copy.body,
        letter.copy.meta,
        lane,
        letter.copy.attempt,
        letter.deliveries,
        letter.reason,
        stored.stored_at,
    )
