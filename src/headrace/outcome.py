"""How a delivery can end: a closed union, each with the lease that it settles."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from headrace.job import JobState, Lease

Ended: TypeAlias = Literal[JobState.SUCCEEDED, JobState.CANCELLED, JobState.EXPIRED]


class Done(Struct, frozen=True, eq=False, gc=False):
    """The job is over. Counts from every holder while the copy is unsettled: the first wins.

    Attributes:
        lease: What it settles.
        result: Kept for `ttl` seconds for `Broker.lookup`.
        ttl: Seconds; 0 keeps nothing, not even the state.
        state: How it ended.

    Examples:
        >>> await broker.settle([Done(lease, result=b"sent", ttl=60)])
        [True]
        >>> await broker.lookup("mail", [lease.id])
        [JobInfo(id='job-1', state=<JobState.SUCCEEDED: 'succeeded'>, attempt=0, result=b'sent')]
    """

    lease: Lease
    result: bytes | None = None
    ttl: float = 0.0
    state: Ended = JobState.SUCCEEDED


class Reschedule(Struct, frozen=True, eq=False, gc=False):
    """The job is to run again. Counts only from the worker that holds the lease.

    Attributes:
        lease: What it settles.
        delay: Seconds from now, by the broker's clock.
        attempt: The new count of failures: one more for a retry, the same for a snooze.
        meta: Replaces the job's meta.

    Examples:
        >>> await broker.settle([Reschedule(lease, delay=2.0, attempt=1, meta=b"timed out")])
        [True]
    """

    lease: Lease
    delay: float
    attempt: int
    meta: bytes


class Dead(Struct, frozen=True, eq=False, gc=False):
    """The job is given up. Counts only from the worker that holds the lease.

    Attributes:
        lease: What it settles.
        reason: Told with the dead letter.
        meta: Kept with the dead letter.
        attempt: The new count of failures.
        result: The encoded failure, kept for `ttl` seconds for `Broker.lookup`.
        ttl: Seconds; 0 keeps only the dead letter.

    Examples:
        >>> await broker.settle([Dead(lease, "no such address", b"", attempt=1)])
        [True]
    """

    lease: Lease
    reason: str
    meta: bytes
    attempt: int
    result: bytes | None = None
    ttl: float = 0.0


class Release(Struct, frozen=True, eq=False, gc=False):
    """The job goes back as it is: same attempt, same meta, ready for anyone at once.

    Counts only from the worker that holds the lease.

    Attributes:
        lease: What it settles.

    Examples:
        >>> await broker.settle([Release(lease)])
        [True]
        >>> [again] = await broker.claim("mail", "worker-2", 1, 0)
        >>> again.id, again.deliveries
        ('job-1', 1)
    """

    lease: Lease


Outcome: TypeAlias = Done | Reschedule | Dead | Release
"""What `Broker.settle` takes."""
