"""The figures of a run: one value after the other, gathered into the series of a record."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles
from typing import Literal

from msgspec import Struct, field

from headrace.bench.record import Series, Variant


class Figure(Struct, frozen=True, kw_only=True):
    """One value of one series: what it is of is told as in `Series`."""

    workload: str
    metric: str
    unit: str
    value: float
    better: Literal["higher", "lower"] = "lower"
    variant: Variant = field(default_factory=dict[str, int | float | str])


def throughput(workload: str, jobs: int, seconds: float, **variant: float | str) -> Figure:
    """Return a rate."""
    return Figure(
        workload=workload,
        metric="throughput",
        unit="jobs/s",
        value=jobs / seconds,
        better="higher",
        variant=variant,
    )


def cost(workload: str, jobs: int, seconds: float, **variant: float | str) -> Figure:
    """Return the CPU time of a job."""
    value = seconds / jobs * 1e6
    return Figure(workload=workload, metric="cpu", unit="µs/job", value=value, variant=variant)


def latencies(due: Sequence[int], started: Sequence[int], load: float) -> list[Figure]:
    """Return percentiles of the time from when jobs were due to when they started.

    Args:
        due: Moments in nanoseconds.
        started: Those of the same jobs.
        load: Jobs offered in a second.
    """
    waits = [(start - moment) / 1e6 for moment, start in zip(due, started, strict=True)]
    marks = quantiles(waits, n=100, method="inclusive")
    found = {"p50": marks[49], "p99": marks[98], "max": max(waits)}
    variant: Variant = {"load": int(load)}
    return [
        Figure(workload="latency", metric=metric, unit="ms", value=value, variant=variant)
        for metric, value in found.items()
    ]


class Figures:
    """The series of a run."""

    def __init__(self) -> None:
        self._series: dict[tuple[object, ...], Series] = {}

    def add(self, subject: str, figure: Figure) -> None:
        """Keep a figure of a subject."""
        series = Series(
            subject=subject,
            workload=figure.workload,
            variant=figure.variant,
            metric=figure.metric,
            unit=figure.unit,
            better=figure.better,
        )
        self._series.setdefault(series.key, series).values.append(figure.value)

    @property
    def series(self) -> list[Series]:
        """All of them, in the order in which they began."""
        return list(self._series.values())
