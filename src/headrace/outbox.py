"""The way to the broker: concurrent enqueues become batches, and a lost reply is no lost job."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Sequence
from typing import TypeAlias

from headrace.batcher import Batcher, parts
from headrace.broker import Broker
from headrace.errors import BrokerError, OutcomeUnknown, Overloaded, Rejected, Unavailable
from headrace.faultpoint import reach
from headrace.ids import new_id
from headrace.job import NewJob

BATCH_JOBS = 500
"""Jobs in one batch at most; the contract allows no more."""

BATCH_BYTES = 256 * 1024
"""Bytes of bodies in one batch, but a single job may be larger."""

FLIGHTS = 2
"""Batches under way: while the server works on one, the next is packed."""

PATIENCE = 10.0
"""Seconds for which a batch is sent again before its callers are told."""

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0

Entry: TypeAlias = tuple[NewJob, "asyncio.Future[str | None]"]


class Outbox:
    """Sends the jobs of one queue.

    One batch is in flight, or two while there are whole ones; what is enqueued meanwhile is the
    next one. A batch whose reply was
    lost is sent again as it was, under the same token, so that no job is stored twice. A caller
    that is cancelled takes only itself away: its job may or may not be stored.
    """

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._batcher: Batcher[Entry] = Batcher(
            self._flush, limit=BATCH_JOBS, name=f"headrace-outbox-{queue}", flights=FLIGHTS
        )

    def send(self, job: NewJob) -> asyncio.Future[str | None]:
        """Put a job into the next batch.

        Returns:
            What becomes of it: `None` when it is stored, or the id of the job that it duplicates.
            It fails with a `BrokerError`.
        """
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._batcher.add((job, future))
        return future

    async def send_many(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Send jobs that are a batch already: a future for each would cost more than its share.

        Returns:
            For each what became of it, as `send` has it.

        Raises:
            BrokerError: As `Broker.enqueue` has it; other jobs may be stored.
        """
        answers: list[str | None] = []
        for part in parts([len(job.body) for job in jobs], BATCH_BYTES):
            answers += await self._insist(jobs[part])
        return answers

    async def drain(self) -> None:
        """Return when every job that was put in has been sent, or given up."""
        await self._batcher.drain()

    async def _flush(self, entries: list[Entry]) -> None:
        for part in parts([len(job.body) for job, _ in entries], BATCH_BYTES):
            await self._send(entries[part])

    async def _send(self, entries: Sequence[Entry]) -> None:
        """Send one batch and tell its callers. A job that is refused for good fails alone."""
        jobs = [job for job, _ in entries]
        try:
            answers = await self._insist(jobs)
        except Rejected as error:
            guilty = [entry for entry in entries if entry[0].id == error.job_id]
            _fail(guilty or entries, error)
            innocent = [entry for entry in entries if entry[0].id != error.job_id]
            if guilty and innocent:
                await self._send(innocent)
        except Exception as error:  # noqa: BLE001 - it goes to those who wait
            _fail(entries, error)
        else:
            for (_, future), answer in zip(entries, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    async def _insist(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Send one batch, again and again under one token, until it is answered or time is up."""
        clock, batch, pause = self._broker.clock, new_id(), FIRST_PAUSE
        until = clock.monotonic() + PATIENCE
        while True:
            reach("producer.sending")
            try:
                answers = await self._broker.enqueue(self._queue, jobs, batch=batch)
            except (Unavailable, OutcomeUnknown, Overloaded):
                if clock.monotonic() + pause > until:
                    raise
            else:
                reach("producer.sent")
                return answers
            await clock.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)


def _fail(entries: Sequence[Entry], error: Exception) -> None:
    """Tell callers. Each gets an exception of its own: a shared one would gather tracebacks."""
    for _, future in entries:
        if not future.done():
            future.set_exception(copy.copy(error) if isinstance(error, BrokerError) else error)
