"""Tells of jobs, and wakes those who wait for the end of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from headrace.errors import BrokerError
from headrace.ids import is_valid_id
from headrace.job import JobInfo
from headrace_nats.presence import told
from headrace_nats.queue import NatsQueue, Stored, stored_message
from headrace_nats.subjects import parse

BATCH = 100
"""Jobs in one request: all that is kept of them comes with the answer."""

POLL = 1.0
"""Seconds after which one who waits asks again although no message came: messages can be lost."""


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
        infos = await self._ask(ids)
        if wait <= 0 or _is_answer(infos):
            return infos
        until = self._queue.connection.now() + wait
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
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, POLL)):
                        await event.wait()

    @asynccontextmanager
    async def _listening(self, job_id: str, event: asyncio.Event) -> AsyncGenerator[None]:
        subject = self._queue.subjects.anywhere(job_id)
        subscription = await self._queue.connection.listen(subject, lambda _: event.set())
        try:
            yield
        finally:
            if self._queue.connection.is_connected:
                with suppress(BrokerError):
                    await self._queue.connection.silence(subscription)

    async def _ask(self, ids: Sequence[str]) -> list[JobInfo | None]:
        found: dict[str, list[Stored]] = {job_id: [] for job_id in ids}
        for start in range(0, len(ids), BATCH):
            for stored in await self._all(ids[start : start + BATCH]):
                found[parse(stored.subject)[2]].append(stored)
        earliest = await self._queue.earliest() if ids else 0.0
        infos = {job_id: told(job_id, kept, earliest) for job_id, kept in found.items()}
        missing = [job_id for job_id, info in infos.items() if info is None]
        if missing and self._queue.is_replicated:
            infos |= await self._ask_leader(missing, earliest)
        return [infos[job_id] for job_id in ids]

    async def _all(self, ids: Sequence[str]) -> list[Stored]:
        wish = {"multi_last": [self._queue.subjects.anywhere(job_id) for job_id in ids]}
        verb = f"DIRECT.GET.{self._queue.subjects.stream}"
        return [stored_message(msg) for msg in await self._queue.connection.collect(verb, wish)]

    async def _ask_leader(self, ids: Sequence[str], earliest: float) -> dict[str, JobInfo | None]:
        """Ask again: any server answers the other question, and it may not know the newest jobs."""
        subjects = [self._queue.subjects.anywhere(job_id) for job_id in ids]
        found = await self._queue.get(subjects)
        return {
            job_id: told(job_id, [stored], earliest) if stored is not None else None
            for job_id, stored in zip(ids, found, strict=True)
        }


def _is_answer(infos: Sequence[JobInfo | None]) -> bool:
    return any(info is None or info.state.final for info in infos)
