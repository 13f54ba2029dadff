"""What large arguments cost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

from msgspec import structs

from headrace.bench.figure import Figure, cpu, throughput
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload

MOST = 20_000
"""Jobs of one size."""


class Payload(Workload, frozen=True):
    """Jobs with bytes that no compression makes smaller: stored in bulk, then drained.

    Attributes:
        sizes: In bytes.
        volume: Bytes of all jobs of one size, about.
    """

    name: ClassVar[str] = "payload"
    sizes: tuple[int, ...] = (1 << 10, 1 << 16, 1 << 19)
    volume: int = 1 << 27

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the sizes."""
        return [{"bytes": size} for size in self.sizes]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one size, both ways."""
        size = int(variant["bytes"])
        jobs = min(MOST, max(1, self.volume // size))
        call = subject.tasks.carrying.call(os.urandom(size))
        began = subject.now()
        await subject.queue.enqueue_many([call] * jobs)
        stored = throughput(jobs, subject.now() - began)
        await subject.empty()
        async with subject.working() as workers:
            spent = await subject.drain(workers, [call] * jobs)
        drained = [throughput(spent.jobs, spent.elapsed), cpu(spent.jobs, spent.cpu)]
        return [
            structs.replace(stored, detail={"of": "enqueue"}),
            *(structs.replace(figure, detail={"of": "drain"}) for figure in drained),
        ]
