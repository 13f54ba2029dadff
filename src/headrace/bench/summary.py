"""The figures of a run as tables: one for each workload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct, structs

from headrace.bench.document import Grid
from headrace.bench.record import Record, Series
from headrace.bench.wording import NOTHING, option, percent, spread

_T = TypeVar("_T")


class Table(Struct, frozen=True):
    """What a run found of one workload.

    Attributes:
        workload: Its name.
        repetitions: How many values a figure has, such as `5` or `3 to 5`.
        grid: A row for each variant and subject, a column for each metric and its share of the
            floor.
    """

    workload: str
    repetitions: str
    grid: Grid


def tables(record: Record) -> list[Table]:
    """Return a table for each workload, in the order of the record."""
    found = figures(record)
    return [
        _table(workload, [series for series in found if series.workload == workload])
        for workload in dict.fromkeys(series.workload for series in found)
    ]


def figures(record: Record) -> list[Series]:
    """Return the series that have values.

    Those that are the same figure in the same unit are one, with the values of all of them.
    """
    merged: dict[tuple[object, ...], Series] = {}
    for series in record.series:
        if not series.values:
            continue
        key = (*series.key, series.unit)
        first = merged.get(key)
        merged[key] = series if first is None else _both(first, series)
    return list(merged.values())


def share(series: Series) -> float | None:
    """Return how much of what the driver alone can do is reached: 1 is all; None is unknown."""
    floor = floor_of(series)
    if floor is None:
        return None
    part, whole = series.middle, floor.middle
    if series.better == "lower":
        part, whole = whole, part
    return part / whole if part >= 0 and whole > 0 else None


def floor_of(series: Series) -> Series | None:
    """Return what the driver alone did as a figure of its own, if that was measured."""
    return structs.replace(series, values=series.floor) if series.floor else None


def ordered(found: Iterable[Series]) -> list[Series]:
    """Return figures by variant, then by subject.

    Numbers rise; words, such as `sequential` and `gathered`, keep the order of the record.
    """
    found = list(found)
    names = option_names(found)
    words = _places(value for series in found for value in series.variant.values())
    subjects = _places(series.subject for series in found)

    def rank(value: float | str | None) -> tuple[int, float]:
        if value is None:
            return 0, 0
        return (2, words[value]) if isinstance(value, str) else (1, value)

    def place(series: Series) -> tuple[list[tuple[int, float]], int]:
        return [rank(series.variant.get(name)) for name in names], subjects[series.subject]

    return sorted(found, key=place)


def option_names(found: Iterable[Series]) -> list[str]:
    """Return the names that the variants of figures use."""
    return list(_places(name for series in found for name in series.variant))


def _table(workload: str, found: Sequence[Series]) -> Table:
    names = option_names(found)
    columns = _places((series.metric, series.unit) for series in found)
    floors = {(series.metric, series.unit) for series in found if series.floor}
    rows: dict[tuple[str, ...], dict[tuple[str, str], Series]] = {}
    for series in ordered(found):
        values = (series.variant.get(name) for name in names)
        key = (*(NOTHING if value is None else option(value) for value in values), series.subject)
        rows.setdefault(key, {})[series.metric, series.unit] = series
    head = [*names, "subject"]
    for column in columns:
        metric, unit = column
        head += [f"{metric}, {unit}" if unit else metric, *["of floor"][: column in floors]]
    counts = sorted({len(series.values) for series in found})
    return Table(
        workload,
        f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}",
        Grid(
            tuple(head),
            tuple((*key, *_cells(cells, columns, floors)) for key, cells in rows.items()),
            words=len(names) + 1,
        ),
    )


def _cells(
    row: dict[tuple[str, str], Series],
    columns: Iterable[tuple[str, str]],
    floors: set[tuple[str, str]],
) -> Iterator[str]:
    for column in columns:
        series = row.get(column)
        yield NOTHING if series is None else spread(series.values, series.middle, series.unit)
        if column in floors:
            yield percent(None if series is None else share(series))


def _both(first: Series, second: Series) -> Series:
    return structs.replace(
        first, values=first.values + second.values, floor=first.floor + second.floor
    )


def _places(values: Iterable[_T]) -> dict[_T, int]:
    """Return which place each value has by its first appearance."""
    return {value: place for place, value in enumerate(dict.fromkeys(values))}
