"""The dead letters of a queue."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from headrace.faultpoint import reach
from headrace.ids import is_valid_id
from headrace.job import DeadJob
from headrace_nats.fences import fence, forgotten_after
from headrace_nats.keys import Keys
from headrace_nats.lean import Message
from headrace_nats.marks import Marks
from headrace_nats.queue import NatsQueue, Stored, stored_message
from headrace_nats.subjects import Kind, parse
from headrace_nats.wire import Letter, encode, read_letter

GONE = 2.0
"""Seconds for which a letter that was sent back is counted at most, if its sender dies."""

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
            found = (_dead_job(stored) for stored in page if stored.data)
            letters += [letter for letter in found if letter is not None]
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
            if stored is not None and stored.data:
                count += await self._send_back(stored)
        return count

    async def _send_back(self, stored: Stored) -> bool:
        """Write a job anew, and take its letter away: in one step, where the server can do that."""
        place = parse(stored.subject)
        if place is None:
            return False
        _, lane, job_id = place
        copy = read_letter(stored.data).copy
        anew = structs.replace(
            copy, meta=b"", attempt=0, number=copy.number + 1, deliveries=0, expires=None
        )
        # In a lane that the queue has not nobody would look for it.
        lane = min(lane, self._queue.spec.lanes - 1)
        subject = self._queue.subjects.of(Kind.READY, lane, job_id)
        newest = fence(stored.seq, self._queue.subjects.anywhere(job_id))
        if self._queue.moves_by_itself:
            stone = Message(stored.subject, b"", forgotten_after(GONE) | newest)
            messages = [stone, Message(subject, encode(anew))]
        else:
            once = {"Nats-Msg-Id": f"{job_id}:{stored.seq}"}
            messages = [Message(subject, encode(anew), newest | once)]
        await self._marks.drop([job_id])
        if anew.unique is not None:
            if await self._keys.store(job_id, anew, *messages) is not None:
                return False
        else:
            ack = await self._queue.publish_together(messages)
            if ack.error is not None:
                return False
        reach("nats.redrive.written")
        return await self._take_away(stored)

    async def _take_away(self, letter: Stored) -> bool:
        """Take away what is left of a letter. Only who does that has sent its job back."""
        [left] = await self._queue.get([letter.subject])
        if left is None:
            return False
        if left.data and left.seq != letter.seq:
            return True  # The job is dead again.
        [deleted] = await self._queue.delete([left.seq])
        return deleted


def _dead_job(stored: Stored) -> DeadJob | None:
    """Return a dead letter; `None` for what lies under a name that is no job's."""
    place = parse(stored.subject)
    if place is None:
        return None
    _, lane, job_id = place
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
