"""Brokers that have a bug each, for tests of what finds bugs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from msgspec import structs

from headrace.broker import Cancelled, Held, QueueSpec
from headrace.clock import Clock
from headrace.finding import Finding, Verdict
from headrace.job import DeadJob, JobState, Lease, NewJob
from headrace.memory import MemoryBroker
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule


class AcknowledgesEarly(MemoryBroker):
    """Takes a job out when it is handed out, as a queue without leases does."""

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        await super().settle([Done(lease) for lease in leases])
        return leases

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return [True] * len(outcomes)


class DoesNotFence(MemoryBroker):
    """Lets whoever once had a job act for its present holder, as a bare XCLAIM or XACK does."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._newest: dict[str, Lease] = {}

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        self._newest.update((lease.id, lease) for lease in leases)
        return leases

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        return await super().renew([self._newest[lease.id] for lease in leases])

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [structs.replace(one, lease=self._newest[one.lease.id]) for one in outcomes]
        )


class LosesOnRetry(MemoryBroker):
    """Takes the old copy out and forgets to put the new one in."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [Done(one.lease) if isinstance(one, Reschedule) else one for one in outcomes]
        )


class TellsItsPassword(MemoryBroker):
    """Shows the URL that it was given to whoever looks."""

    async def examine(self) -> list[Finding]:
        return [Finding("connection", Verdict.OK, "connected to broken://user:hunter2@host")]


class LosesReleased(MemoryBroker):
    """Keeps no job that is given back."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [Done(one.lease) if isinstance(one, Release) else one for one in outcomes]
        )


class ChargesReleases(MemoryBroker):
    """Takes a job that is given back for one that failed."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [
                Reschedule(one.lease, 0.0, one.lease.attempt + 1, one.lease.meta)
                if isinstance(one, Release)
                else one
                for one in outcomes
            ]
        )


class KeepsReleased(MemoryBroker):
    """Leaves what is given back to its lease."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        kept = [one for one in outcomes if not isinstance(one, Release)]
        answers = iter(await super().settle(kept))
        return [True if isinstance(one, Release) else next(answers) for one in outcomes]


class ReclaimsLate(MemoryBroker):
    """Holds jobs of dead workers back for much longer than their leases."""

    beyond = 3.0

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        self._lengthen(leases)
        return leases

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        answers = await super().renew(leases)
        self._lengthen(leases)
        return answers

    def _lengthen(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            record = self._queues[lease.queue].store._held(lease)
            if record is not None:
                record.lease_until = lease.deadline + self.beyond


class NeverReclaims(ReclaimsLate):
    """Believes that no worker ever dies."""

    beyond = 1e9


class SharesOut(MemoryBroker):
    """Hands out what it has handed out already, as if it were abandoned."""

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        store = self._queues[queue].store
        for record in [*store._running.values()][:1]:
            store._abandoned(record, self.clock.monotonic())
        return await super().claim(queue, worker, limit, wait)

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        await super().renew(leases)
        return [Held.OK] * len(leases)


class AlwaysSaysYes(MemoryBroker):
    """Thanks for every outcome, also for one that came too late."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return [True for _ in await super().settle(outcomes)]


class CountsDown(MemoryBroker):
    """Gives fencing numbers that fall."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._fencing = count(1_000_000, -1).__next__


class GivesKeysAway(MemoryBroker):
    """Lets two jobs hold one unique key."""

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        plain = [structs.replace(job, unique=None) for job in jobs]
        return await super().enqueue(queue, plain, batch=batch)


class KeepsKeys(MemoryBroker):
    """Does not give a key back when its job is over."""

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        answer = await super().declare(spec)
        self._queues[spec.name].store._free = _keep  # type: ignore[method-assign]
        return answer


class StoresDuplicates(MemoryBroker):
    """Says that a key is held, and keeps the job all the same."""

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        answers = await super().enqueue(queue, jobs, batch=batch)
        refused = [
            structs.replace(job, unique=None)
            for job, answer in zip(jobs, answers, strict=True)
            if answer not in (None, job.id)
        ]
        await super().enqueue(queue, refused, batch=f"{batch}-again")
        return answers


class StartsEarly(MemoryBroker):
    """Forgets delays of jobs that are new."""

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        at_once = [structs.replace(job, delay=0.0) for job in jobs]
        return await super().enqueue(queue, at_once, batch=batch)


class StartsLate(MemoryBroker):
    """Looks for what is due every now and then only."""

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        later = [structs.replace(job, delay=job.delay + 2.0) if job.delay else job for job in jobs]
        return await super().enqueue(queue, later, batch=batch)


class RetriesAtOnce(MemoryBroker):
    """Forgets the wait before the next attempt."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [
                structs.replace(one, delay=0.0) if isinstance(one, Reschedule) else one
                for one in outcomes
            ]
        )


class ForgetsCancellations(MemoryBroker):
    """Says that a job is cancelled, and does nothing about it."""

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        infos = await self.lookup(queue, ids)
        return [
            Cancelled.NOT_FOUND if info is None or info.state.final else Cancelled.SIGNALLED
            for info in infos
        ]


class MislaysResults(MemoryBroker):
    """Keeps one job's result as another one's."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._last: bytes | None = None

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle([self._swapped(one) for one in outcomes])

    def _swapped(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Done) or outcome.result is None:
            return outcome
        other, self._last = self._last or outcome.result, outcome.result
        return structs.replace(outcome, result=other)


class MisjudgesTheDead(MemoryBroker):
    """Takes a job that died for one that was cancelled."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [
                Done(one.lease, None, one.ttl, JobState.CANCELLED) if isinstance(one, Dead) else one
                for one in outcomes
            ]
        )


class ForgetsDeadLetters(MemoryBroker):
    """Remembers that a job died, and not the job."""

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        return []


class DeafToCancellation(MemoryBroker):
    """Waits for jobs for a while, whatever happens to who asked."""

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        until, cancelled = self.clock.monotonic() + 3 * wait, False
        while not cancelled or self.clock.monotonic() < until:
            try:
                await self.clock.sleep(0.1)
                if leases := await super().claim(queue, worker, limit, 0.0):
                    return leases
            except asyncio.CancelledError:
                cancelled = True
        raise asyncio.CancelledError


def _keep(job: NewJob) -> None: ...
