"""A handle on one job: wait for it, ask about it, cancel it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from headrace.broker import Broker, Cancelled
from headrace.codec import decode_failure
from headrace.durations import Duration, seconds
from headrace.errors import (
    InvalidResult,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotFound,
    ResultTimeout,
)
from headrace.job import JobInfo, JobState

R_co = TypeVar("R_co", covariant=True)

LONGEST_WAIT = 60.0
"""Seconds for which one call to the broker waits for a job at most."""


class JobHandle(Generic[R_co]):
    """A job that was enqueued. It is data about the job, not the job: drop it when you like.

    Attributes:
        id: The job's id.
        duplicate: Whether `enqueue` found this job there already, by its id or its unique key.

    Examples:
        >>> job = await queue.enqueue(send_email.options(job_id="welcome-42"), "a@b.c", "hi")
        >>> job
        <JobHandle welcome-42>
        >>> await job.result(timeout=10), await job.status()
        (2, <JobState.SUCCEEDED: 'succeeded'>)
    """

    __slots__ = ("_broker", "_decode", "_largest", "_queue", "duplicate", "id")

    def __init__(
        self,
        broker: Broker,
        queue: str,
        job_id: str,
        decode: Callable[[bytes], R_co],
        *,
        duplicate: bool = False,
        largest: int | None = None,
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._decode = decode
        self._largest = largest
        self.id: str = job_id
        self.duplicate: bool = duplicate

    async def result(self, timeout: Duration | None = None) -> R_co:
        """Wait until the job is over and return what its task returned.

        A cancelled wait leaves nothing behind; the job goes on.

        Args:
            timeout: Give up after so many seconds; `None` waits as long as it takes.

        Returns:
            The value, as the task's return annotation has it.

        Raises:
            JobFailed: It ended among the dead letters.
            JobCancelled: It was cancelled.
            JobExpired: It was not started in time.
            JobNotFound: The broker knows nothing of it, or its result was not kept.
            ResultTimeout: The time is up. The job goes on.
            InvalidResult: The stored value does not fit the annotation, or is larger than
                `max_payload`.
            InvalidOption: The timeout makes no sense.
            BrokerError: The broker could not be asked.

        Examples:
            >>> job = await queue.enqueue(send_email, "a@b.c", "hi")
            >>> await job.result(timeout=10)
            2
        """
        info = await self._final(timeout)
        if info.state is not JobState.SUCCEEDED:
            raise _failure(info)
        if info.result is None:
            raise JobNotFound(self.id)
        size = len(info.result)
        if self._largest is not None and size > self._largest:
            problem = f"{size:,} bytes are more than max_payload ({self._largest:,})"
            raise InvalidResult(self.id, problem)
        try:
            return self._decode(info.result)
        except Exception as error:
            raise InvalidResult(self.id, str(error)) from error

    async def _final(self, timeout: Duration | None) -> JobInfo:
        clock = self._broker.clock
        until = None if timeout is None else clock.monotonic() + seconds(timeout, name="timeout")
        while True:
            left = LONGEST_WAIT if until is None else until - clock.monotonic()
            wait = min(max(left, 0.0), LONGEST_WAIT)
            [info] = await self._broker.lookup(self._queue, [self.id], wait=wait)
            if info is None:
                raise JobNotFound(self.id)
            if info.state.final:
                return info
            if left <= 0:
                raise ResultTimeout(self.id)

    async def status(self) -> JobState:
        """Return where the job is in its life; `JobState.UNKNOWN`: the broker does not know it.

        A cancelled call leaves nothing behind.

        Raises:
            BrokerError: The broker could not be asked.
        """
        info = await self.info()
        return JobState.UNKNOWN if info is None else info.state

    async def info(self) -> JobInfo | None:
        """Return what the broker knows of the job, `None` if nothing.

        A cancelled call leaves nothing behind.

        Raises:
            BrokerError: The broker could not be asked.
        """
        [info] = await self._broker.lookup(self._queue, [self.id])
        return info

    async def cancel(self) -> bool:
        """Take the job back.

        One that waits will not start. One that runs gets an `asyncio.CancelledError` when its
        worker next renews its lease, a few seconds later at most, and is not started again.
        A cancelled call leaves it open whether the job is taken back; call it again.

        Returns:
            False if there is nothing to cancel: it is over, or unknown.

        Raises:
            BrokerError: The broker could not be told.

        Examples:
            >>> job = await queue.enqueue(send_email.options(delay=60), "a@b.c", "hi")
            >>> await job.cancel(), await job.status()
            (True, <JobState.CANCELLED: 'cancelled'>)
        """
        [answer] = await self._broker.cancel(self._queue, [self.id])
        return answer is not Cancelled.NOT_FOUND

    def __repr__(self) -> str:
        return f"<JobHandle {self.id}{' (duplicate)' if self.duplicate else ''}>"


def _failure(info: JobInfo) -> JobError:
    if info.state is JobState.CANCELLED:
        return JobCancelled(info.id)
    if info.state is JobState.EXPIRED:
        return JobExpired(info.id)
    failure = decode_failure(info.result)
    return JobFailed(info.id, failure.reason, failure.error, failure.message, failure.traceback)
