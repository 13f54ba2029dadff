"""Many jobs at the same moment, while a worker serves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, elapsed
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Burst(Workload, frozen=True):
    """So many concurrent `enqueue` calls: until all were accepted, and until all jobs were done."""

    name: ClassVar[str] = "burst"
    jobs: int = 10_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the one that there is."""
        return [{"jobs": self.jobs}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:  # noqa: ARG002
        """Measure one burst."""
        queue, noop = subject.queue, subject.tasks.noop
        async with subject.working():
            began = subject.now()
            await asyncio.gather(*(queue.enqueue(noop, number) for number in range(self.jobs)))
            accepted = subject.now()
            ended = await subject.finished(self.jobs)
        return [elapsed("accept", accepted - began), elapsed("drain", ended - began)]
