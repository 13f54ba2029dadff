"""One delivery in, one outcome out, in named steps. It knows no broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from headrace.clock import Clock
from headrace.context import CurrentJob, set_current_job
from headrace.faultpoint import reach
from headrace.job import JobState
from headrace.middleware import compose
from headrace.outcome import Done, Outcome, Reschedule
from headrace.queue import Queue
from headrace.worker.attempt import Attempt, prepare
from headrace.worker.journal import tell
from headrace.worker.limits import TaskLimits
from headrace.worker.run import CancelReason, Run
from headrace.worker.threads import Threads
from headrace.worker.verdict import failed, stopped, succeeded

CROWDED_DELAY = 1.0
"""Seconds after which a job comes back that found too many of its task waiting."""


class Executor:
    """Runs the jobs of one queue.

    Args:
        queue: Where the tasks are.
        clock: For timeouts.
        threads: For plain functions.
        limits: For tasks with a concurrency of their own.
        arrived: Called for a tick of a schedule before it runs; False: it does not run.
    """

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        threads: Threads,
        limits: TaskLimits,
        arrived: Callable[[Attempt], Awaitable[bool]],
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._threads = threads
        self._limits = limits
        self._arrived = arrived
        self._layers = queue.layers

    async def execute(self, run: Run) -> Outcome | None:
        """Run a delivery to its end, in an asyncio task that is the delivery's own.

        Whatever the task raises or returns ends in an outcome. `Run.cancel` stops it with a reason.
        An `asyncio.CancelledError` without a reason is the task's own doing, since nobody else
        holds the asyncio task: a failure like any other.

        Returns:
            What becomes of the job, `None` if another worker has it.
        """
        attempt = prepare(run.lease, self._queue, random.random())
        if not isinstance(attempt, Attempt):
            tell("", attempt)
            return attempt
        try:
            outcome = await self._admit(run, attempt)
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task must not end the worker
            outcome = self._judge(run, attempt, error)
        tell(attempt.envelope.task, outcome)
        return outcome

    async def _admit(self, run: Run, attempt: Attempt) -> Outcome | None:
        """Run an attempt if its schedule and its task's own concurrency let it."""
        lease, task, settings = attempt.lease, attempt.implementation, attempt.envelope.settings
        if settings is not None and settings.schedule is not None:
            if not await self._arrived(attempt):
                return Done(lease, None, attempt.result_ttl, JobState.CANCELLED)
            if lease.deadline <= self._clock.monotonic():
                # To enqueue the next tick took so long that another worker has this one.
                return None
        if task.concurrency is None:
            value = await self._timed(run, attempt)
        elif self._limits.admits(task):
            async with self._limits.slot(task):
                value = await self._timed(run, attempt)
        else:
            delay = CROWDED_DELAY * random.uniform(0.5, 1.0)
            return Reschedule(lease, delay, lease.attempt, lease.meta)
        return succeeded(attempt, value, self._queue.max_payload)

    async def _timed(self, run: Run, attempt: Attempt) -> Any:
        """Call the task under its timeout."""
        job = attempt.job(self._clock.monotonic() if attempt.timeout else 0.0)
        set_current_job(job)
        if not attempt.timeout:
            return await self._call(attempt, job)
        # `asyncio.timeout` would cost 5 µs and could not tell its cancellation from others.
        timer = self._clock.call_later(attempt.timeout, run.cancel, CancelReason.TIMEOUT)
        try:
            return await self._call(attempt, job)
        finally:
            timer.cancel()

    def _call(self, attempt: Attempt, job: CurrentJob) -> Awaitable[Any]:
        """Call the task through its queue's middleware."""
        if not self._layers:
            return self._invoke(attempt)
        return compose(self._layers, lambda _: self._invoke(attempt))(job)

    def _invoke(self, attempt: Attempt) -> Awaitable[Any]:
        """Call the task: the awaitable is its own, one of ours around it would cost each job."""
        args, kwargs = attempt.arguments
        reach("worker.starting")
        if attempt.implementation.is_async:
            coroutine: Awaitable[Any] = attempt.implementation.function(*args, **kwargs)
            return coroutine
        return self._in_thread(attempt)

    async def _in_thread(self, attempt: Attempt) -> Any:
        args, kwargs = attempt.arguments
        value = await self._threads.run(attempt.implementation.function, *args, **kwargs)
        # A plain wrapper around an `async def` returns what is still to be awaited.
        return await value if asyncio.iscoroutine(value) else value

    def _judge(self, run: Run, attempt: Attempt, error: BaseException) -> Outcome | None:
        now, chance = self._clock.time(), random.random()
        if run.reason is not None:
            return stopped(attempt, run.reason, now, chance)
        return failed(attempt, error, now, chance)
