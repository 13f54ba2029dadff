"""The broker contract: what a plug-in implements and what the conformance suite checks.

No driver's type appears here, jobs always travel in batches, and no verb asks a client's clock
about a lease or a due time. `headrace.memory.MemoryBroker` is the reference; run
`headrace.testing.conformance` against yours.

Each verb says three things: what holds when it returns, what a second call does, and what a
cancelled call leaves behind. Every verb may raise `Unavailable` (certainly not applied),
`OutcomeUnknown` (repeat it: same batch, same leases), `Overloaded` or `AuthFailed`; what else it
raises stands with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from headrace.clock import Clock
from headrace.finding import Finding
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.outcome import Outcome
from headrace.vocabulary import (
    MIN_LEASE,
    Cancelled,
    Capability,
    Control,
    Held,
    QueueSpec,
    QueueStats,
)

__all__ = [
    "FAIR_EVERY",
    "MIN_LEASE",
    "Broker",
    "BrokerFactory",
    "Cancelled",
    "Capability",
    "Control",
    "Held",
    "QueueSpec",
    "QueueStats",
]

FAIR_EVERY = 16
"""At least one claim in this many starts at a lower lane, so that none starves."""


class Broker(Protocol):
    """Where jobs are kept. Its methods may be called by many asyncio tasks at once.

    Examples:
        >>> await broker.enqueue("mail", [NewJob(id="job-2", body=b"hi")], batch="batch-2")
        [None]
        >>> [lease] = await broker.claim("mail", "worker-1", limit=1, wait=0)
        >>> await broker.settle([Done(lease)])
        [True]
    """

    @property
    def capabilities(self) -> Capability:
        """What it can do beyond the contract; final once `open` returned."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock by which this client counts `Lease.deadline`: mostly `SystemClock()`."""
        ...

    async def open(self) -> None:
        """Connect, and check that the server can keep the contract.

        Afterwards: the other verbs work in this event loop. Again: nothing. Cancelled: closed.

        Raises:
            Unsupported: The server is too old, or set up in a way that would lose jobs.
        """
        ...

    async def close(self) -> None:
        """Let go of connections, and release jobs that were claimed but handed to nobody.

        Afterwards: leases that were handed out are untouched; settle them before. Again: nothing.
        Cancelled: as far as it came; call it again.
        """
        ...

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """Create the queue, or verify that it is what `spec` says.

        Afterwards: the queue exists with this lease and these lanes. Again: nothing. Cancelled: it
        exists or not, nothing between.

        Returns:
            The spec that the broker holds.

        Raises:
            ConfigMismatch: It exists with another lease or another number of lanes. Nothing is
                changed.
        """
        ...

    async def queues(self) -> list[QueueSpec]:
        """Tell which queues were declared, by any client, in the order of their names.

        Afterwards and again: nothing has changed. Cancelled: nothing is left.

        Returns:
            Each with the lease and the lanes that the broker holds.
        """
        ...

    async def examine(self) -> list[Finding]:
        """Look at the server as a doctor does: at all that `open` checks, and more.

        Works on an open broker and on one that is not; that one connects for the while. Afterwards
        and again: nothing has changed, the broker is as open as it was. Cancelled: likewise.

        Returns:
            One finding for each thing that was looked at, at least one. None is `REFUSED` where
            `open` returns. What `open` would raise is told as one, a server that cannot be
            reached too: this verb raises nothing.
        """
        ...

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """Store jobs.

        Afterwards: every job is stored as durably as the broker can, or is a duplicate. Each job is
        stored whole or not at all. Again, with the same `batch`: nothing is stored twice, also
        when the jobs are over already, and the answer is the same. Cancelled: unknown; repeat it
        with the same `batch`.

        Args:
            queue: A declared queue.
            jobs: At most 500.
            batch: A fresh id for this sequence of jobs.

        Returns:
            For each job `None` if it is stored, else the id of the job that it duplicates: the
            one with the same `id`, or the holder of the same `unique` key.

        Raises:
            Rejected: One job can never be stored; none was.
        """
        ...

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """Lease up to `limit` jobs to `worker`.

        Afterwards: each job returned belongs to this caller alone until its deadline. Lanes are
        strict (0 first) but for one claim in `FAIR_EVERY`, which starts lower; within a lane jobs
        come about in the order in which they became ready. Jobs whose lease ran out come again,
        with one delivery more. Again: other jobs. Cancelled: jobs that were taken but not handed
        over are released, or kept for the next claim of this object.

        Args:
            queue: A declared queue.
            worker: The id of the worker, fresh for each start of a process.
            limit: A total over all lanes, at least 1.
            wait: Seconds to wait for the first job; 0 does not wait.

        Returns:
            1 to `limit` leases as soon as there is one; `[]` after `wait` or while paused.
        """
        ...

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive, whichever client of the broker claimed them.

        A worker on a `SHARED` broker renews through a client of its own, made from the same URL,
        opened and declared, in another thread than the one that claims and settles.

        Afterwards: where `OK` or `CANCELLED` stands, `Lease.deadline` has moved to a whole lease
        from before the request. Again: the same. Cancelled: each is renewed or not; the deadlines
        that the leases show hold in any case.

        Returns:
            One answer for each lease.
        """
        ...

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries.

        Afterwards: in one atomic step for each outcome the leased copy is gone and the new state
        is there. `Done` counts from every holder while the copy is unsettled: the first wins.
        `Reschedule`, `Dead` and `Release` count only from the worker that holds the lease. A job
        that somebody asked to cancel does not come back: `Reschedule` and `Release` end it as
        `CANCELLED`, and one whose time is over as `EXPIRED`. Again: nothing changes; the answer
        is the same or `False`. Cancelled: unknown; repeat it.

        Args:
            outcomes: At most 500. They are independent of each other.

        Returns:
            For each outcome whether it counts; `False`: the lease was lost and nothing changed.

        Raises:
            Rejected: One outcome can never be stored (its result is too large, say); none was.
        """
        ...

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back.

        Afterwards: a job that no worker has is `CANCELLED` and its unique key is free; one that a
        worker has is marked, and is not started again whatever becomes of that worker. Again: a
        removed job is `NOT_FOUND`. Cancelled: each is taken back or not; repeat it.

        Returns:
            What was done to each.
        """
        ...

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """Tell what is known of jobs.

        Afterwards and again: nothing has changed. Cancelled: nothing is left.

        Args:
            queue: A declared queue.
            ids: The jobs.
            wait: Seconds to wait until at least one of them is final or unknown.

        Returns:
            For each what is known, `None` if nothing is.
        """
        ...

    async def stats(self, queue: str) -> QueueStats:
        """Count the jobs of a queue. Changes nothing. Cancelled: nothing is left."""
        ...

    async def control(self, queue: str, op: Control) -> int:
        """Pause, resume or purge a queue.

        Afterwards: the operation holds for every client. No job is handed out later than 2 s after
        a pause returned. Purged jobs are unknown and their unique keys are free. Again: nothing
        more. Cancelled: a purge as far as it came; repeat it.

        Returns:
            How many jobs were dropped; for `PAUSE` and `RESUME` whether it changed anything, 0 or
            1.
        """
        ...

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """Read the dead letters, oldest first. Changes nothing. Cancelled: nothing is left.

        Args:
            queue: A declared queue.
            after: Begin behind this `DeadJob.cursor`, also if its letter is gone; `""` from the
                start.
            limit: At most this many.

        Returns:
            Those that are there; `[]` behind the last.
        """
        ...

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Send dead letters back to be run again.

        Afterwards: each that was found is ready in its lane with its body unchanged and begins
        anew, with no failure, no delivery and no cancellation. One whose unique key another job
        holds stays where it is. Again: 0. Cancelled: each is back or not; repeat it.

        Returns:
            How many went back.
        """
        ...

    async def maintain(self, queue: str, worker: str) -> float:
        """Do one bounded step of housekeeping: promote what is due, take over what is abandoned.

        Any number of workers may call it. Cancelled: as far as it came.

        Returns:
            Seconds after which it wants to be called again.
        """
        ...


BrokerFactory: TypeAlias = Callable[[str], Broker]
"""What an entry point of the group `headrace.brokers` names: it takes the URL."""
