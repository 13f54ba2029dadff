"""What one measurement of a workload found."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

from msgspec import Struct, field

from headrace.bench.record import Variant

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class Figure(Struct, frozen=True):
    """One figure.

    Attributes:
        metric: Such as `throughput`.
        value: In its unit.
        unit: Such as `jobs/s`.
        better: Which way is better.
        detail: What distinguishes it beside the variant that was measured.
    """

    metric: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    detail: Variant = field(default_factory=dict[str, int | float | str])


def throughput(jobs: int, seconds: float) -> Figure:
    """Return the jobs a second."""
    return Figure("throughput", jobs / seconds, "jobs/s", "higher")


def cpu(jobs: int, seconds: float) -> Figure:
    """Return the processor time of each job."""
    return Figure("cpu", seconds / jobs * 1e6, "µs/job", "lower")


def rss(megabytes: float) -> Figure:
    """Return the memory of worker processes."""
    return Figure("rss", megabytes, "MB", "lower")


def elapsed(metric: str, seconds: float) -> Figure:
    """Return a time that is read in seconds."""
    return Figure(metric, seconds, "s", "lower")


def percentiles(seconds: Sequence[float]) -> list[Figure]:
    """Return the percentiles of times, in milliseconds, by nearest rank: each was measured."""
    ordered = sorted(seconds)
    return [
        Figure(name, 1000 * ordered[max(0, ceil(share * len(ordered)) - 1)], "ms", "lower")
        for name, share in PERCENTILES.items()
    ]
