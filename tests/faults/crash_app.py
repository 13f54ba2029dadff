"""What the processes run that die at a point, and those that take over: tasks, and deeds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from headrace import Queue, Reject, RetryPolicy, Snooze, current_job, faultpoint
from headrace.cli.target import load_queue

APP = """
import os
from pathlib import Path

from headrace import Queue
from headrace.plugins import broker_from_url
from tests.faults.crash_app import Notes, add_schedule, add_tasks, die_at

url = os.environ["HEADRACE_URL"]
broker = broker_from_url(url) if "BLOCKED" in os.environ else url
queue = Queue(broker, name=os.environ["QUEUE"], lease=float(os.environ["LEASE"]))
notes = Notes(Path(os.environ["LEDGER"]))
add_tasks(queue, notes)
if "TICKING" in os.environ:
    add_schedule(queue, notes)
die_at(os.environ["POINT"], int(os.environ.get("TIME", "1")), notes)
if "LATE" in os.environ:
    from headrace_nats import overdue

    overdue.LATE = float(os.environ["LATE"])
"""
"""The module of a process that dies at a point."""

AGAIN = 0.3
"""Seconds until a job is tried again: the process that failed is dead by then."""


class Notes:
    """Writes down what happens, line by line: a SIGKILL does not undo a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def note(self, event: str, **facts: Any) -> None:
        os.write(self._file, json.dumps({"event": event, **facts}).encode() + b"\n")

    def started(self) -> None:
        job = current_job()
        self.note("start", id=job.id, attempt=job.attempt, deliveries=job.deliveries)

    def has(self, event: str) -> bool:
        return f'"event": "{event}"' in self._path.read_text()


def die_at(point: str, time: int, notes: Notes) -> None:
    """Have this process killed when it reaches a point for the n-th time."""
    left = time

    def die(reached: str) -> None:
        nonlocal left
        left -= reached == point
        if not left:
            notes.note("death", point=point)
            os.kill(os.getpid(), signal.SIGKILL)

    faultpoint.install(die)


def add_tasks(queue: Queue, notes: Notes) -> None:
    """Give a queue what all processes know."""
    _add_short_tasks(queue, notes)
    _add_long_tasks(queue, notes)


def add_schedule(queue: Queue, notes: Notes) -> None:
    """Give a queue something to do twice a second."""

    @queue.every(0.5)
    @queue.task
    async def tick() -> None:
        notes.started()


def _add_short_tasks(queue: Queue, notes: Notes) -> None:
    policy = RetryPolicy(attempts=3, base=AGAIN, jitter=0.0)

    @queue.task(retry=policy)
    async def succeeds() -> int:
        notes.started()
        return os.getpid()

    async def fails_once() -> None:
        notes.started()
        if current_job().attempt == 1:
            raise ValueError

    queue.task(name="fails", retry=policy)(fails_once)
    queue.task(name="forgets", retry=policy, result_ttl=0)(fails_once)

    @queue.task
    async def snoozes() -> None:
        notes.started()
        if not notes.has("death"):
            raise Snooze(AGAIN)

    @queue.task
    async def rejects() -> None:
        notes.started()
        raise Reject("on purpose")


def _add_long_tasks(queue: Queue, notes: Notes) -> None:

    async def until_death() -> int:
        while not notes.has("death"):
            await queue.broker.clock.sleep(0.02)
        return os.getpid()

    @queue.task
    async def held() -> int:
        """Go on until a process has died."""
        notes.started()
        return await until_death()

    @queue.task
    async def blocks(gate: str) -> int:
        """Hold up the event loop until a gate opens; another delivery goes on until a death."""
        notes.started()
        if current_job().deliveries == 1:
            Path(gate).read_bytes()  # noqa: ASYNC240 - on purpose
            return os.getpid()
        return await until_death()


async def _open(_: Queue) -> None:
    """Nothing more."""


async def _enqueue(queue: Queue) -> None:
    await queue.enqueue(queue.remote("succeeds").options(job_id="job", unique="key"))


async def _enqueue_both(queue: Queue) -> None:
    remote = queue.remote("succeeds")
    plain, keyed = remote.options(job_id="plain"), remote.options(job_id="job", unique="key")
    await queue.enqueue_many([plain.call(), keyed.call()])


async def _cancel(queue: Queue) -> None:
    await queue.job("job").cancel()


async def _requeue(queue: Queue) -> None:
    await queue.requeue("job")


async def _purge(queue: Queue) -> None:
    await queue.purge()


DEEDS: dict[str, Callable[[Queue], Awaitable[None]]] = {
    "open": _open,
    "enqueue": _enqueue,
    "enqueue both": _enqueue_both,
    "cancel": _cancel,
    "requeue": _requeue,
    "purge": _purge,
    "pause": Queue.pause,
}
"""What a producer or an operator does, to the job `job` with the key `key`."""


async def do(deed: str) -> None:
    """Do it in a process of its own, to the queue of the module beside."""
    async with load_queue("app:queue") as queue:
        await DEEDS[deed](queue)


if __name__ == "__main__":
    asyncio.run(do(sys.argv[1]))
