"""The figures of a run as text."""

from __future__ import annotations

from headrace.bench.record import Record, Series

COLUMNS = (
    ("drain jobs/s", "drain", "throughput", {}),
    ("µs/job", "drain", "cpu", {}),
    ("2 workers", "scaling", "throughput", {"workers": 2}),
    ("RSS MB", "memory", "rss", {}),
    ("one by one", "enqueue", "throughput", {"way": "sequential"}),
    ("gathered", "enqueue", "throughput", {"way": "gathered"}),
    ("bulk", "enqueue", "throughput", {"way": "bulk"}),
    ("p50 ms", "latency", "p50", None),
    ("p99 ms", "latency", "p99", None),
    ("sleep s", "sleep", "time", {}),
)
"""A title, and the series that stands under it; `None` for whatever variant there is."""


def table(record: Record) -> str:
    """Return a table of medians, the fastest first: one line for each subject."""
    found: dict[str, list[Series]] = {}
    for series in record.series:
        found.setdefault(series.subject, []).append(series)
    rows = [
        [subject, *(_cell(all_of_it, column) for column in COLUMNS)]
        for subject, all_of_it in sorted(found.items(), key=lambda one: -_speed(one[1]))
    ]
    lines = [["", *(title for title, *_ in COLUMNS)], *rows]
    return "\n".join(
        f"{subject:18}" + "".join(f"{cell:>14}" for cell in cells) for subject, *cells in lines
    )


def _cell(series: list[Series], column: tuple[str, str, str, dict[str, int | str] | None]) -> str:
    _, workload, metric, variant = column
    for one in series:
        if (one.workload, one.metric) == (workload, metric) and variant in (None, one.variant):
            return f"{one.middle:,.0f}" if one.middle >= 100 else f"{one.middle:,.2f}"
    return ""


def _speed(series: list[Series]) -> float:
    drained = (one.middle for one in series if (one.workload, one.metric) == ("drain", "throughput"))
    return next(drained, 0.0)
