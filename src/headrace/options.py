"""What can be asked for one job: as keywords at the face, as one checked struct within."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any, TypedDict

import msgspec
from msgspec import Struct

from headrace.codec import Settings
from headrace.durations import Duration, seconds
from headrace.errors import InvalidOption
from headrace.ids import is_valid_id
from headrace.retry import NO_RETRY, RetryPolicy

MAX_KEY = 256
"""Characters of a unique key."""


class Priority(IntEnum):
    """The lanes of a queue with three of them. Any lane's number does as well, 0 is first.

    Examples:
        >>> urgent = send_email.options(priority=Priority.HIGH)
        >>> urgent.effective.priority
        0
    """

    HIGH = 0
    NORMAL = 1
    LOW = 2


class TaskOptions(TypedDict, total=False):
    """Options that a task can have for all of its jobs, and a job for itself.

    Examples:
        >>> @queue.task(timeout=30, retry=RetryPolicy(attempts=5), result_ttl=timedelta(hours=1))
        ... async def report(day: str) -> None: ...
    """

    priority: int
    """The lane; the middle one if it is not given."""
    timeout: Duration | None
    """Longest time for one attempt; `None`: no limit."""
    retry: RetryPolicy | None
    """When to try again; `None`: never."""
    result_ttl: Duration
    """How long the result is kept; 0: not at all."""
    expires: Duration | None
    """Do not start the job later than this after it was enqueued."""
    headers: Mapping[str, str]
    """Text that travels with the job, for middleware."""


class JobOptions(TaskOptions, total=False):
    """Options that only one job can have.

    Examples:
        >>> once = send_email.options(delay=timedelta(hours=1), unique="welcome:42")
        >>> job = await queue.enqueue(once, "a@b.c", "hi")
        >>> (await queue.enqueue(once, "a@b.c", "hi")).duplicate
        True
    """

    delay: Duration
    """Do not start before so much time has passed."""
    at: datetime
    """Do not start before this moment. It must know its time zone."""
    unique: str
    """A key that at most one job of the queue holds at a time."""
    unique_for: Duration | None
    """Hold the key so long, whatever becomes of the job; `None`: until the job is over."""
    job_id: str
    """The job's id, 1 to 64 of `A-Z a-z 0-9 _ -`: enqueued twice, it is stored once."""


class Options(Struct, frozen=True, kw_only=True):
    """The same, checked: durations are seconds, a `timeout` of 0 is no limit, `None` is not set."""

    priority: int | None = None
    timeout: float | None = None
    retry: RetryPolicy | None = None
    result_ttl: float | None = None
    expires: float | None = None
    headers: dict[str, str] | None = None
    delay: float = 0.0
    at: datetime | None = None
    unique: str | None = None
    unique_for: float | None = None
    job_id: str | None = None

    def __post_init__(self) -> None:
        if self.at is not None and self.delay:
            message = "give delay or at, not both"
            raise InvalidOption(message)
        if self.unique_for is not None and self.unique is None:
            message = "unique_for says how long the key of unique is held: give unique as well"
            raise InvalidOption(message)
        if self.expires is not None and self.expires <= self.delay:
            message = f"expires ({self.expires} s) must be later than delay ({self.delay} s)"
            raise InvalidOption(message)

    def settings(self) -> Settings | None:
        """Return the part that travels with the job, `None` if nothing of it is set."""
        settings = Settings(
            timeout=self.timeout,
            retry=None if self.retry is None else self.retry.numbers(),
            result_ttl=self.result_ttl,
            headers=self.headers,
        )
        return None if settings == Settings() else settings


def checked(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Check options as they are given at the face, and return what `Options` takes.

    Raises:
        InvalidOption: One is unknown or has a value that makes no sense.
    """
    unknown = keywords.keys() - _CHECKS.keys()
    if unknown:
        message = f"unknown options {sorted(unknown)}: there are {sorted(_CHECKS)}"
        raise InvalidOption(message)
    return {name: _CHECKS[name](value) for name, value in keywords.items()}


def _duration(name: str) -> Callable[[Any], float]:
    return lambda value: seconds(value, name=name)


def _limit(name: str, *, unlimited: float | None) -> Callable[[Any], float | None]:
    return lambda value: unlimited if value is None else seconds(value, name=name)


def _priority(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        message = f"priority is the number of a lane, 0 or more, not {value!r}"
        raise InvalidOption(message)
    return int(value)


def _retry(value: Any) -> RetryPolicy:
    if value is None:
        return NO_RETRY
    if not isinstance(value, RetryPolicy):
        message = f"retry is a RetryPolicy or None, not {value!r}"
        raise InvalidOption(message)
    return value


def _headers(value: Any) -> dict[str, str]:
    try:
        return msgspec.convert(dict(value), dict[str, str])
    except (TypeError, ValueError, msgspec.ValidationError) as error:
        message = f"headers are a mapping of text to text, not {value!r}"
        raise InvalidOption(message) from error


def _at(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        message = f"at must be a datetime that knows its time zone, not {value!r}"
        raise InvalidOption(message)
    return value


def _unique(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_KEY:
        message = f"unique is a key of 1 to {MAX_KEY} characters, not {value!r}"
        raise InvalidOption(message)
    return value


def _job_id(value: Any) -> str:
    if not isinstance(value, str) or not is_valid_id(value):
        message = f"job_id is 1 to 64 of A-Z a-z 0-9 _ -, not {value!r}"
        raise InvalidOption(message)
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "priority": _priority,
    "timeout": _limit("timeout", unlimited=0.0),
    "retry": _retry,
    "result_ttl": _duration("result_ttl"),
    "expires": _limit("expires", unlimited=None),
    "headers": _headers,
    "delay": _duration("delay"),
    "at": _at,
    "unique": _unique,
    "unique_for": _limit("unique_for", unlimited=None),
    "job_id": _job_id,
}
