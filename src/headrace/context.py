"""The job that runs here."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import UTC, datetime

from msgspec import Struct

from headrace.errors import NoCurrentJob


class CurrentJob(Struct, frozen=True, gc=False):
    """What a task and its middleware can ask about the job that they run.

    Attributes:
        id: The job's id, the same in every attempt.
        task: The task's name.
        queue: The queue's name.
        attempt: 1 = the first; one more after each failure.
        deliveries: How often this copy was handed out; more than 1 after a worker was lost.
        fencing: Rises with each copy and each delivery. Write it beside what you store and refuse
            smaller ones: a worker that lost its lease cannot overwrite its successor.
        deadline: When the attempt times out, in `loop.time()` seconds; `None`: never.
        headers: What the producer gave along.
        enqueued_ms: When it was enqueued: milliseconds since the epoch, by the producer's clock.

    Examples:
        >>> @queue.task
        ... async def introduce() -> str:
        ...     job = current_job()
        ...     return f"{job.task} on {job.queue}, attempt {job.attempt}"
        >>> job = await queue.enqueue(introduce)
        >>> await job.result(timeout=10)
        'introduce on default, attempt 1'
    """

    id: str
    task: str
    queue: str
    attempt: int
    deliveries: int
    fencing: int
    deadline: float | None
    headers: dict[str, str]
    enqueued_ms: int

    @property
    def enqueued_at(self) -> datetime:
        """When the job was enqueued, by the producer's clock, in UTC."""
        return datetime.fromtimestamp(self.enqueued_ms / 1000, UTC)


_current: ContextVar[CurrentJob] = ContextVar("headrace_current_job")

set_current_job: Callable[[CurrentJob], Token[CurrentJob]] = _current.set
"""Make a job the current one of this context. Each job runs in a context of its own."""


def current_job() -> CurrentJob:
    """Return the job that runs in this context, in an async task and in a thread alike.

    Raises:
        NoCurrentJob: None does.

    Examples:
        >>> @queue.task
        ... def store(row: str) -> bool:
        ...     return current_job().fencing > 0
        >>> job = await queue.enqueue(store, "a row")
        >>> await job.result(timeout=10)
        True
    """
    try:
        return _current.get()
    except LookupError:
        message = "no job runs here: current_job() is for tasks and what they call"
        raise NoCurrentJob(message) from None
