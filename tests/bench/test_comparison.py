"""Two runs side by side."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from headrace.bench.comparison import Change, Verdict, by_chance, chance, compare, judge
from headrace.bench.record import Series
from tests.bench.specimen import figure, specimen

KEY = ("redis", "drain", "throughput", "jobs/s")
OPPOSITE = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}

Better = Literal["higher", "lower"]

repetitions = st.lists(st.floats(1, 1e6), min_size=1, max_size=8)


def measured(*values: float, better: Better = "higher") -> Series:
    return structs.replace(figure(KEY, 1, {}, better=better), values=list(values))


@given(repetitions, repetitions)
def test_what_overlaps_is_noise(new: list[float], old: list[float]) -> None:
    verdict = judge(measured(*new), measured(*old))
    if max(min(new), min(old)) <= min(max(new), max(old)):
        assert verdict is Verdict.NOISE


@given(repetitions, repetitions)
def test_what_is_better_one_way_is_worse_the_other_way(new: list[float], old: list[float]) -> None:
    verdict = judge(measured(*new), measured(*old))
    back = judge(measured(*old), measured(*new))
    assert back is OPPOSITE.get(verdict, verdict)
    lower = judge(measured(*new, better="lower"), measured(*old, better="lower"))
    assert lower is OPPOSITE.get(verdict, verdict)


@given(
    st.floats(10, 1e6),
    st.lists(st.floats(0.97, 1.03), min_size=5, max_size=9, unique=True),
    st.lists(st.floats(0.97, 1.03), min_size=5, max_size=9, unique=True),
    st.sampled_from([0.5, 0.9, 1.0, 1.12, 3.0]),
)
def test_a_real_change_is_seen_through_three_per_cent_of_noise(
    middle: float, before: list[float], after: list[float], factor: float
) -> None:
    old = measured(*(middle * share for share in before))
    new = measured(*(middle * factor * share for share in after))
    expected = Verdict.BETTER if factor > 1 else Verdict.WORSE
    if factor == 1.0:
        # Medians within the noise are too near each other, even if the ranges do not overlap.
        assert judge(new, old) in (Verdict.NOISE, expected)
        assert abs(new.middle / old.middle - 1) <= 0.0619
    else:
        assert judge(new, old) is expected


def test_a_change_of_less_than_five_per_cent_is_noise() -> None:
    old = measured(100, 100.1, 100.2, 100.3, 100.4)
    assert judge(measured(104, 104.1, 104.2, 104.3, 104.4), old) is Verdict.NOISE
    assert judge(measured(106, 106.1, 106.2, 106.3, 106.4), old) is Verdict.BETTER


def test_of_counts_the_least_difference_is_one() -> None:
    assert judge(measured(*[1999.0] * 5), measured(*[2000.0] * 5)) is Verdict.WORSE
    assert judge(measured(*[1999.0] * 4, 2000), measured(*[2000.0] * 5)) is Verdict.NOISE
    assert judge(measured(*[2000.0] * 5), measured(*[2000.0] * 5)) is Verdict.NOISE


@pytest.mark.parametrize("repetitions", [1, 2, 3])
def test_three_repetitions_tell_nothing(repetitions: int) -> None:
    old, new = measured(*[1.0] * repetitions), measured(*[9.0] * repetitions)
    assert judge(new, old) is Verdict.TOO_FEW


@pytest.mark.parametrize(("new", "old"), [(1, 1), (2, 3), (4, 4), (5, 3)])
def test_the_chance_is_that_of_all_orders(new: int, old: int) -> None:
    places = range(new + old)
    apart = [
        chosen
        for chosen in combinations(places, new)
        if chosen in (tuple(places[:new]), tuple(places[old:]))
    ]
    assert chance(new, old) == pytest.approx(2 / comb(new + old, new))
    if new != old or new > 1:
        assert chance(new, old) == pytest.approx(len(apart) / comb(new + old, new))


def test_the_chance_of_very_many_repetitions_is_told_at_once() -> None:
    assert 0 < chance(10**9, 10**9) < 1e-50


def test_figures_of_both_runs_are_paired_whatever_the_order() -> None:
    record = specimen()
    backwards = structs.replace(record, series=record.series[::-1])
    changes = compare(record, backwards)
    assert {change.verdict for change in changes} == {Verdict.NOISE}
    assert [change.series for change in changes] == record.series
    assert {change.relative for change in changes} <= {0.0}


def test_what_only_one_run_has_is_told() -> None:
    series = [figure(KEY, 100, {"a": 1}), figure(KEY, 100, {"a": 2})]
    minutes = structs.replace(series[1], unit="jobs/min")
    changes = compare(
        structs.replace(specimen(), series=series),
        structs.replace(specimen(), series=[series[0], minutes]),
    )
    assert [change.verdict for change in changes] == [Verdict.NOISE, Verdict.ADDED, Verdict.GONE]
    assert [change.relative for change in changes] == [0.0, None, None]
    assert changes[2].series is minutes


def test_a_change_of_the_floor_is_told_beside_that_of_the_figure() -> None:
    old, new = figure(KEY, 100, {}, floor=200), figure(KEY, 80, {}, floor=150)
    change = Change(Verdict.WORSE, new, old)
    assert change.relative == pytest.approx(-0.2)
    assert change.floor == pytest.approx(-0.25)
    assert Change(Verdict.WORSE, figure(KEY, 80, {}), old).floor is None
    assert Change(Verdict.BETTER, measured(5), measured(0)).relative is None


def test_it_is_told_how_many_would_part_by_chance() -> None:
    many = compare(specimen(), specimen())
    assert by_chance(many) == pytest.approx(len(many) * 2 / comb(10, 5))
    few = measured(1, 2, 3)
    assert by_chance([Change(Verdict.NOISE, few, few)]) == 0
