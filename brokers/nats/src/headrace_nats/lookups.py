"""Tells of jobs, and wakes those who wait for the end of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from headrace.errors import BrokerError
from headrace.ids import is_valid_id
from headrace.job import JobInfo
from headrace_nats.incoming import Incoming
from headrace_nats.presence import told
from headrace_nats.queue import NatsQueue, Stored, stored_message
from headrace_nats.subjects import Kind, id_of

BATCH = 100
"""Jobs in one request: all that is kept of them comes with the answer."""

FINAL = (Kind.OVER, Kind.DEAD)
"""The word of these is that a job has ended."""

AGAIN = 0.005
"""Seconds until one who waits asks again, then four times as many, and so on. Word comes to those
who listen when it is published, and it is stored a little later: who begins to listen in between
hears nothing, and finds nothing yet."""

POLL = 1.0
"""Seconds after which one who waits asks again at the latest: messages can be lost."""


class Lookups:
    """Asks about the jobs of one queue.

    What becomes of a job is a message on one of its subjects. Who waits for its end listens there.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue

    async def lookup(self, ids: Sequence[str], wait: float) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`. Of what is no id nothing is known."""
        possible = [job_id for job_id in ids if is_valid_id(job_id)]
        if len(possible) < len(ids):
            known = iter(await self.lookup(possible, 0.0))
            return [next(known) if is_valid_id(job_id) else None for job_id in ids]
        if wait <= 0:
            return await self._ask(ids)
        until, pause = self._queue.connection.now() + wait, AGAIN
        async with AsyncExitStack() as stack:
            event = asyncio.Event()
            for job_id in ids:
                await stack.enter_async_context(self._listening(job_id, event))
            while True:
                event.clear()
                infos = await self._ask(ids)
                left = until - self._queue.connection.now()
                if left <= 0 or _is_answer(infos):
                    return infos
                try:
                    async with asyncio.timeout(min(left, pause)):
                        await event.wait()
                    pause = AGAIN
                except TimeoutError:
                    pause = min(4 * pause, POLL)

    @asynccontextmanager
    async def _listening(self, job_id: str, event: asyncio.Event) -> AsyncGenerator[None]:
        def heed(msg: Incoming) -> None:
            if msg.subject.split(".")[2] in FINAL:
                event.set()

        subject = self._queue.subjects.anywhere(job_id)
        subscription = await self._queue.connection.listen(subject, heed)
        try:
            yield
        finally:
            if self._queue.connection.is_connected:
                with suppress(BrokerError):
                    await self._queue.connection.silence(subscription)

    async def _ask(self, ids: Sequence[str]) -> list[JobInfo | None]:
        if not ids:
            return []
        found: dict[str, list[Stored]] = {job_id: [] for job_id in ids}
        for start in range(0, len(ids), BATCH):
            for stored in await self._all(ids[start : start + BATCH]):
                found[id_of(stored.subject)].append(stored)
        earliest = await self._queue.earliest()
        return [told(job_id, found[job_id], earliest) for job_id in ids]

    async def _all(self, ids: Sequence[str]) -> list[Stored]:
        """Ask the leader where there are others: they may not know the newest of a job."""
        subjects = [self._queue.subjects.anywhere(job_id) for job_id in ids]
        if self._queue.is_replicated:
            return [stored for stored in await self._queue.get(subjects) if stored is not None]
        verb = f"DIRECT.GET.{self._queue.subjects.stream}"
        found = await self._queue.connection.collect(verb, {"multi_last": subjects})
        return [stored_message(msg) for msg in found]


def _is_answer(infos: Sequence[JobInfo | None]) -> bool:
    return any(info is None or info.state.final for info in infos)
