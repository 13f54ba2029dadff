"""Two runs side by side: what changed, and what is only noise."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import comb

from msgspec import Struct

from headrace.bench.record import Record, Series
from headrace.bench.summary import figures, floor_of

SIGNIFICANT = 0.05
"""How likely noise alone may at most be to part the repetitions of two runs."""

RELEVANT = 0.05
"""By how much of the greater one two medians must differ at least."""

_MANY = 99
"""So many repetitions are as good as any more, and quicker to count with."""


class Verdict(Enum):
    """What can be said of a figure of two runs."""

    BETTER = "better"
    WORSE = "worse"
    NOISE = "within noise"
    TOO_FEW = "too few repetitions"
    ADDED = "only in this run"
    GONE = "only in the other run"


class Change(Struct, frozen=True):
    """A figure of two runs.

    Attributes:
        verdict: What can be said of it.
        new: In the run that is looked at, if it is there.
        old: In the run that it is compared with, if it is there.
    """

    verdict: Verdict
    new: Series | None
    old: Series | None

    @property
    def series(self) -> Series:
        """The figure, of whichever run has it."""
        series = self.new or self.old
        assert series is not None  # noqa: S101 - one of the runs has it
        return series

    @property
    def relative(self) -> float | None:
        """By how much of the old median the new one differs; None if there is nothing to say."""
        if self.new is None or self.old is None or self.old.middle == 0:
            return None
        return self.new.middle / self.old.middle - 1

    @property
    def floor(self) -> float | None:
        """As `relative`, of what the driver alone did: a machine that changed shows here."""
        if self.new is None or self.old is None:
            return None
        return Change(self.verdict, floor_of(self.new), floor_of(self.old)).relative


def compare(new: Record, old: Record) -> list[Change]:
    """Return what became of each figure: in the order of the new run, then those it has no more."""
    before = {(*series.key, series.unit): series for series in figures(old)}
    changes: list[Change] = []
    for series in figures(new):
        other = before.pop((*series.key, series.unit), None)
        verdict = Verdict.ADDED if other is None else judge(series, other)
        changes.append(Change(verdict, series, other))
    return changes + [Change(Verdict.GONE, None, series) for series in before.values()]


def judge(new: Series, old: Series) -> Verdict:
    """Say whether a figure differs beyond noise.

    It does if the ranges of the repetitions do not overlap, if that is unlikely by chance
    (`chance`), and if the medians differ by more than `RELEVANT`. Where nothing varied in either
    run, as with dead letters, the figure is a count, and the least difference is one.
    """
    apart = max(new.values) < min(old.values) or max(old.values) < min(new.values)
    counted = len({*new.values}) == len({*old.values}) == 1
    least = 0 if counted else RELEVANT * max(abs(new.middle), abs(old.middle))
    if not apart or abs(new.middle - old.middle) <= least:
        return Verdict.NOISE
    if chance(len(new.values), len(old.values)) > SIGNIFICANT:
        return Verdict.TOO_FEW
    rose = new.middle > old.middle
    return Verdict.BETTER if rose == (new.better == "higher") else Verdict.WORSE


def chance(new: int, old: int) -> float:
    """Return how likely it is that so many repetitions part by chance, into two disjoint ranges.

    It is the exact two-sided p of the Mann-Whitney test for U = 0: two of all the orders in which
    values from one distribution can come keep those of each run together. With five repetitions
    each it is 0.008, with four 0.029, with three 0.1: three never suffice.

    H. B. Mann, D. R. Whitney: On a test of whether one of two random variables is stochastically
    larger than the other. Annals of Mathematical Statistics 18 (1947), pp. 50-60.
    """
    new, old = min(new, _MANY), min(old, _MANY)
    return 2 / comb(new + old, new)


def by_chance(changes: Sequence[Change]) -> float:
    """Return how many figures would part by chance if nothing had changed, of those that can."""
    chances = (
        chance(len(change.new.values), len(change.old.values))
        for change in changes
        if change.new is not None and change.old is not None
    )
    return sum(likely for likely in chances if likely <= SIGNIFICANT)
