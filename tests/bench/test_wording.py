"""Numbers, moments and foreign text, as a reader sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from headrace.bench.record import InvalidRecord
from headrace.bench.wording import (
    HUGE,
    duration,
    moment,
    number,
    option,
    options,
    percent,
    presentable,
    shown,
    spread,
)
from tests.bench.specimen import specimen


@pytest.mark.parametrize(
    ("values", "middle", "unit", "text"),
    [
        ([54617.2, 53125.0, 58431.4], 54617.2, "jobs/s", "54,617 (53,125–58,431)"),
        ([13.61, 13.4, 14.42], 13.61, "µs/job", "13.6 (13.4–14.4)"),
        ([0.0571, 0.054], 0.05555, "ms", "0.0556 (0.0540–0.0571)"),
        ([2000.0, 2000.0], 2000.0, "jobs", "2,000 (2,000–2,000)"),
        ([7.5], 7.5, "s", "7.50"),
        ([0.0, 0.0], 0.0, "ms", "0 (0–0)"),
        ([0.0, 0.0, 0.5], 0.0, "ms", "0.000 (0.000–0.500)"),
        ([99.999, 100.0, 100.0], 100.0, "%", "100.000 (99.999–100.000)"),
        ([1e99], 1e99, "", "1e+99"),
    ],
)
def test_a_figure_has_three_digits_and_all_that_count(
    values: list[float], middle: float, unit: str, text: str
) -> None:
    assert spread(values, middle, unit) == text


@given(st.lists(st.floats(-HUGE, HUGE), min_size=1, max_size=5))
def test_every_figure_can_be_shown(values: list[float]) -> None:
    assert spread(values, values[0])
    assert number(values[0])
    assert option(values[0])
    assert moment(values[0])
    assert duration(values[0])
    assert percent(values[0])
    assert percent(values[0], sign=True)


def test_moments_and_durations_are_read_easily() -> None:
    assert moment(1_795_363_200) == "2026-11-22 16:00 UTC"
    assert moment(1e30) == "1e+30 s after the epoch"
    assert (duration(90), duration(1234.5)) == ("90 s", "20.6 min")
    assert (percent(0.834), percent(None)) == ("83 %", "–")
    assert (percent(0.111, sign=True), percent(-0.05, sign=True)) == ("+11.1 %", "-5.0 %")


def test_a_variant_is_one_line() -> None:
    assert options({"concurrency": 1000, "results": "on", "share": 0.7, "load": 2.0}) == (
        "concurrency 1,000, results on, share 0.7, load 2"
    )


def test_text_is_printable_and_short_and_shows_no_secret() -> None:
    assert shown("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    assert shown("x" * 100, 10) == "xxxxxxxxx…"
    assert shown("bench redis://me:secret@host/0 -w drain") == "bench redis://***@host/0 -w drain"


@given(st.text())
def test_whatever_is_shown_is_printable(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 80


def test_every_text_of_a_run_is_looked_at() -> None:
    evil = "\x00 redis://u:secret@h"
    record = specimen()
    series = structs.replace(
        record.series[0], subject=evil, workload=evil, metric=evil, unit=evil, variant={evil: evil}
    )
    facts = dict.fromkeys(("system", "processor", "python", "event_loop"), evil)
    hostile = structs.replace(
        record,
        command=evil,
        machine=structs.replace(record.machine, **facts),
        versions={evil: evil},
        settings={evil: evil},
        notes=[evil],
        series=[series],
    )
    told = repr(presentable(hostile))
    assert "secret" not in told
    assert told.count(repr("\\x00 redis://***@h")) == 16


def test_a_figure_that_no_benchmark_finds_is_refused() -> None:
    record = specimen()
    series = structs.replace(record.series[0], values=[1.0, 1e101])
    with pytest.raises(InvalidRecord, match="beyond"):
        presentable(structs.replace(record, series=[series]))
