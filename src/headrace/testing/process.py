"""A worker in a harness, which can die as a process does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from typing import Any, TypedDict

from headrace.broker import Broker
from headrace.context import CurrentJob
from headrace.middleware import CallNext
from headrace.queue import Queue
from headrace.testing.clock import ManualClock
from headrace.testing.line import Line
from headrace.testing.running import Mortal, Running, set_running
from headrace.testing.twin import Twin
from headrace.testing.virtual import WorkerClock
from headrace.worker.worker import Worker


class WorkerSettings(TypedDict, total=False):
    """What of a worker's settings a harness can be given."""

    concurrency: int
    """Jobs at a time."""
    threads: int | None
    """Plain functions at a time."""


class Process:
    """A worker with what a process of its own would have. It belongs to one event loop.

    Args:
        queues: What it serves.
        broker: What it is connected to.
        clock: Whose time it has.
        context: In which its tasks run.
        settings: The worker's.

    Attributes:
        clock: Its own timers.
        moves: How often a job began, ended, or waited for time.
        line: Its way to the broker.
        loop: The event loop in which it lives.
        dead: Whether none of its code runs any more.
        buried: Whether what a dead one left behind comes to its end.
    """

    def __init__(
        self,
        queues: Iterable[Queue],
        broker: Broker,
        clock: ManualClock,
        context: Context,
        settings: WorkerSettings,
    ) -> None:
        self.clock: WorkerClock = WorkerClock(clock)
        self.line: Line = Line(broker, self.clock)
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.dead: bool = False
        self.buried: bool = False
        self.moves: int = 0
        self._running: set[Running] = set()
        self._stirred = asyncio.Event()
        self._ready = asyncio.Event()
        self._grave = asyncio.Event()
        twins = [Twin(queue, self.line, self._perform) for queue in queues]
        self._worker = Worker(*twins, prefetch=0, **settings)
        self._task = self.loop.create_task(
            self._worker.run(signals=False, started=self._ready.set),
            name="headrace-harness-worker",
            context=context,
        )
        self._task.add_done_callback(lambda _: self._ready.set())

    @property
    def over(self) -> bool:
        """Whether its worker has ended."""
        return self._task.done()

    @property
    def idle(self) -> bool:
        """Whether it has no job, and nothing to put right."""
        return not self.line.held and self._worker.ready

    async def ready(self) -> None:
        """Return when it serves.

        Raises:
            HeadraceError: It does not come up, as `Worker.run` has it.
        """
        await self._ready.wait()
        if self.over:
            await self._task

    # its jobs

    async def _perform(self, job: CurrentJob, call_next: CallNext) -> Any:
        """Middleware around all other: run a job for as long as this lives."""

        async def code() -> Any:
            return await call_next(job)

        running = Running(job, self)
        set_running(running)
        self._running.add(running)
        self.stir()
        try:
            return await Mortal(code(), self)
        finally:
            set_running(None)
            self._running.discard(running)
            self.stir()

    def stir(self) -> None:
        """Hear that a job began, ended, or waits for time."""
        self.moves += 1
        self._stirred.set()

    def busy(self) -> list[tuple[float, CurrentJob]]:
        """Return the jobs that do something, and for how many real seconds."""
        times = [] if self.dead else [(one.busy, one.job) for one in self._running]
        return [(seconds, job) for seconds, job in times if seconds is not None]

    async def stirred(self, seconds: float) -> None:
        """Return when a job began, ended, or waits for time, at the latest after real seconds."""
        self._stirred.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stirred.wait()

    # its end

    def die(self) -> None:
        """Run no more code from now on, as by SIGKILL."""
        self.dead = True
        self.line.cut()

    async def rest(self) -> None:
        """Wait for the burial, and be cancelled: for what runs on in a dead one."""
        await self._grave.wait()
        raise asyncio.CancelledError

    async def end(self, patience: float) -> None:
        """Cancel what runs, bury what stands still, and return when all that has ended.

        Args:
            patience: Real seconds after which a job that does not end is left alone.
        """
        self.release()
        await asyncio.wait([self._task])
        until = self.loop.time() + patience
        while self._running and self.loop.time() < until:
            await self.stirred(until - self.loop.time())
        if not self._task.cancelled():
            self._task.exception()

    def release(self) -> None:
        """Have it come to its end, without waiting for that."""
        self.buried = True
        self._grave.set()
        self.line.end()
        self.clock.release()
        if self.dead:
            for running in self._running:
                running.cancel()
        self._worker.stop()
        self._worker.stop()

    def abandon(self) -> None:
        """Have it come to its end from outside its event loop, if that still runs."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self.release)
