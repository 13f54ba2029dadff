"""Which workloads are measured, in which order, and what becomes of the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct

from headrace.bench.burst import Burst
from headrace.bench.delays import Delays
from headrace.bench.draining import Draining
from headrace.bench.enqueueing import Enqueueing
from headrace.bench.failing import Failing
from headrace.bench.figure import Figure
from headrace.bench.latency import Latency
from headrace.bench.memory import Memory
from headrace.bench.payload import Payload
from headrace.bench.record import Series, Variant
from headrace.bench.scaling import Scaling
from headrace.bench.sleeping import Sleeping
from headrace.bench.soak import Soak
from headrace.bench.stages import Stages
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


def full(workers: int) -> list[Workload]:
    """Return all workloads.

    Args:
        workers: Processes at most.
    """
    return [
        Enqueueing(),
        Draining(),
        Scaling(workers=workers),
        Latency(),
        Sleeping(),
        Payload(),
        Burst(),
        Delays(),
        Failing(),
        Memory(),
        Stages(),
        Soak(),
    ]


def quick(workers: int) -> list[Workload]:
    """Return the same with few jobs and few variants: to see them work, not to believe them."""
    return [
        Enqueueing(sequential=100, gathered=1_000, bulk=2_000),
        Draining(dropped=(100,), kept=(100,), jobs=2_000),
        Scaling(workers=workers, noop=1_000, hashing=0),
        Latency(starts=(200,), ends=(200,), seconds=0.5),
        Sleeping(concurrencies=(100,), rounds=2),
        Payload(sizes=(1 << 16,), volume=1 << 23),
        Burst(jobs=1_000),
        Delays(jobs=500, lead=0.5),
        Failing(jobs=500),
        Memory(jobs=2_000),
        Stages(jobs=500),
        Soak(seconds=1.0, probe=1_000),
    ]


NAMES = tuple(workload.name for workload in full(1))


class Step(Struct, frozen=True):
    """One measurement.

    Attributes:
        repetition: From 0.
        workload: What is done.
        variant: Which variant of it.
        subject: To whom.
    """

    repetition: int
    workload: Workload
    variant: Variant
    subject: Subject

    def __str__(self) -> str:
        return f"{self.workload.name} on {self.subject.name}"


def steps(
    repetitions: int, workloads: Sequence[Workload], subjects: Sequence[Subject]
) -> Iterator[Step]:
    """Return what to measure, in an order in which what changes meanwhile meets all alike.

    Every repetition goes through everything before the next begins, and the subjects take turns
    at each variant: a minute in which the machine was busy spoils one repetition of each, and none
    of them all.
    """
    for repetition in range(repetitions):
        for workload in workloads:
            if workload.once and repetition < repetitions - 1:
                continue
            offered = [(subject, workload.variants(subject)) for subject in subjects]
            for place in range(max((len(variants) for _, variants in offered), default=0)):
                for subject, variants in offered:
                    if place < len(variants):
                        yield Step(repetition, workload, variants[place], subject)


class Suite:
    """Measures step by step. What was measured stays when it is interrupted.

    Args:
        subjects: What is measured.
        workloads: By what.
        repetitions: How often.

    Attributes:
        subjects: What is measured.
        plan: The steps.
        complete: Whether all of them were taken.
        servers: What the brokers' servers call themselves.
    """

    def __init__(
        self, subjects: Sequence[Subject], workloads: Sequence[Workload], repetitions: int
    ) -> None:
        self.subjects = subjects
        self.plan: list[Step] = list(steps(repetitions, workloads, subjects))
        self.complete: bool = False
        self.servers: dict[str, str] = {}
        self._series: dict[object, Series] = {}

    @property
    def series(self) -> list[Series]:
        """What was found so far."""
        return list(self._series.values())

    async def run(self, step_taken: Callable[[], None]) -> None:
        """Measure everything. A cancelled call keeps what is done, and leaves the queues empty.

        Args:
            step_taken: Called after each step.

        Raises:
            ForeignJobs: A queue is in use by somebody else.
            NoProgress: Jobs are not run.
            WorkerFailed: A worker process does not come up.
            BrokerError: A broker cannot be reached or refuses.
        """
        async with AsyncExitStack() as stack:
            for subject in self.subjects:
                await stack.enter_async_context(subject)
                server = await _server(subject)
                if server is not None:
                    self.servers[f"{subject.name} server"] = server
            for step in self.plan:
                await self._take(step)
                step_taken()
        self.complete = True

    async def _take(self, step: Step) -> None:
        figures = await step.workload.measure(step.subject, step.variant)
        floor = step.subject.floor
        bound = await floor.throughput(step.workload.name, step.variant) if floor else None
        for figure in figures:
            series = self._series_of(step, figure)
            series.values.append(figure.value)
            if bound is not None and figure.metric == "throughput":
                series.floor.append(bound)

    def _series_of(self, step: Step, figure: Figure) -> Series:
        series = Series(
            subject=step.subject.name,
            workload=step.workload.name,
            variant={**step.variant, **figure.detail},
            metric=figure.metric,
            unit=figure.unit,
            better=figure.better,
        )
        return self._series.setdefault(series.key, series)


async def _server(subject: Subject) -> str | None:
    """Return what the server calls itself, `None` if it does not."""
    for finding in await subject.queue.broker.examine():
        if finding.check == "version":
            return finding.detail
    return None
