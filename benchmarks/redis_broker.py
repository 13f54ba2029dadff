"""What the Redis broker carries: a producer here, a worker process by the shipped command.

    uv run python -m benchmarks.redis_broker [--server valkey-9.1] [--rounds 5]

Server, producer and worker share the machine. Each figure is the median of the rounds with the
least and the greatest beside it. The first lines are what the driver alone can do in the same
minutes: compare ratios with them, for absolute figures do not carry to another machine or hour.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast

import uvloop
from redis.asyncio import Redis

from headrace import Queue
from headrace.queue import URL_VARIABLE
from tests.servers import REDIS_SERVERS, RedisServer

SEQUENTIAL, GATHERED, MANY, DRAINED = 4_000, 50_000, 100_000, 100_000
MILLION = 1_000_000
LATENCIES, RATE = 1_000, 200
TICKS = os.sysconf("SC_CLK_TCK")


class WorkerProcess:
    """A worker started by the command that anybody would use."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "headrace", "worker", "benchmarks.redis_app:queue"]
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


async def driver(url: str, report: Report) -> None:
    """Measure the driver: one XADD at a time, and one script for 500 of them."""
    script = "for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end"
    async with cast("Any", Redis).from_url(url, protocol=2) as client:
        body = b"x" * 60
        began = time.perf_counter()
        for _ in range(SEQUENTIAL):
            await client.execute_command("XADD", "raw", "*", "b", body)
        report.add("driver alone: XADD, one await each, /s", SEQUENTIAL / since(began))
        began = time.perf_counter()
        for _ in range(MANY // 500):
            await client.eval(script, 1, "raw", "", *[body] * 500)
        report.add("driver alone: XADD, 500 in a script, /s", MANY / since(began))
        await client.delete("raw")


def since(began: float) -> float:
    """Return the seconds since then."""
    return time.perf_counter() - began


class Bench:
    """The figures of one server. The app must be imported when the environment names the server."""

    def __init__(self, server: RedisServer, rounds: int, report: Report) -> None:
        self.url = server.url
        self.rounds = rounds
        self.report = report
        os.environ[URL_VARIABLE] = server.url
        self.app: Any = importlib.import_module("benchmarks.redis_app")

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
            await self.app.queue.broker.clock.sleep(0.01)

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
                await driver(self.url, self.report)
                await self.producing()
                async with self.serving() as worker:
                    await self.draining(worker)
                async with self.serving():
                    await self.latency()


async def _nothing(number: int) -> None: ...


async def memory(server: RedisServer, option: str) -> float:
    """Return the MB of the server that a million queued no-op jobs take."""
    with server.client() as client:
        client.flushall()
        before = client.info("memory")["used_memory"]
        async with Queue(f"{server.url}?{option}") as full:
            task = full.task(name="f")(_nothing)
            await full.enqueue_many(task.call(number) for number in range(MILLION))
        used = client.info("memory")["used_memory"]
        client.flushall()
    return float(used - before) / 1e6


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(REDIS_SERVERS), default="valkey-9.1")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    binary = REDIS_SERVERS[given.server]()
    if binary is None:
        sys.exit("this server is not here")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(binary, Path(folder)).start()
        try:
            uvloop.run(Bench(server, given.rounds, report).run())
            report.print()
            for option in ("track=yes", "track=no"):
                used = uvloop.run(memory(server, option))
                print(f"{f'a million queued jobs, {option}, MB':52} {used:>10,.1f}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
