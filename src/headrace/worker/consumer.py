"""Free slots become claims. All back-pressure is here."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from headrace.clock import Clock
from headrace.worker.pace import Pace
from headrace.worker.pulse import Pulse
from headrace.worker.run import CancelReason, Run
from headrace.worker.settings import Settings
from headrace.worker.source import Source

logger: logging.Logger = logging.getLogger("headrace.worker")

UNSETTLED = 1_000
"""Outcomes that may wait for a broker in trouble before no more is claimed."""

Claimed: TypeAlias = tuple[Source, Run]


class Consumer:
    """Claims jobs and runs each in an asyncio task of its own, so many at a time.

    It holds at most as many jobs as there are slots, plus the prefetch, plus one for each queue
    after the first. Claims begin when half of the prefetch is used up, so that they are batches.

    Args:
        sources: The queues, the most important one first.
        settings: The worker's settings.
        clock: For measuring how long jobs take.
        changed: Beats when a job starts, ends or is settled.
    """

    def __init__(
        self, sources: Sequence[Source], settings: Settings, clock: Clock, changed: Pulse
    ) -> None:
        self._sources = sources
        self._settings = settings
        self._clock = clock
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._backlog: deque[Claimed] = deque()
        self._arrived = asyncio.Event()
        self._pace = Pace(settings.concurrency)
        self.running: dict[Run, Source] = {}
        self.changed = changed
        self.abandoned: int = 0

    async def run(self) -> None:
        """Claim and start jobs until cancelled. What was started goes on; see `running`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._claim_all(), name="headrace-claim")
            group.create_task(self._start_all(), name="headrace-start")

    # claiming

    @property
    def _prefetch(self) -> int:
        if self._settings.prefetch is not None:
            return self._settings.prefetch
        return self._pace.ahead

    @property
    def _room(self) -> int:
        """How many jobs to claim now: none while some are about to start, for they come first."""
        prefetch, waiting = self._prefetch, len(self._backlog)
        idle = self._settings.concurrency - len(self.running)
        if waiting > prefetch // 2 or (waiting and idle):
            return 0
        unsettled = max(source.settler.pending for source in self._sources)
        return min(idle + prefetch - waiting, UNSETTLED - unsettled)

    async def _claim_all(self) -> None:
        while True:
            await self.changed.until(lambda: self._room > 0)
            await self._claim(self._room)

    async def _claim(self, room: int) -> None:
        """Claim from the queues in their order; wait at all of them if there is nothing."""
        wait = self._settings.poll
        if len(self._sources) == 1:
            self._accept(self._sources[0], await self._sources[0].claim(room, wait))
            return
        claimed = 0
        for source in self._sources:
            if claimed < room:
                runs = await source.claim(room - claimed, 0.0)
                self._accept(source, runs)
                claimed += len(runs)
        if not claimed:
            await self._await_any(wait)

    async def _await_any(self, wait: float) -> None:
        """Wait until one queue has a job."""
        claims = {asyncio.create_task(source.claim(1, wait)): source for source in self._sources}
        try:
            await asyncio.wait(claims, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for claim in claims:
                claim.cancel()
            await asyncio.wait(claims)
            for claim, source in claims.items():
                if not claim.cancelled():
                    self._accept(source, claim.result())

    def _accept(self, source: Source, runs: list[Run]) -> None:
        drop = partial(self._drop, source)
        for run in runs:
            run.wait(drop)
            self._backlog.append((source, run))
        self._arrived.set()

    def _drop(self, source: Source, run: Run) -> None:
        """Give a job back at once that was cancelled while it waited for a slot."""
        if (source, run) in self._backlog:
            self._backlog.remove((source, run))
            source.give_back(run)
            self.changed.beat()

    # running

    async def _start_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._slots.acquire()
            while not self._backlog:
                self._arrived.clear()
                await self._arrived.wait()
            source, run = self._backlog.popleft()
            self.running[run] = source
            # Not a TaskGroup: a job that ignores its cancellation must not keep the worker from
            # ending.
            run.start(loop.create_task(self._process(source, run), name=run.lease.id))
            self.changed.beat()

    async def _process(self, source: Source, run: Run) -> None:
        began = self._clock.monotonic()
        try:
            if run.lease.deadline <= began:
                await self._ascertain(source, run)
            # No other code runs between this look and the first step of the job's own.
            outcome = await source.executor.execute(run) if run.begin() else None
        except Exception:
            logger.exception(
                "bug in the worker, job left to its lease", extra={"job_id": run.lease.id}
            )
            source.held.discard(run)
            return
        finally:
            run.finish()
            self.running.pop(run, None)
            self._slots.release()
            self.changed.beat()
        if run.begun:
            source.settler.put(run, outcome)
            self._pace.ended(began, self._clock.monotonic())
        else:
            source.give_back(run)

    async def _ascertain(self, source: Source, run: Run) -> None:
        """Renew a lease that is over: the event loop stood still, or the broker is in trouble."""
        await source.heartbeat.catch_up()
        if run.lease.deadline <= self._clock.monotonic():
            run.cancel(CancelReason.LEASE_LOST)

    # stopping

    def release_backlog(self) -> None:
        """Give back what has not started."""
        while self._backlog:
            source, run = self._backlog.popleft()
            source.give_back(run)

    def cancel_running(self) -> None:
        """Cancel what runs, so that it is given back."""
        for run in self.running:
            run.cancel(CancelReason.SHUTDOWN)

    def abandon_running(self) -> int:
        """Give back what runs on although it was cancelled, and say how many there are."""
        for run, source in self.running.items():
            source.give_back(run)
        self.abandoned = len(self.running)
        self.running.clear()
        return self.abandoned
