"""A broker that is measured: its queue, what is in it, and its workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol, Self

from msgspec import Struct

from headrace.bench.record import Variant
from headrace.bench.tally import Tally
from headrace.bench.tasks import Tasks
from headrace.bench.workers import Workers, worker_here, worker_processes
from headrace.broker import Capability
from headrace.errors import HeadraceError
from headrace.queue import Queue
from headrace.task import Call
from headrace.urls import redact_url

PATIENCE = 60.0
"""Seconds without any job finished after which jobs count as lost."""

LOOK = 0.002
"""Seconds between two looks at the tally."""

WARM_UP = 500
"""Jobs that each worker runs before anything is measured."""

QUIET = 0.02
"""Seconds in which a paused queue that hands out nothing has settled."""


class ForeignJobs(HeadraceError):
    """The queue of the benchmarks holds what is not theirs, or is in use."""


class NoProgress(HeadraceError):
    """Jobs that were stored are not run."""


class Floor(Protocol):
    """What can be done without Headrace: a bound for what is measured."""

    async def throughput(self, workload: str, variant: Variant) -> float | None:
        """Return the jobs a second for a variant of a workload, `None` if it has no floor."""
        ...


class Spent(Struct, frozen=True):
    """What it took to run jobs.

    Attributes:
        jobs: How many.
        elapsed: Seconds from the start of the first one until the queue was empty.
        cpu: Seconds of processor time of the workers meanwhile.
    """

    jobs: int
    elapsed: float
    cpu: float


class Subject:
    """A broker with the queue of the benchmarks, which is empty before and after.

    Args:
        name: As the record calls it.
        url: The broker's.
        tally: Where its workers count.
        floor: What can be done without Headrace.
        storage: Returns the bytes that the broker holds, if there is a way to ask.
        cores: Where worker processes may run; `None`: anywhere.

    Attributes:
        name: As the record calls it.
        url: The broker's, with the secrets in it.
        tally: Where its workers count.
        floor: What can be done without Headrace.
        storage: Returns the bytes that the broker holds.
        tasks: What can be enqueued.
        queue: Where to.
    """

    def __init__(
        self,
        name: str,
        url: str,
        tally: Tally,
        *,
        floor: Floor | None = None,
        storage: Callable[[], Awaitable[int]] | None = None,
        cores: Collection[int] | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.tally = tally
        self.floor = floor
        self.storage = storage
        self.tasks: Tasks = Tasks(url, tally)
        self.queue: Queue = self.tasks.queue
        self._cores = cores

    @property
    def shared(self) -> bool:
        """Whether it lives outside this process, so that worker processes can serve it."""
        return Capability.SHARED in self.queue.broker.capabilities

    @property
    def place(self) -> str:
        """Where it is, with nothing secret."""
        return redact_url(self.url)

    def now(self) -> float:
        """Return the seconds of the clock that all processes of this machine share."""
        return self.queue.broker.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        await self.queue.broker.clock.sleep(seconds)

    # the queue

    async def __aenter__(self) -> Self:
        """Open the queue and empty it.

        Raises:
            ForeignJobs: Somebody else uses it. Nothing was changed.
            BrokerError: The broker cannot be reached or refuses.
        """
        await self.queue.open()
        try:
            await self._refuse_foreign()
            await self.empty()
        except BaseException:
            await self.queue.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Empty the queue and close it."""
        try:
            await self.empty()
        finally:
            await self.queue.close()

    async def _refuse_foreign(self) -> None:
        """Look whether a run is under way, and whether the dead letters are of our tasks.

        Raises:
            ForeignJobs: It is, or they are not.
        """
        name = self.queue.name
        stats = await self.queue.stats()
        if stats.running:
            message = (
                f"jobs of queue {name!r} run at {self.place}: another run is under way, "
                "or one was killed less than a lease ago"
            )
            raise ForeignJobs(message)
        async for letter in self.queue.dead_letters():
            if letter.task not in self.queue.tasks:
                message = (
                    f"queue {name!r} at {self.place} holds jobs of task {letter.task!r}, which are "
                    f"not of the benchmarks: look at them with `headrace dead list -q {name}`"
                )
                raise ForeignJobs(message)
            break

    async def empty(self) -> None:
        """Drop whatever is in the queue, and let it hand out jobs."""
        await self.queue.purge()
        await self.queue.purge(dead=True)
        await self.queue.resume()

    # the workers

    @asynccontextmanager
    async def working(self, processes: int = 1, concurrency: int = 100) -> AsyncGenerator[Workers]:
        """Have workers for as long as a block lasts. When it begins they are warm.

        Args:
            processes: How many; a broker in this process is served in this event loop.
            concurrency: Jobs at a time for each.

        Raises:
            WorkerFailed: A process does not come up.
        """
        self.tally.clear()
        if self.shared:
            made = worker_processes(self.url, self.tally, processes, concurrency, self._cores)
        else:
            made = worker_here(self.queue, concurrency)
        async with made as workers:
            jobs = WARM_UP * len(workers)
            await self.queue.enqueue_many(map(self.tasks.noop.call, range(jobs)))
            await self.finished(jobs)
            self.tally.clear()
            yield workers

    async def finished(self, jobs: int) -> float:
        """Wait until so many jobs were finished and the queue is empty.

        Returns:
            The moment at which it was seen to be empty.

        Raises:
            NoProgress: No job is finished any more.
        """
        last, since = 0, self.now()
        while (finished := self.tally.finished) < jobs:
            if finished > last:
                last, since = finished, self.now()
            elif self.now() - since > PATIENCE:
                message = f"{finished:,} of {jobs:,} jobs ran, and no more for {PATIENCE:.0f} s"
                raise NoProgress(message)
            await self.sleep(LOOK)
        while True:
            stats = await self.queue.stats()
            if not (sum(stats.ready) or stats.delayed or stats.running):
                return self.now()
            await self.sleep(LOOK)

    async def drain(self, workers: Workers, calls: Iterable[Call[Any]]) -> Spent:
        """Fill the paused queue, resume it, and measure until it is empty.

        Workers see a resume with a delay that has nothing to do with their speed, so the time runs
        from the start of the first job. Jobs that a worker still took because it saw the pause late
        are not counted.
        """
        await self.queue.pause()
        handles = await self.queue.enqueue_many(calls)
        slipped = await self._settled()
        self.tally.clear()
        cpu, resumed = workers.cpu, self.now()
        await self.queue.resume()
        jobs = len(handles) - slipped
        ended = await self.finished(jobs)
        return Spent(jobs, ended - (self.tally.first or resumed), workers.cpu - cpu)

    async def _settled(self) -> int:
        """Wait until a paused queue hands out nothing more, and return how many jobs ran."""
        before = -1
        while (finished := self.tally.finished) != before:
            before = finished
            await self.sleep(QUIET)
        return finished
