"""How long a job waits at a fixed offered load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import structs

from headrace.bench.figure import Figure, percentiles
from headrace.bench.pace import Offered, offer
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Latency(Workload, frozen=True):
    """No-op jobs at an even rate on one worker: from when each was due.

    Of `start`: until it started. Of `end`: until its producer had the result. `lag` is what the
    producer adds: how late it was at sending, at the 99th percentile.

    Attributes:
        starts: Offered loads, in jobs a second, for which starts are looked at.
        ends: Those for which results are waited for.
        seconds: For how long each is offered.
    """

    name: ClassVar[str] = "latency"
    starts: tuple[int, ...] = (200, 1_000, 5_000)
    ends: tuple[int, ...] = (200, 1_000)
    seconds: float = 5.0

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return each load until the start, then until the end."""
        return [
            {"load": load, "of": of}
            for of, loads in (("start", self.starts), ("end", self.ends))
            for load in loads
        ]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one load."""
        load = int(variant["load"])
        jobs = int(load * self.seconds)
        wait = self._starts if variant["of"] == "start" else self._ends
        async with subject.working():
            offered, ended = await wait(subject, load, jobs)
        waits = [end - due for end, due in zip(ended, offered.due, strict=True)]
        lags = [sent - due for sent, due in zip(offered.sent, offered.due, strict=True)]
        lag = next(figure for figure in percentiles(lags) if figure.metric == "p99")
        return [*percentiles(waits), structs.replace(lag, metric="lag")]

    async def _starts(
        self, subject: Subject, load: int, jobs: int
    ) -> tuple[Offered[None], list[float]]:
        queue, task = subject.queue, subject.tasks.stamped

        async def send(number: int) -> None:
            await queue.enqueue(task, number)

        offered = await offer(load, jobs, send)
        await subject.finished(jobs)
        return offered, subject.tally.moments(jobs)

    async def _ends(
        self, subject: Subject, load: int, jobs: int
    ) -> tuple[Offered[float], list[float]]:
        queue, task = subject.queue, subject.tasks.kept

        async def send(number: int) -> float:
            job = await queue.enqueue(task, number)
            await job.result()
            return subject.now()

        offered = await offer(load, jobs, send)
        await subject.finished(jobs)
        return offered, offered.answers
