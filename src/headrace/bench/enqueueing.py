"""How fast jobs are stored, with no worker beside: three ways to say so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, cpu, throughput
from headrace.bench.process import Process
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload

GATHERED = 1_000
"""Calls that are awaited together."""


class Enqueueing(Workload, frozen=True):
    """No-op jobs: one `await` each, gathered a thousand at a time, in bulk by `enqueue_many`.

    The processor time is that of this process.
    """

    name: ClassVar[str] = "enqueue"
    sequential: int = 4_000
    gathered: int = 50_000
    bulk: int = 100_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the three ways."""
        return [{"way": way} for way in ("sequential", "gathered", "bulk")]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one way."""
        this = Process(os.getpid())
        ways = {"sequential": self._one_by_one, "gathered": self._together, "bulk": self._bulk}
        used, began = this.cpu, subject.now()
        jobs = await ways[str(variant["way"])](subject)
        figures = [throughput(jobs, subject.now() - began), cpu(jobs, this.cpu - used)]
        await subject.empty()
        return figures

    async def _one_by_one(self, subject: Subject) -> int:
        for number in range(self.sequential):
            await subject.queue.enqueue(subject.tasks.noop, number)
        return self.sequential

    async def _together(self, subject: Subject) -> int:
        queue, noop = subject.queue, subject.tasks.noop
        for start in range(0, self.gathered, GATHERED):
            numbers = range(start, min(start + GATHERED, self.gathered))
            await asyncio.gather(*(queue.enqueue(noop, number) for number in numbers))
        return self.gathered

    async def _bulk(self, subject: Subject) -> int:
        await subject.queue.enqueue_many(map(subject.tasks.noop.call, range(self.bulk)))
        return self.bulk
