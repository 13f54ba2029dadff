"""The workers that are measured: processes of the shipped command, or one in this event loop."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

from headrace.bench.process import Process
from headrace.bench.tally import Tally
from headrace.bench.tasks import Tasks
from headrace.errors import HeadraceError
from headrace.queue import URL_VARIABLE, Queue
from headrace.supervisor.process import WorkerProcess, working_folder
from headrace.worker.worker import Worker

PATIENCE = 10.0
"""Seconds that a worker process has to stop in order. Then it is killed."""


class WorkerFailed(HeadraceError):
    """A worker process did not come up; it has said why on standard error."""


class Workers:
    """Workers that serve, and what they have used.

    Args:
        processes: Where they are.
    """

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes

    def __len__(self) -> int:
        return len(self._processes)

    @property
    def cpu(self) -> float:
        """Seconds of processor time that they have used together."""
        return sum(process.cpu for process in self._processes)

    @property
    def rss(self) -> float:
        """MB of memory that each of them holds on average."""
        return sum(process.rss for process in self._processes) / len(self._processes)


@asynccontextmanager
async def worker_here(queue: Queue, concurrency: int) -> AsyncGenerator[Workers]:
    """Serve a queue in this event loop: what is measured is this process, producer and all."""
    worker, started = Worker(queue, concurrency=concurrency), asyncio.Event()
    running = asyncio.create_task(worker.run(signals=False, started=started.set))
    running.add_done_callback(lambda _: started.set())
    try:
        await started.wait()
        yield Workers([Process(os.getpid())])
    finally:
        worker.stop()
        await running


@asynccontextmanager
async def worker_processes(
    url: str, tally: Tally, number: int, concurrency: int, cores: Collection[int] | None
) -> AsyncGenerator[Workers]:
    """Serve a queue in so many processes; when the block begins they do. They end with it.

    They end with this process too, however it ends: they are on a leash, as under the supervisor.

    Args:
        url: The broker's.
        tally: Where they count.
        number: Of processes.
        concurrency: Jobs at a time for each.
        cores: Where they may run; `None`: anywhere.

    Raises:
        WorkerFailed: One does not come up.
    """
    command = [sys.executable, "-m", "headrace", "worker", f"{Tasks.__module__}:queue"]
    command += [f"--concurrency={concurrency}", "--processes=1", "--log-level=error"]
    workers: list[WorkerProcess] = []
    started: list[asyncio.subprocess.Process] = []
    try:
        for slot in range(number):
            environment = {**os.environ, URL_VARIABLE: url, **tally.slot(slot)}
            workers.append(WorkerProcess(command, working_folder(), environment))
            started.append(await workers[-1].start())
            if cores is not None:
                os.sched_setaffinity(started[-1].pid, cores)
        for worker in workers:
            if not await worker.ready():
                message = "a worker process did not come up: it said why above"
                raise WorkerFailed(message)
        yield Workers([Process(process.pid) for process in started])
    finally:
        try:
            await _end(workers, started)
        finally:
            for worker in workers:
                worker.close()


async def _end(
    workers: Sequence[WorkerProcess], started: Sequence[asyncio.subprocess.Process]
) -> None:
    """Ask all of them to stop, and wait until they have or their time is up."""
    for worker in workers:
        worker.ask_to_stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            for process in started:
                await process.wait()
