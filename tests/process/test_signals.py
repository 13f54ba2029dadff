"""Real worker processes and real signals, through the shipped command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

APP = """
import asyncio, contextlib, os, threading, time
from headrace import MemoryBroker, Queue, Worker, current_job
from headrace.worker import worker as worker_module

queue = Queue("memory://")
started = []

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

@queue.task
async def work(seconds: float) -> None:
    started.append(current_job().id)
    say("started", len(started))
    await asyncio.sleep(seconds)

@queue.task
async def deaf() -> None:
    say("started", 1)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)

@queue.task
def thread() -> None:
    say("started", 1)
    threading.Event().wait()

JOBS = {
    "nothing": [],
    "mixed": [work.call(0.2)] * 12 + [work.call(3600)] * 8 + [work.call(0)] * 50,
    "long": [work.call(3600)] * 3,
    "deaf": [deaf.call()],
    "thread": [thread.call()],
}

# The memory broker lives in the worker's process, so the process fills its own queue, and tells
# what is in it when the worker is through.
serve = Worker._serve

async def filled(self):
    await queue.enqueue_many(JOBS[os.environ["JOBS"]])
    try:
        return await serve(self)
    finally:
        stats = await queue.stats()
        leases = await queue.broker.claim("default", "after", 100, 0)
        say("ready", sum(stats.ready))
        say("running", stats.running)
        say("charged", sum(lease.attempt for lease in leases))
        say("again", sum(lease.deliveries != 1 for lease in leases))
        say("succeeded", self.tally.succeeded)

worker_module.Worker._serve = filled
"""


class Process:
    """A worker process whose standard output tells what happens."""

    def __init__(self, folder: Path, jobs: str, *options: str) -> None:
        (folder / "app.py").write_text(textwrap.dedent(APP))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace", "worker", "app:queue", *options],
            cwd=folder,
            env={**os.environ, "JOBS": jobs, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, word: str, number: int) -> None:
        """Read until the process says so."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.split() == [word, str(number)]:
                return
        pytest.fail(f"the process ended before it said {word} {number}: {self.end()}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_for_log(self, text: str) -> None:
        """Read its log until a line says so."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if text in line:
                return
        pytest.fail(f"the process ended before it logged {text!r}")

    def end(self, within: float = 30.0) -> tuple[int, dict[str, int]]:
        """Return its exit code and what it said at the end."""
        out, _ = self._process.communicate(timeout=within)
        said = dict(line.split() for line in out.splitlines() if not line.startswith("started"))
        return self._process.returncode, {word: int(number) for word, number in said.items()}

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    processes: list[Process] = []

    def begin(*args: str) -> Process:
        processes.append(Process(tmp_path, *args))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_finishes_what_it_can_and_gives_back_the_rest(
    start: Any, number: int
) -> None:
    """20 running jobs, of which 12 can finish in the grace, and 50 claimed ones behind them."""
    grace = 2.0
    process = start("mixed", "-c", "20", "--prefetch", "50", "--grace", str(grace))
    process.wait_for("started", 20)
    process.signal(number)
    code, said = process.end(within=grace + 2)
    assert code == 0
    assert said == {"succeeded": 12, "ready": 58, "running": 0, "charged": 0, "again": 0}


def test_the_second_signal_gives_everything_back_at_once(start: Any) -> None:
    process = start("long", "--grace", "3600")
    process.wait_for("started", 3)
    process.signal(signal.SIGTERM)
    process.wait_for_log("worker is stopping")
    process.signal(signal.SIGTERM)
    code, said = process.end(within=5)
    assert code == 1
    assert said == {"succeeded": 0, "ready": 3, "running": 0, "charged": 0, "again": 0}


def test_the_third_signal_ends_the_process(start: Any) -> None:
    process = start("deaf", "--grace", "3600")
    process.wait_for("started", 1)
    process.signal(signal.SIGTERM)
    process.wait_for_log("worker is stopping")
    process.signal(signal.SIGINT)
    process.wait_for_log("running jobs are cancelled")
    process.signal(signal.SIGTERM)
    code, said = process.end(within=5)
    assert (code, said) == (130, {})


@pytest.mark.parametrize(("jobs", "expected"), [("deaf", 1), ("thread", 0)])
def test_what_cannot_be_stopped_does_not_keep_the_process(
    start: Any, jobs: str, expected: int
) -> None:
    grace = 0.5
    process = start(jobs, "--grace", str(grace))
    process.wait_for("started", 1)
    process.signal(signal.SIGTERM)
    code, said = process.end(within=grace + 2)
    assert code == expected
    assert (said["ready"], said["running"], said["charged"]) == (1, 0, 0)


def test_an_idle_worker_stops_at_once(start: Any) -> None:
    process = start("nothing", "--grace", "3600")
    process.wait_for_log("worker is serving")
    process.signal(signal.SIGTERM)
    code, said = process.end(within=5)
    assert (code, said["running"]) == (0, 0)


def test_a_worker_says_what_it_did(start: Any) -> None:
    process = start("mixed", "-c", "20", "--grace", "0.5")
    process.wait_for("started", 20)
    process.signal(signal.SIGTERM)
    process.wait_for_log("claimed=20 succeeded=12")
    assert process.end()[0] == 0
