"""How the figures of a plot are laid out below each other: a row for each subject and variant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from msgspec import Struct

from headrace.bench.record import Series, Variant
from headrace.bench.wording import options, shown

ROW = 0.27
"""Inches."""

MOST = 60
"""So many rows are laid out at most; further ones are in the tables alone."""

LONGEST = 48
"""How many characters of a label are drawn."""


class Row(Struct, frozen=True):
    """A row.

    Attributes:
        label: What it stands for.
        place: How far from the top, in rows.
        found: The figures that belong into it.
    """

    label: str
    place: float
    found: tuple[Series, ...]


class Rows(Struct, frozen=True):
    """Rows below each other.

    Attributes:
        rows: From the top.
        headings: The variants above their subjects, with their places, if there are both.
        height: Of all, in rows.
        complete: Whether no row was left out.
    """

    rows: tuple[Row, ...]
    headings: tuple[tuple[str, float], ...]
    height: float
    complete: bool


def lay_out(found: Sequence[Series], *, within: Sequence[str] = ()) -> Rows:
    """Lay out figures that are in order.

    Args:
        found: The figures.
        within: Names of the variant that make no rows: their figures share one.
    """
    grouped: dict[str, dict[str, list[Series]]] = {}
    for series in found:
        group = grouped.setdefault(options(without(series.variant, within)), {})
        group.setdefault(series.subject, []).append(series)
    alone = len({series.subject for series in found}) == 1
    rows: list[Row] = []
    headings: list[tuple[str, float]] = []
    place = 0.0
    for heading, subjects in grouped.items():
        room = MOST - len(rows)
        if not room:
            break
        if heading and not alone:
            headings.append((shown(heading, LONGEST), place))
            place += 1
        for subject, its in islice(subjects.items(), room):
            label = heading if heading and alone else subject
            rows.append(Row(shown(label, LONGEST), place, tuple(its)))
            place += 1
        place += 0 if alone else 0.3
    total = sum(len(subjects) for subjects in grouped.values())
    return Rows(tuple(rows), tuple(headings), place, complete=len(rows) == total)


def without(variant: Variant, names: Sequence[str]) -> Variant:
    """Return a variant without some of its names."""
    return {name: value for name, value in variant.items() if name not in names}
