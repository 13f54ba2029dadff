"""Notes of jobs that are to be cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headrace_nats.fences import forgotten_after
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue
from headrace_nats.wire import Mark, encode, read_mark

UNDER_WAY = 60.0
"""Seconds for which a worker may have a job that was taken out, and not have looked for a note."""

KEPT = 86400.0
"""Seconds for which a note is kept if nobody comes to end the job."""


class Marks:
    """Finds out, in one request if there are none at all, which jobs are to be cancelled.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue

    async def put(self, job_id: str, origin: str, kept: float = KEPT) -> None:
        """Note for some seconds that a job is to be cancelled."""
        subject = self._queue.subjects.mark(job_id)
        await self._queue.publish([Message(subject, encode(Mark(origin)), forgotten_after(kept))])

    async def among(self, jobs: Iterable[tuple[str, str]]) -> set[str]:
        """Return the ids of those that are to be cancelled.

        Args:
            jobs: Their ids and origins.
        """
        subjects = self._queue.subjects
        [any_mark] = await self._queue.get([subjects.marks])
        if any_mark is None:
            return set()
        info = await self._queue.api("STREAM.INFO", {"subjects_filter": subjects.marks})
        marked: dict[str, int] = info["state"].get("subjects") or {}
        origins = {job_id: origin for job_id, origin in jobs if subjects.mark(job_id) in marked}
        notes = await self._queue.get([subjects.mark(job_id) for job_id in origins])
        return {
            job_id
            for (job_id, origin), note in zip(origins.items(), notes, strict=True)
            if note is not None and read_mark(note.data).origin == origin
        }

    async def drop(self, job_ids: Sequence[str]) -> None:
        """Forget the notes of jobs that are over."""
        notes = await self._queue.get([self._queue.subjects.mark(job_id) for job_id in job_ids])
        await self._queue.delete([note.seq for note in notes if note is not None])
