"""A job as data: what goes into a broker and what comes out. It holds no queue and no worker."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class JobState(StrEnum):
    """Where a job is in its life. It reaches exactly one of the four states that are final.

    Examples:
        >>> job = await queue.enqueue(send_email.options(delay=60), "a@b.c", "hi")
        >>> await job.status()
        <JobState.DELAYED: 'delayed'>
        >>> JobState.DELAYED.final, JobState.DEAD.final
        (False, True)
    """

    DELAYED = "delayed"
    """Waits for its time: delayed by its producer, or to be retried."""
    QUEUED = "queued"
    """Waits for a worker."""
    RUNNING = "running"
    """Leased to a worker. Brokers without `Capability.RUNNING_STATE` say `QUEUED`."""
    SUCCEEDED = "succeeded"
    """Its task returned."""
    DEAD = "dead"
    """Given up; it lies among the dead letters until it is requeued or purged."""
    CANCELLED = "cancelled"
    """Taken back before it had a result."""
    EXPIRED = "expired"
    """Not started in the time that its `expires` allowed."""
    UNKNOWN = "unknown"
    """The broker holds neither the job nor its result."""

    @property
    def final(self) -> bool:
        """Whether the job is over."""
        return self in _FINAL


_FINAL = frozenset({JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED, JobState.EXPIRED})


class NewJob(Struct, frozen=True, kw_only=True, gc=False):
    """A job to be stored.

    Attributes:
        id: Made by the client, 1 to 64 of `A-Z a-z 0-9 _ -`. Whatever is stored under it already
            (queued, delayed, running, or final and still looked up) is not stored twice.
        body: Opaque to the broker and never changed for the life of the job.
        priority: The lane, 0 is served first.
        delay: Seconds from now, by the broker's clock, before which it is not handed out.
        attempt: Failures so far.
        meta: Small and opaque; replaced by `Reschedule`.
        unique: A key that at most one job of the queue holds.
        unique_for: `None`: the key is held until the job is final. Otherwise for that many
            seconds, whatever becomes of the job.
        expires: Seconds from now, by the broker's clock, after which no attempt is started.

    Examples:
        >>> job = NewJob(id="job-2", body=b"hi", priority=0, delay=60)
        >>> await broker.enqueue("mail", [job], batch="batch-2")
        [None]
        >>> await broker.enqueue("mail", [job], batch="batch-3")
        ['job-2']
    """

    id: str
    body: bytes
    priority: int = 0
    delay: float = 0.0
    attempt: int = 0
    meta: bytes = b""
    unique: str | None = None
    unique_for: float | None = None
    expires: float | None = None


class Lease(Struct, eq=False, gc=False):
    """A job that was handed to one worker for a limited time.

    Attributes:
        queue: The queue that it was claimed from.
        id: The job's id.
        body: The bytes that were enqueued.
        meta: The bytes of the last `Reschedule`, or those that were enqueued.
        priority: The lane that it came from.
        attempt: Failures so far.
        deliveries: How often this copy of the job was handed out: 1 = the first time. A
            `Reschedule` and a `Release` start a new copy, an expired lease does not.
        fencing: Rises with each copy and each delivery of a job.
        deadline: When the lease ends, in `Broker.clock.monotonic()` seconds, counted from before
            the request was sent. The broker moves it when a renewal was granted.
        token: The broker's own business; it means the same to each of its clients.

    Examples:
        >>> lease.id, lease.body, lease.attempt, lease.deliveries
        ('job-1', b'hi', 0, 1)
    """

    queue: str
    id: str
    body: bytes
    meta: bytes
    priority: int
    attempt: int
    deliveries: int
    fencing: int
    deadline: float
    token: object


class JobInfo(Struct, frozen=True, gc=False):
    """What a broker knows of one job.

    Attributes:
        id: The job's id.
        state: Where it is; it may lag behind.
        attempt: Failures so far.
        result: The bytes that `Done` or `Dead` brought, while they are kept.

    Examples:
        >>> await broker.lookup("mail", ["job-1"])
        [JobInfo(id='job-1', state=<JobState.RUNNING: 'running'>, attempt=0, result=None)]
    """

    id: str
    state: JobState
    attempt: int = 0
    result: bytes | None = None


class DeadJob(Struct, frozen=True, gc=False):
    """A dead letter as the broker keeps it.

    Attributes:
        cursor: Its place among the dead letters: pass it as `after` for those behind it.
        id: The job's id.
        body: The bytes that were enqueued, unchanged.
        meta: The bytes that `Dead` brought.
        priority: The lane that it goes back to.
        attempt: Failures so far.
        deliveries: How often its last copy was handed out.
        reason: Why it was given up.
        died_at: When, in seconds since the epoch by the broker's clock.

    Examples:
        >>> await broker.settle([Dead(lease, "no such address", b"", attempt=1)])
        [True]
        >>> [letter] = await broker.dead("mail")
        >>> letter.id, letter.reason
        ('job-1', 'no such address')
    """

    cursor: str
    id: str
    body: bytes
    meta: bytes
    priority: int
    attempt: int
    deliveries: int
    reason: str
    died_at: float
