"""Minutes under load: what grows, and what drifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from headrace.bench.figure import Figure, rss, throughput
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workers import Workers
from headrace.bench.workload import Workload

SHARE = 0.7
"""Of the capacity."""

STEP = 0.05
"""Seconds between two batches."""

LOOKS = 20
"""Samples of the whole."""


class Sample(Struct, frozen=True):
    """A moment of the soak.

    Attributes:
        at: Seconds since it began.
        finished: Jobs that were done.
        backlog: Jobs that were stored and not done.
        rss: MB of the worker.
    """

    at: float
    finished: int
    backlog: int
    rss: float


class Soak(Workload, frozen=True):
    """No-op jobs at 70 % of what this machine stores and runs at the same time.

    `growth` is by how much the worker's memory is larger in the last tenth than in the second;
    `drift` by how much slower the second half is than the first; `backlog` the median of what
    still waited when the next batch came.

    Attributes:
        seconds: How long.
        probe: Jobs from which the capacity is taken.
    """

    name: ClassVar[str] = "soak"
    once: ClassVar[bool] = True
    seconds: float = 180.0
    probe: int = 50_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the one that there is."""
        return [{"seconds": self.seconds}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:  # noqa: ARG002
        """Soak once."""
        async with subject.working() as workers:
            load = SHARE * await self._capacity(subject)
            return judged(await self._soak(subject, workers, load))

    async def _capacity(self, subject: Subject) -> float:
        began = subject.now()
        await subject.queue.enqueue_many(map(subject.tasks.noop.call, range(self.probe)))
        ended = await subject.finished(self.probe)
        subject.tally.clear()
        return self.probe / (ended - began)

    async def _soak(self, subject: Subject, workers: Workers, load: float) -> list[Sample]:
        began, sent, samples = subject.now(), 0, list[Sample]()
        while (passed := subject.now() - began) < self.seconds:
            if passed >= len(samples) * self.seconds / LOOKS:
                done = subject.tally.finished
                samples.append(Sample(passed, done, sent - done, workers.rss))
            due = int(passed * load) - sent
            await subject.queue.enqueue_many(map(subject.tasks.noop.call, range(due)))
            sent += due
            await subject.sleep(STEP)
        ended = await subject.finished(sent) - began
        return [*samples, Sample(ended, sent, 0, workers.rss)]


def judged(samples: Sequence[Sample]) -> list[Figure]:
    """Return what samples of a soak tell, at least four."""
    first, half, last = samples[0], samples[len(samples) // 2], samples[-1]
    rates = [
        (end.finished - start.finished) / (end.at - start.at)
        for start, end in ((first, half), (half, last))
    ]
    waiting = sorted(sample.backlog for sample in samples[:-1])
    settled = samples[max(1, len(samples) // 10)]
    return [
        throughput(last.finished, last.at),
        rss(last.rss),
        Figure("growth", last.rss - settled.rss, "MB", "lower"),
        Figure("drift", 100 * (1 - rates[1] / rates[0]), "%", "lower"),
        Figure("backlog", waiting[len(waiting) // 2], "jobs", "lower"),
    ]
