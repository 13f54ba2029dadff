"""Jobs that wait: how near a worker comes to running as many at a time as it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, cpu, elapsed
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Sleeping(Workload, frozen=True):
    """Jobs of 100 ms, in so many rounds as a worker of that concurrency needs at least.

    The figure `over ideal` is what the whole took beyond these rounds.

    Attributes:
        concurrencies: Of the worker.
        rounds: Jobs for each slot.
        seconds: For which each job sleeps.
    """

    name: ClassVar[str] = "sleep"
    concurrencies: tuple[int, ...] = (100, 1_000)
    rounds: int = 20
    seconds: float = 0.1

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return each concurrency."""
        return [{"concurrency": concurrency} for concurrency in self.concurrencies]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one concurrency."""
        concurrency = int(variant["concurrency"])
        call = subject.tasks.sleeping.call(self.seconds)
        async with subject.working(concurrency=concurrency) as workers:
            spent = await subject.drain(workers, [call] * (concurrency * self.rounds))
        ideal = spent.jobs / concurrency * self.seconds
        return [
            elapsed("elapsed", spent.elapsed),
            Figure("over ideal", 100 * (spent.elapsed / ideal - 1), "%", "lower"),
            cpu(spent.jobs, spent.cpu),
        ]
