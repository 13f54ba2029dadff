"""Schedules: the next tick of each is a delayed job in the broker, and outlives every worker."""

from __future__ import annotations

import logging
import random

from headrace.codec import Settings
from headrace.faultpoint import reach
from headrace.job import JobState
from headrace.options import Options
from headrace.outbox import Outbox
from headrace.queue import Queue
from headrace.schedule import Schedule
from headrace.worker.attempt import Attempt
from headrace.worker.backoff import Backoff

logger: logging.Logger = logging.getLogger("headrace.worker")

WAITING = (JobState.QUEUED, JobState.DELAYED)

CHECK_EVERY = 60.0
"""Seconds between two looks whether each schedule has its next tick in the broker."""


class Scheduler:
    """Keeps the schedules of one queue going.

    A tick's job id is made of its schedule and its moment, and its key is held for two intervals:
    however many workers enqueue it, there is one job. Claiming a tick enqueues the one after it,
    before the tick runs. Which moments are ticks is told by the worker's wall clock; when the job
    starts, by the broker's.

    Args:
        queue: Whose schedules.
    """

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._clock = queue.broker.clock
        self._outbox = Outbox(queue.broker, queue.name)
        self._backoff = Backoff("scheduler", queue.name)
        self._latest: dict[str, int] = {}

    async def run(self) -> None:
        """See to it that every schedule has its next tick, until cancelled."""
        while self._queue.schedules:
            try:
                for schedule in self._queue.schedules.values():
                    await self._look_at(schedule)
            except Exception as error:  # noqa: BLE001 - a plug-in that leaks must not end the worker
                pause = self._backoff.failed(error)
            else:
                self._backoff.succeeded()
                pause = CHECK_EVERY * random.uniform(0.9, 1.0)
            await self._clock.sleep(pause)

    async def arrived(self, attempt: Attempt) -> bool:
        """Enqueue the tick after the one that was claimed, and say whether this one is to run.

        Raises:
            BrokerError: The next tick could not be enqueued: the job is to be tried again.
        """
        settings = attempt.envelope.settings or Settings()
        tick, now = settings.tick or 0, self._now()
        schedule = self._queue.schedules.get(settings.schedule or "")
        if schedule is None or not schedule.fires_at(tick):
            self._note("tick dropped: its schedule is gone or changed", attempt)
            return False
        await self._enqueue(schedule, schedule.next(tick, now))
        if attempt.lease.attempt == 0 and schedule.drops(tick, now):
            self._note("tick dropped: it is too late", attempt)
            return False
        return True

    async def _look_at(self, schedule: Schedule) -> None:
        """Enqueue the next tick, unless one waits that is due: whoever claims it does so then."""
        tick, latest = schedule.trigger.after(self._now()), self._latest.get(schedule.name)
        if latest is None or latest >= tick or not await self._waits(schedule.job_id(latest)):
            await self._enqueue(schedule, tick)

    async def _waits(self, job_id: str) -> bool:
        [info] = await self._queue.broker.lookup(self._queue.name, [job_id])
        return info is not None and info.state in WAITING

    async def _enqueue(self, schedule: Schedule, tick: int) -> None:
        """Put a tick into the broker, unless it is there."""
        task = self._queue.tasks[schedule.task]
        job_id = schedule.job_id(tick)
        options = Options(
            job_id=job_id,
            delay=max(0.0, tick / 1000 - self._clock.time()),
            priority=task.defaults.priority,
            unique=job_id,
            unique_for=2 * schedule.trigger.width(tick),
        )
        settings = Settings(schedule=schedule.name, tick=tick)
        reach("scheduler.enqueuing")
        await self._outbox.send(self._queue.draft(task.call(), options, settings))
        self._latest[schedule.name] = tick
        reach("scheduler.enqueued")

    def _now(self) -> int:
        return int(self._clock.time() * 1000)

    def _note(self, what: str, attempt: Attempt) -> None:
        logger.info(what, extra={"job_id": attempt.lease.id, "queue": attempt.lease.queue})
