"""Every exception that Headrace raises, in one tree.

    HeadraceError
    ├── BrokerError               the broker, or the way to it
    │   ├── Unavailable           certainly not applied: try again
    │   ├── OutcomeUnknown        sent, but the reply was lost: repeat with the same batch or lease
    │   ├── Overloaded            refused for memory or size limits, not applied: try again later
    │   ├── Rejected              this item alone, for good: too large, bad id, bad priority
    │   ├── ConfigMismatch        the queue is declared with other settings
    │   ├── Unsupported           the server cannot keep the contract as it is
    │   └── AuthFailed            wrong credentials, or a permission is missing
    ├── PluginError               a broker URL
    │   ├── InvalidURL
    │   ├── UnknownScheme
    │   └── SchemeConflict
    ├── TaskError                 the code that defines or calls a task
    │   ├── InvalidTask
    │   ├── DuplicateTask
    │   ├── UnknownTask
    │   ├── InvalidOption
    │   └── InvalidArguments
    ├── JobError                  what `JobHandle.result` raises
    │   ├── JobFailed
    │   ├── JobCancelled
    │   ├── JobExpired
    │   ├── JobNotFound
    │   ├── InvalidResult
    │   └── ResultTimeout         (also a TimeoutError)
    ├── InvalidEnvelope           bytes from a broker that are no job
    ├── QueueClosed               the queue is not open, or belongs to another event loop
    ├── NoCurrentJob              `current_job()` outside a job
    └── TaskSignal                raised BY a task to steer its own job
        ├── Retry
        ├── Snooze
        └── Reject

A lost lease is no exception but a value: see `headrace.broker.Held`. Causes, remedies and exit
codes stand in `docs/reference/errors.md`.
"""

from __future__ import annotations

from datetime import timedelta


class HeadraceError(Exception):
    """Base of every exception that Headrace raises.

    The example stands for those below that have none of their own.

    Examples:
        >>> try:
        ...     await queue.job("no-such-job").result(timeout=10)
        ... except HeadraceError as error:
        ...     print(type(error).__name__)
        JobNotFound
    """


class BrokerError(HeadraceError):
    """Base of what a broker verb raises. No driver's exception ever escapes a broker.

    Itself it is what a server said that means none of those below.

    Examples:
        >>> faulty = FaultyBroker(MemoryBroker())
        >>> faulty.fail("open", Unavailable("connection refused"))
        >>> try:
        ...     await Queue(faulty).open()
        ... except BrokerError as error:
        ...     print(error)
        connection refused
    """


class Unavailable(BrokerError):
    """The broker could not be reached or refused before it acted: certainly not applied."""


class OutcomeUnknown(BrokerError):
    """The request was sent and its reply was lost: it may or may not be applied.

    Repeating it with the same batch or the same leases is safe.
    """


class Overloaded(BrokerError):
    """The broker refused for lack of memory or because a limit is reached: not applied."""


class Rejected(BrokerError):
    """One item can never be accepted; nothing of the call that held it was applied.

    Attributes:
        job_id: The id of the job at fault.
        reason: What is wrong with it and what to do.
    """

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(job_id, reason)
        self.job_id = job_id
        self.reason = reason

    def __str__(self) -> str:
        return f"job {self.job_id!r}: {self.reason}"


class ConfigMismatch(BrokerError):
    """The broker already holds this queue with another lease or another number of lanes.

    Every client of a queue must agree on both, and on Redis on `track` too. Change the code, or
    empty the queue and delete it in the broker.
    """


class Unsupported(BrokerError):
    """The server is too old for the contract, or set up in a way that would lose jobs."""


class AuthFailed(BrokerError):
    """The broker refused the credentials, or they lack a permission."""


class PluginError(HeadraceError):
    """Base of what goes wrong between a broker URL and a broker."""


class InvalidURL(PluginError, ValueError):
    """The broker URL cannot be understood. Its text is redacted."""


class UnknownScheme(PluginError, LookupError):
    """No installed package serves the scheme of this broker URL."""


class SchemeConflict(PluginError):
    """Two installed packages claim the same URL scheme."""


class TaskError(HeadraceError):
    """Base of mistakes in the code that defines or calls a task."""


class InvalidTask(TaskError, TypeError):
    """A function cannot be a task: the message says which part of it, and what to write instead."""


class DuplicateTask(TaskError):
    """Two tasks of one queue have the same name."""


class UnknownTask(TaskError, LookupError):
    """The task is not registered with this queue."""


class InvalidOption(TaskError, ValueError):
    """An option has a value that makes no sense."""


class InvalidArguments(TaskError, TypeError):
    """The arguments do not fit the task's signature, or cannot be encoded."""


class JobError(HeadraceError):
    """Base of what waiting for a job's result raises.

    Args:
        job_id: The job that was waited for.
        *details: What else the error is about.

    Attributes:
        job_id: The job that was waited for.

    Examples:
        >>> job = await queue.enqueue(call_api, 42)
        >>> try:
        ...     await job.result(timeout=10)
        ... except JobError as error:
        ...     print(type(error).__name__, error.job_id == job.id)
        JobFailed True
    """

    def __init__(self, job_id: str, *details: object) -> None:
        super().__init__(job_id, *details)
        self.job_id = job_id


class JobFailed(JobError):
    """The job ended among the dead letters.

    The task's own exception is not rebuilt: it is told as data, because data never runs.

    Attributes:
        job_id: The job.
        reason: Why it was given up, such as `"attempts used up"`.
        error: The name of the last exception's class, `""` if there was none.
        message: That exception's text, cut to a bounded length.
        traceback: Its traceback as text, `""` if there was none.

    Examples:
        >>> job = await queue.enqueue(call_api, 42)
        >>> try:
        ...     await job.result(timeout=10)
        ... except JobFailed as error:
        ...     print(error.reason, error.error, error.message, sep=", ")
        attempts used up (1), ConnectionError, no route to host
    """

    def __init__(
        self, job_id: str, reason: str, error: str = "", message: str = "", traceback: str = ""
    ) -> None:
        super().__init__(job_id, reason, error, message, traceback)
        self.reason = reason
        self.error = error
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        cause = f": {self.error}: {self.message}" if self.error else ""
        return f"job {self.job_id!r} is dead ({self.reason}){cause}"


class JobCancelled(JobError):
    """The job was cancelled before it had a result."""

    def __str__(self) -> str:
        return f"job {self.job_id!r} was cancelled"


class JobExpired(JobError):
    """The job was not started in the time that its `expires` allowed."""

    def __str__(self) -> str:
        return f"job {self.job_id!r} expired before it could start"


class JobNotFound(JobError, LookupError):
    """The broker knows nothing of the job.

    It was never stored or was purged, or it is over and its result was not kept (`result_ttl=0`)
    or no longer is.
    """

    def __str__(self) -> str:
        return (
            f"job {self.job_id!r} is unknown: it was never stored or was purged, "
            "or its result was not kept (see result_ttl)"
        )


class InvalidResult(JobError):
    """The stored result does not fit the type that the task says it returns.

    Attributes:
        job_id: The job.
        problem: What does not fit, and where.
    """

    def __init__(self, job_id: str, problem: str) -> None:
        super().__init__(job_id, problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the result of job {self.job_id!r} is not what its task returns: {self.problem}"


class ResultTimeout(JobError, TimeoutError):
    """The job was not over when the time was up. It goes on."""

    def __str__(self) -> str:
        return f"job {self.job_id!r} had no result in time; it goes on"


class InvalidEnvelope(HeadraceError, ValueError):
    """A job's body is no envelope that this version understands."""


class QueueClosed(HeadraceError):
    """The queue is not open in this event loop."""


class NoCurrentJob(HeadraceError, LookupError):
    """`current_job()` was called where no job runs."""


class TaskSignal(HeadraceError):
    """Base of the exceptions by which a task steers its own job."""


class Retry(TaskSignal):
    """Raise in a task: this attempt failed, try again.

    Uses up an attempt; when none is left the job is dead-lettered.

    Args:
        reason: Kept in the job's error history.
        after: Seconds until the next attempt; the task's retry policy decides if it is not given.

    Examples:
        >>> @queue.task
        ... async def fetch(url: str) -> int:
        ...     if current_job().attempt == 1:
        ...         raise Retry("the server is busy", after=0.1)
        ...     return current_job().attempt
        >>> job = await queue.enqueue(fetch, "https://example.org")
        >>> await job.result(timeout=10)
        2
    """

    def __init__(self, reason: str = "", *, after: float | timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Snooze(TaskSignal):
    """Raise in a task: not now, come back later. Uses up no attempt.

    Args:
        after: Seconds until the job may start again.

    Examples:
        >>> @queue.task
        ... async def open_shop() -> int:
        ...     if datetime.now(UTC) < current_job().enqueued_at + timedelta(seconds=0.2):
        ...         raise Snooze(0.2)
        ...     return current_job().attempt
        >>> job = await queue.enqueue(open_shop)
        >>> await job.result(timeout=10)
        1
    """

    def __init__(self, after: float | timedelta) -> None:
        super().__init__(after)
        self.after = after


class Reject(TaskSignal):
    """Raise in a task: this job can never succeed. It goes straight to the dead letters.

    Args:
        reason: Told with the dead letter.

    Examples:
        >>> @queue.task
        ... async def bill(order: int) -> None:
        ...     raise Reject("the shop is gone")
        >>> job = await queue.enqueue(bill, 42)
        >>> await job.result(timeout=10)
        Traceback (most recent call last):
        headrace.errors.JobFailed: job '...' is dead (rejected by its task: the shop is gone)...
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
