"""What more worker processes bring."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from headrace.bench.figure import Figure, cpu, throughput
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload
from headrace.task import Call

BLOCKS = 8_000
"""Of 1 KB, hashed by one job that works: about five milliseconds of a processor."""


class Scaling(Workload, frozen=True):
    """A backlog for 1, 2, 4 … worker processes: jobs that do nothing, and jobs that compute.

    Attributes:
        workers: Processes at most.
        noop: Jobs that do nothing, for each process.
        hashing: Jobs that compute, for each process; 0 leaves them out.
    """

    name: ClassVar[str] = "scaling"
    workers: int = os.cpu_count() or 1
    noop: int = 50_000
    hashing: int = 800

    def variants(self, subject: Subject) -> Sequence[Variant]:
        """Return the numbers of processes, none for a broker that lives in one."""
        if not subject.shared:
            return []
        return [
            {"workers": workers, "job": job}
            for job, jobs in (("noop", self.noop), ("cpu", self.hashing))
            for workers in doubled(self.workers)
            if jobs
        ]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one number of processes."""
        processes = int(variant["workers"])
        async with subject.working(processes) as workers:
            spent = await subject.drain(workers, self._calls(subject, variant, processes))
        return [throughput(spent.jobs, spent.elapsed), cpu(spent.jobs, spent.cpu)]

    def _calls(self, subject: Subject, variant: Variant, processes: int) -> Iterable[Call[Any]]:
        if variant["job"] == "noop":
            return map(subject.tasks.noop.call, range(self.noop * processes))
        return (subject.tasks.hashing.call(BLOCKS) for _ in range(self.hashing * processes))


def doubled(most: int) -> list[int]:
    """Return 1, 2, 4 … and the number itself."""
    return [*(1 << power for power in range((most - 1).bit_length())), most]
