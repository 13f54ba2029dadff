"""What any broker carries: a producer here, a worker process by the shipped command.

Server, producer and worker share the machine. Each figure is the median of the rounds with the
least and the greatest beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from headrace.queue import URL_VARIABLE

SEQUENTIAL, GATHERED, MANY, DRAINED = 4_000, 50_000, 100_000, 100_000
LATENCIES, RATE = 1_000, 200
TICKS = os.sysconf("SC_CLK_TCK")


class WorkerProcess:
    """A worker started by the command that anybody would use."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "headrace", "worker", "benchmarks.app:queue"]
        self._process = subprocess.Popen(
            [*command, "-c", "100", "--log-level", "error"],
            env={**os.environ, "HEADRACE_URL": url},
            cwd=Path(__file__).parent.parent,
        )

    @property
    def cpu(self) -> float:
        """Seconds of CPU time that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def rss(self) -> float:
        """Its resident memory in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        """Stop it in order."""
        self._process.terminate()
        self._process.wait()


class Report:
    """Gathers figures by name and prints them."""

    def __init__(self) -> None:
        self._figures: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Keep one figure."""
        self._figures.setdefault(name, []).append(value)

    def print(self) -> None:
        """Print a line for each name."""
        for name, values in self._figures.items():
            places = 2 if median(values) < 100 else 0
            low, mid, high = (
                f"{value:,.{places}f}" for value in (min(values), median(values), max(values))
            )
            print(f"{name:52} {mid:>10}   ({low} - {high})")


def since(began: float) -> float:
    """Return the seconds since then."""
    return time.perf_counter() - began


class Bench:
    """The figures of one server. The app must be imported when the environment names the server.

    Args:
        url: Of the server.
        driver: Measures what the driver alone can do, for comparison in the same minutes.
        rounds: How often.
        report: Where the figures go.
    """

    def __init__(
        self,
        url: str,
        driver: Callable[[str, Report], Awaitable[None]],
        rounds: int,
        report: Report,
    ) -> None:
        self.url = url
        self.driver = driver
        self.rounds = rounds
        self.report = report
        os.environ[URL_VARIABLE] = url
        self.app: Any = importlib.import_module("benchmarks.app")

    async def producing(self) -> None:
        """Measure the three ways to enqueue, without a worker."""
        began = time.perf_counter()
        for number in range(SEQUENTIAL):
            await self.app.queue.enqueue(self.app.noop, number)
        self.report.add("enqueue, one await each, jobs/s", SEQUENTIAL / since(began))
        began = time.perf_counter()
        for start in range(0, GATHERED, 1_000):
            await asyncio.gather(
                *(
                    self.app.queue.enqueue(self.app.noop, number)
                    for number in range(start, start + 1_000)
                )
            )
        self.report.add("enqueue, gather of 1,000, jobs/s", GATHERED / since(began))
        began = time.perf_counter()
        await self.app.queue.enqueue_many(self.app.noop.call(number) for number in range(MANY))
        self.report.add("enqueue_many, jobs/s", MANY / since(began))
        await self.app.queue.purge()

    async def draining(self, worker: WorkerProcess) -> None:
        """Measure how fast one worker process empties a backlog."""
        for task, name in ((self.app.noop, "results off"), (self.app.kept, "results on")):
            await self.app.queue.pause()
            await self.app.queue.enqueue_many(task.call(number) for number in range(DRAINED))
            cpu, began = worker.cpu, time.perf_counter()
            await self.app.queue.resume()
            await self.empty()
            self.report.add(f"one worker process, {name}, jobs/s", DRAINED / since(began))
            self.report.add(
                f"one worker process, {name}, CPU µs/job", (worker.cpu - cpu) / DRAINED * 1e6
            )
        self.report.add("worker, resident memory, MB", worker.rss)

    async def empty(self) -> None:
        """Return when no job waits or runs."""
        while True:
            stats = await self.app.queue.stats()
            if not (sum(stats.ready) or stats.delayed or stats.running):
                return
            await self.app.queue.broker.clock.sleep(0.05)  # looking costs the server too

    async def latency(self) -> None:
        """Measure from `enqueue` to the start of the job on an idle worker, at a steady rate."""
        clock = self.app.queue.broker.clock
        handles: list[tuple[float, Any]] = []
        first = clock.monotonic()
        for number in range(LATENCIES):
            await clock.sleep(max(0.0, first + number / RATE - clock.monotonic()))
            handles.append((clock.monotonic(), await self.app.queue.enqueue(self.app.started)))
        waits = [1000 * (await handle.result(10) - began) for began, handle in handles]
        marks = quantiles(waits, n=100, method="inclusive")
        self.report.add(f"enqueue to start at {RATE} jobs/s, p50, ms", marks[49])
        self.report.add(f"enqueue to start at {RATE} jobs/s, p99, ms", marks[98])

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[WorkerProcess]:
        """Have a worker process for as long as a block lasts; it is there when the block begins."""
        worker = WorkerProcess(self.url)
        try:
            await (await self.app.queue.enqueue(self.app.kept, 0)).result(30)
            yield worker
        finally:
            worker.stop()

    async def run(self) -> None:
        """Measure everything that repeats."""
        async with self.app.queue:
            for _ in range(self.rounds):
                await self.driver(self.url, self.report)
                await self.producing()
                async with self.serving() as worker:
                    await self.draining(worker)
                async with self.serving():
                    await self.latency()
