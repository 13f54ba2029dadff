"""One job as the memory broker keeps it."""

from __future__ import annotations

from headrace.job import JobInfo, JobState, NewJob


class Record:
    """A job that is not over. A new `copy` makes the leases of the one before it void.

    Attributes:
        job: What was enqueued.
        state: `DELAYED`, `QUEUED` or `RUNNING`.
        attempt: Failures so far.
        meta: The bytes of the last `Reschedule`.
        since: When it came into its state.
        due: When it may start, if it is delayed.
        expires: When it may no longer start.
        copy: A number that no other copy of this or another job has.
        deliveries: How often this copy was handed out.
        fencing: That of its last delivery.
        lease_until: When its lease ends, if it runs.
        cancelled: Whether somebody asked to cancel it.
    """

    __slots__ = (
        "attempt",
        "cancelled",
        "copy",
        "deliveries",
        "due",
        "expires",
        "fencing",
        "job",
        "lease_until",
        "meta",
        "since",
        "state",
    )

    def __init__(self, job: NewJob, now: float, copy: int) -> None:
        self.job: NewJob = job
        self.state: JobState = JobState.QUEUED
        self.attempt: int = job.attempt
        self.meta: bytes = job.meta
        self.since: float = now
        self.due: float = now + job.delay
        self.expires: float | None = None if job.expires is None else now + job.expires
        self.copy: int = copy
        self.deliveries: int = 0
        self.fencing: int = 0
        self.lease_until: float = 0.0
        self.cancelled: bool = False

    def info(self) -> JobInfo:
        """Return what `lookup` tells."""
        return JobInfo(self.job.id, self.state, self.attempt)
