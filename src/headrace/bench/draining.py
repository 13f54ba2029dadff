"""How fast one worker empties a backlog of no-op jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, cpu, rss, throughput
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Draining(Workload, frozen=True):
    """One worker, results kept or not, so many jobs at a time.

    Attributes:
        kept: Concurrencies with results kept.
        dropped: Concurrencies without results.
        jobs: At most; a low concurrency gets fewer, as it waits for the broker each time.
    """

    name: ClassVar[str] = "drain"
    dropped: tuple[int, ...] = (1, 10, 100, 1_000)
    kept: tuple[int, ...] = (1, 10, 100, 1_000)
    jobs: int = 100_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return each concurrency without and with results."""
        return [
            {"results": results, "concurrency": concurrency}
            for results, concurrencies in (("off", self.dropped), ("on", self.kept))
            for concurrency in concurrencies
        ]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one backlog."""
        concurrency = int(variant["concurrency"])
        task = subject.tasks.kept if variant["results"] == "on" else subject.tasks.noop
        jobs = min(self.jobs, 5_000 * concurrency)
        async with subject.working(concurrency=concurrency) as workers:
            spent = await subject.drain(workers, map(task.call, range(jobs)))
            memory = workers.rss
        return [throughput(spent.jobs, spent.elapsed), cpu(spent.jobs, spent.cpu), rss(memory)]
