"""A stranger's broker: the memory broker, with a journal of what passes."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.clock import Clock
from headrace.job import Lease, NewJob
from headrace.memory import MemoryBroker
from headrace.outcome import Outcome
from headrace.urls import split_url


class StrangerBroker(MemoryBroker):
    """`stranger://anything`."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.name = split_url(url).netloc
        self.journal: list[str] = []

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        self.journal += [f"enqueue {job.id}" for job in jobs]
        return await super().enqueue(queue, jobs, batch=batch)

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        self.journal += [f"claim {lease.id}" for lease in leases]
        return leases

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        self.journal += [f"settle {outcome.lease.id}" for outcome in outcomes]
        return await super().settle(outcomes)
