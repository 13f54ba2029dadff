"""What was enqueued, as a test looks at it, and what a test expects."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from headrace.codec import Envelope, RetryNumbers, Settings
from headrace.errors import InvalidArguments
from headrace.options import Options
from headrace.queue import Queue
from headrace.signature import Bound
from headrace.task import LocalTask, Task
from headrace.testing.recorder import Entry

MOMENT = 0.001
"""Seconds by which two moments that are meant to be the same may differ."""


class Enqueued(Struct, frozen=True, kw_only=True):
    """A job that was enqueued in a test. Options that it has not itself are its task's.

    Attributes:
        id: The job's id.
        queue: The queue's name.
        task: The task's name.
        args: The positional arguments, as the task gets them.
        kwargs: The other arguments, as the task gets them.
        at: When it may start.
        delay: Seconds that it was to wait.
        priority: Its lane.
        unique: Its key.
        unique_for: Seconds for which the key is held; `None`: until the job is over.
        expires: Seconds after which it may no longer start.
        timeout: Seconds for one attempt; `None` or 0: no limit.
        result_ttl: Seconds for which its result is kept; `None`: as the queue has it.
        retry: The numbers of its retry policy; `None`: the default policy.
        headers: What was given along.

    Examples:
        >>> async with Harness() as trial:
        ...     job = await trial.enqueue("ship", 42, express=True)
        ...     [found] = trial.enqueued()
        ...     found.task, found.args, found.kwargs
        ('ship', (42,), {'express': True})
    """

    id: str
    queue: str
    task: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    at: datetime
    delay: float = 0.0
    priority: int = 0
    unique: str | None = None
    unique_for: float | None = None
    expires: float | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    retry: RetryNumbers | None = None
    headers: dict[str, str] | None = None

    def __str__(self) -> str:
        return _shown(self.task, (self.args, self.kwargs), self._unusual())

    def _unusual(self) -> dict[str, Any]:
        names = ("delay", "unique", "unique_for", "expires", "headers")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def read(entry: Entry, queue: Queue) -> Enqueued:
    """Return a job as a test looks at it."""
    job, envelope = entry.job, entry.envelope
    task = queue.tasks.get(envelope.task)
    fixed, default = envelope.settings or Settings(), Options() if task is None else task.defaults
    args, kwargs = _arguments(envelope, task)
    retry = None if default.retry is None else default.retry.numbers()
    return Enqueued(
        id=job.id,
        queue=entry.queue,
        task=envelope.task,
        args=args,
        kwargs=kwargs,
        at=datetime.fromtimestamp(entry.at + job.delay, UTC),
        delay=job.delay,
        priority=job.priority,
        unique=job.unique,
        unique_for=job.unique_for,
        expires=job.expires,
        timeout=default.timeout if fixed.timeout is None else fixed.timeout,
        result_ttl=default.result_ttl if fixed.result_ttl is None else fixed.result_ttl,
        retry=retry if fixed.retry is None else fixed.retry,
        headers=default.headers if fixed.headers is None else fixed.headers,
    )


def _arguments(envelope: Envelope, task: LocalTask[..., Any] | None) -> Bound:
    """Return the arguments as the task gets them, or as they travel if they do not fit it."""
    if task is not None:
        try:
            return task.implementation.signature.decode(envelope.args, envelope.kwargs)
        except InvalidArguments:
            pass
    return tuple(msgspec.msgpack.decode(envelope.args)), msgspec.msgpack.decode(envelope.kwargs)


class Expected:
    """A job that a test expects to have been enqueued.

    Args:
        task: Of which task, with those of its options that matter.
        arguments: With which arguments; `None`: any.

    Raises:
        TypeError: The task cannot be called with these arguments.
    """

    def __init__(self, task: Task[..., Any], arguments: Bound | None) -> None:
        self._task = task
        self._given = arguments
        self._arguments = None if arguments is None else self._by_name(self._travelled(arguments))

    def fits(self, job: Enqueued) -> bool:
        """Tell whether a job is the one."""
        if job.task != self._task.name:
            return False
        if self._arguments not in (None, self._by_name((job.args, job.kwargs))):
            return False
        return all(_same(job, name, value) for name, value in self._task.overrides.items())

    def _travelled(self, arguments: Bound) -> Bound:
        """Return arguments as they would arrive; those that cannot travel, such as `ANY`, stay."""
        args, kwargs = arguments
        try:
            call = self._task.call(*args, **kwargs)
        except InvalidArguments:
            return arguments
        local = self._task if isinstance(self._task, LocalTask) else None
        return _arguments(Envelope(0, "", call.args, call.kwargs, 0), local)

    def _by_name(self, arguments: Bound) -> Any:
        args, kwargs = arguments
        if not isinstance(self._task, LocalTask):
            return arguments
        try:
            bound = inspect.signature(self._task.implementation.function).bind(*args, **kwargs)
        except TypeError:
            if arguments is self._given:
                raise
            return arguments
        bound.apply_defaults()
        return bound.arguments

    def __str__(self) -> str:
        return _shown(self._task.name, self._given, self._task.overrides)


def _same(job: Enqueued, name: str, value: Any) -> bool:
    """Tell whether a job has an option, as `headrace.options.checked` returns it."""
    if name == "at":
        return bool(abs((job.at - value).total_seconds()) <= MOMENT)
    if name == "delay":
        return bool(abs(job.delay - value) <= MOMENT)
    found = getattr(job, "id" if name == "job_id" else name)
    return bool(found == (value.numbers() if name == "retry" else value))


def _shown(task: str, arguments: Bound | None, options: Mapping[str, Any]) -> str:
    """Return a call as it would be written."""
    given = ["…"]
    if arguments is not None:
        args, kwargs = arguments
        given = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    set_ = [f"{name}={value!r}" for name, value in options.items()]
    return f"{task}({', '.join(given)})" + (f" with {', '.join(set_)}" if set_ else "")
