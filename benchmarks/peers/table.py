"""The figures of a run as text."""

from __future__ import annotations

from msgspec import Struct, field

from headrace.bench.record import Record, Series, Variant


class Column(Struct, frozen=True):
    """A column of the table.

    Attributes:
        title: What stands above it.
        workload: Of the series that stands in it.
        metric: Of that series.
        variant: What its variant holds, if there are several.
    """

    title: str
    workload: str
    metric: str
    variant: Variant = field(default_factory=dict[str, int | float | str])

    def shows(self, series: Series) -> bool:
        """Tell whether a series stands in it."""
        same = (series.workload, series.metric) == (self.workload, self.metric)
        return same and self.variant.items() <= series.variant.items()


COLUMNS = (
    Column("drain jobs/s", "drain", "throughput"),
    Column("µs/job", "drain", "cpu"),
    Column("2 workers", "scaling", "throughput"),
    Column("RSS MB", "memory", "rss"),
    Column("one by one", "enqueue", "throughput", {"way": "sequential"}),
    Column("gathered", "enqueue", "throughput", {"way": "gathered"}),
    Column("bulk", "enqueue", "throughput", {"way": "bulk"}),
    Column("p50 ms", "latency", "p50"),
    Column("p99 ms", "latency", "p99"),
    Column("sleep s", "sleep", "time"),
)


def table(record: Record) -> str:
    """Return a table of medians, the fastest first: one line for each subject."""
    found: dict[str, list[Series]] = {}
    for series in record.series:
        found.setdefault(series.subject, []).append(series)
    fastest = sorted(found.items(), key=lambda one: -_middle(one[1], COLUMNS[0]))
    lines = [" " * 18 + "".join(f"{column.title:>14}" for column in COLUMNS)]
    for subject, all_of_it in fastest:
        cells = (_cell(_middle(all_of_it, column)) for column in COLUMNS)
        lines.append(f"{subject:18}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def _middle(series: list[Series], column: Column) -> float:
    """Return the median of the series in a column, 0 if there is none."""
    return next((one.middle for one in series if column.shows(one)), 0.0)


def _cell(value: float) -> str:
    if not value:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"
