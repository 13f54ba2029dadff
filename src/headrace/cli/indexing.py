"""The demo's task, on its queue. `headrace worker headrace.cli.indexing:queue` serves it."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from headrace.cli.folder import FileIndex, index
from headrace.clock import SystemClock
from headrace.context import current_job
from headrace.queue import Queue
from headrace.retry import RetryPolicy
from headrace.task import ThreadTask

clock: SystemClock = SystemClock()


class Indexed(Struct, frozen=True):
    """The result of one job.

    Attributes:
        file: What is in the file.
        attempts: How many it took.
        waited: Seconds from enqueueing to the start of the last attempt.
        took: Seconds from enqueueing to the end.
    """

    file: FileIndex
    attempts: int
    waited: float
    took: float


class Hiccup(Exception):
    """What one job in fifty raises the first time."""


def index_file(path: Path, fails_once: bool) -> Indexed:  # noqa: FBT001 - a job's argument
    """Index one file. Whoever serves the queue must see the same files."""
    job, started = current_job(), clock.time()
    if fails_once and job.attempt == 1:
        message = "the demo makes one job in fifty fail once"
        raise Hiccup(message)
    file = index(path)
    enqueued = job.enqueued_ms / 1000
    return Indexed(file, job.attempt, max(0.0, started - enqueued), clock.time() - enqueued)


def indexing_queue(url: str | None = None) -> tuple[Queue, ThreadTask[[Path, bool], Indexed]]:
    """Return the demo's queue and its task. Without a URL it takes that of the environment."""
    queue = Queue(url, name="headrace-demo")
    return queue, queue.task(retry=RetryPolicy(attempts=3, base=0.1))(index_file)


def __getattr__(name: str) -> Queue:
    """Make `queue` when a worker process asks for it."""
    if name == "queue":
        return indexing_queue()[0]
    raise AttributeError(name)
