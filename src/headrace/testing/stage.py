"""Where the jobs of a harness run: a worker, the one after it, and the passage of time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context

from headrace.clock import SystemClock
from headrace.context import CurrentJob
from headrace.job import JobState
from headrace.memory import MemoryBroker
from headrace.queue import Queue
from headrace.testing.process import Process, WorkerSettings
from headrace.testing.recorder import Recorder
from headrace.testing.running import running_here
from headrace.testing.virtual import VirtualClock

FIRST_LEAP = 60.0
LONGEST_LEAP = 86_400.0
"""Virtual seconds for which a worker that has no job is left alone: longer each time."""

MOST_RUNS = 100_000
"""Runs at one moment of virtual time that cannot be meant."""

MOST_STEPS = 10_000
"""Moments at which something is due before all is drained, that cannot be meant."""

FOREVER = float("inf")


class Stage:
    """What a harness has beside its face; see there.

    Args:
        queues: Whose jobs.
        start: The wall time at first; now, if it is not given.
        patience: Real seconds that a job may take.
        settings: The worker's.

    Attributes:
        time: Virtual time.
        broker: Where the jobs are.
    """

    def __init__(
        self,
        queues: Sequence[Queue],
        start: float | None,
        patience: float,
        settings: WorkerSettings,
    ) -> None:
        self.time: VirtualClock = VirtualClock(SystemClock().time() if start is None else start)
        specs = [queue.spec for queue in queues]
        self.broker: Recorder = Recorder(MemoryBroker(clock=self.time), specs, patience)
        self._queues = queues
        self._patience = patience
        self._settings = settings
        self._context = copy_context()
        self._process: Process | None = None
        self._fallen: list[Process] = []
        self._gates = 0

    async def drain(self, *, delayed: bool) -> int:
        """See `Harness.drain`."""
        before = self.broker.runs
        async with self.working():
            await self._quiet()
            if delayed:
                await self._finish()
            late = [job for _, job in (await self._worker()).busy()]
        if late:
            raise TimeoutError(_impatient(late, self._patience))
        return self.broker.runs - before

    async def advance(self, amount: float) -> int:
        """See `Harness.advance`; virtual seconds."""
        before = self.broker.runs
        end = self.time.monotonic() + amount
        async with self.working():
            await self._quiet()
            leaps = _leaps()
            while self.time.monotonic() < end:
                await self._step(end, leaps)
        return self.broker.runs - before

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """See `Harness.working`."""
        process = await self._worker()
        self._gates += 1
        process.line.let_in()
        try:
            yield
        finally:
            self._gates -= 1
            if not self._gates and self._process is not None:
                self._process.line.shut()

    async def crash(self) -> None:
        """See `Harness.crash`."""
        running = running_here()
        if self._process is not None and not (running and running.life.dead):
            self._process.die()
            self._fallen.append(self._process)
            self._process = self._start()
        if running is not None:
            await running.life.rest()

    async def stop(self) -> None:
        """See `Harness.stop`."""
        processes, self._process, self._fallen = self._processes(), None, []
        for process in processes:
            await process.end(self._patience)

    def abandon(self) -> None:
        """Have all workers end, wherever they live, and do not wait for it."""
        for process in self._processes():
            process.abandon()

    def _processes(self) -> list[Process]:
        """Return the workers, living and dead, whose event loops are there."""
        found = [*self._fallen, *([self._process] if self._process else [])]
        return [process for process in found if not process.loop.is_closed()]

    # how time passes

    async def _worker(self) -> Process:
        """Return the worker that serves in this event loop; start it if there is none."""
        process = self._process
        if process is None or process.over or process.loop.is_closed():
            process = self._process = self._start()
        elif process.loop is not asyncio.get_running_loop():
            message = "the harness works in another event loop: drain and advance there, or stop it"
            raise RuntimeError(message)
        await process.ready()
        return process

    def _start(self) -> Process:
        context = self._context.copy()
        process = Process(self._queues, self.broker, self.time, context, self._settings)
        if self._gates:
            process.line.let_in()
        return process

    async def _quiet(self) -> None:
        """Return when nothing more happens unless time passes."""
        before = self.broker.runs
        while True:
            process, moves = await self._worker(), self._moves()
            await self.time.settle()
            if self.broker.runs - before > MOST_RUNS:
                message = f"there were {MOST_RUNS:,} runs in no time, and no end of them"
                raise RuntimeError(message)
            if self._moves() != moves:
                continue
            left = [self._patience - spent for spent, _ in process.busy() if spent < self._patience]
            if not left:
                return
            await process.stirred(min(left))

    def _moves(self) -> tuple[Process | None, int, int]:
        process = self._process
        return process, process.moves if process else 0, self.broker.calls.total()

    async def _step(self, end: float, leaps: Iterator[float]) -> None:
        """Let it be the next moment at which something is due, at the latest the end."""
        process, now = await self._worker(), self.time.monotonic()
        own = now + next(leaps) if process.idle else process.clock.next_timer()
        moments = (self.time.next_timer(), own, end)
        self.time.move_to(min(moment for moment in moments if moment is not None))
        self.time.fire_due()
        process.clock.fire_due()
        await self._quiet()

    async def _finish(self) -> None:
        """Let time pass until no job waits for it, or one takes too long."""
        leaps = _leaps()
        for _ in range(MOST_STEPS):
            if (await self._worker()).busy() or not await self._unfinished():
                return
            await self._step(FOREVER, leaps)
        message = f"jobs still wait for time after {MOST_STEPS:,} moments: do they ever end?"
        raise RuntimeError(message)

    async def _unfinished(self) -> bool:
        """Tell whether a job waits for time, or has a worker. Ticks of schedules do not count."""
        for queue in self._queues:
            entries = [entry for entry in self.broker.entries if entry.queue == queue.name]
            ids = [entry.job.id for entry in entries if not entry.tick]
            infos = await self.broker.lookup(queue.name, ids)
            if any(info and info.state in (JobState.DELAYED, JobState.RUNNING) for info in infos):
                return True
        return False


def _leaps() -> Iterator[float]:
    """Yield for how long to leave a worker alone that has nothing to do, again and again."""
    leap = FIRST_LEAP
    while True:
        yield leap
        leap = min(2 * leap, LONGEST_LEAP)


def _impatient(jobs: list[CurrentJob], patience: float) -> str:
    """Say which jobs took too long."""
    names = ", ".join(f"{job.task} ({job.id})" for job in jobs)
    return (
        f"{names}: not over after {patience:g} s of real time. A job that is to wait in a test "
        "sleeps by the harness's clock; one that does take so long needs more patience"
    )
