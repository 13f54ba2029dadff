"""The plots of a run."""

from __future__ import annotations

import re
from itertools import chain
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from headrace.bench.palette import DRAWN
from headrace.bench.plots import plots
from headrace.bench.record import Record, Series
from headrace.bench.rows import MOST
from headrace.bench.svg import standalone
from headrace.bench.wording import presentable
from tests.bench.specimen import figure, specimen

COLOURS = {colour.light for colour in DRAWN} | {"none"}


def of(*series: Series) -> Record:
    return presentable(structs.replace(specimen(), series=list(series)))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter() if "text" in element.tag]


def throughput(subject: str, workload: str, middle: float, **variant: float | str) -> Series:
    return figure((subject, workload, "throughput", "jobs/s"), middle, variant)


def test_each_plot_appears_if_the_record_has_its_series() -> None:
    assert [plot.name for plot in plots(specimen())] == [
        "enqueue-throughput",
        "drain-throughput",
        "scaling-workers",
        "latency-percentiles",
        "payload-throughput",
        "delayed-percentiles",
        "stages-cost",
    ]
    assert plots(of()) == []
    assert plots(of(figure(("redis", "soak", "drift", "%"), 1, {}))) == []


def test_workers_of_one_number_alone_make_no_plot() -> None:
    assert plots(of(throughput("redis", "scaling", 100, workers=2))) == []
    assert plots(of(throughput("redis", "scaling", 100, workers="many"))) == []


def test_bars_tell_subject_median_and_share_of_the_floor() -> None:
    key = ("redis", "drain", "throughput", "jobs/s")
    [plot] = plots(of(figure(key, 54_617, {"results": "on"}, floor=66_000)))
    assert {"results on", "54,617", "83 %", "jobs/s"} <= set(texts(plot.svg))
    assert "what the driver alone did" in plot.caption


def test_subjects_stand_below_the_variant_that_they_share() -> None:
    both = [throughput(subject, "drain", 9, concurrency=10) for subject in ("redis", "saq")]
    [plot] = plots(of(*both))
    assert {"concurrency 10", "redis", "saq"} <= set(texts(plot.svg))


def test_stages_add_up() -> None:
    key = ("redis", "stages", "cost", "µs/job")
    stages = [figure(key, cost, {"stage": name}) for name, cost in (("settle", 2.5), ("claim", 3))]
    [plot] = plots(of(*stages))
    found = texts(plot.svg)
    assert {"3.0", "2.5", "5.5"} <= set(found)
    assert found.index("claim") < found.index("settle")


def test_more_rows_than_a_page_holds_are_left_to_the_tables() -> None:
    many = [throughput(f"peer {number}", "drain", number) for number in range(MOST + 1)]
    [few] = plots(of(*many[:MOST]))
    [all_of_them] = plots(of(*many))
    left_out = "What is not drawn is in the tables."
    assert (left_out in few.caption, left_out in all_of_them.caption) == (False, True)


@pytest.mark.parametrize("workload", ["scaling", "drain", "../x", "A <b>"])
def test_the_name_of_a_plot_is_a_safe_word(workload: str) -> None:
    found = [throughput("redis", workload, workers, workers=workers) for workers in (1, 2)]
    [plot] = plots(of(*found))
    assert re.fullmatch(r"[a-z0-9_-]+", plot.name)


def test_labels_are_plain_text_whatever_is_in_them() -> None:
    names = ["_hidden", "$x_{$", "a<b&c", "日本"]
    found = [throughput(name, "scaling", n, workers=n) for name in names for n in (1, 2)]
    [plot] = plots(of(*found))
    assert set(names) <= set(texts(plot.svg))


def test_two_drawings_of_one_run_are_equal_whatever_the_settings_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = plots(specimen())
    monkeypatch.setitem(mpl.rcParams, "font.size", 20.0)
    monkeypatch.setitem(mpl.rcParams, "axes.grid", True)
    before = dict(mpl.rcParams)
    assert plots(specimen()) == first
    assert dict(mpl.rcParams) == before


def test_a_drawing_needs_nothing_and_carries_no_style() -> None:
    for plot in plots(specimen()):
        root = ET.fromstring(plot.svg)
        tags = {element.tag.partition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "g", "defs", "path", "use", "text", "clipPath", "rect"}
        attributes = list(chain.from_iterable(element.items() for element in root.iter()))
        assert "style" not in dict(attributes)
        for name, value in attributes:
            if name in ("href", "clip-path"):
                assert re.fullmatch(rf"#{plot.name}-\w+|url\(#{plot.name}-\w+\)", value)
            elif name in ("fill", "stroke"):
                assert value in COLOURS


def test_the_ids_of_all_drawings_are_different() -> None:
    ids = [found for plot in plots(specimen()) for found in re.findall(r' id="([^"]+)"', plot.svg)]
    assert ids
    assert len(ids) == len(set(ids))


def test_a_drawing_in_a_file_of_its_own_brings_its_dark_colours() -> None:
    for plot in plots(specimen()):
        style = ET.fromstring(standalone(plot.svg))[0]
        assert "prefers-color-scheme:dark" in (style.text or "")


figures = st.builds(
    Series,
    subject=st.text(max_size=5),
    workload=st.sampled_from(["scaling", "latency", "stages", "drain"]),
    metric=st.sampled_from(["throughput", "p50", "p99", "max", "cost"]),
    unit=st.sampled_from(["ms", ""]),
    better=st.just("higher"),
    variant=st.dictionaries(
        st.sampled_from(["workers", "of", "stage", "load"]),
        st.one_of(st.text(max_size=5), st.floats(-1e300, 1e300), st.integers(-9, 9)),
    ),
    values=st.lists(st.floats(-1e100, 1e100), max_size=3),
    floor=st.lists(st.floats(-1e100, 1e100), max_size=2),
)


@given(st.lists(figures, max_size=4))
@settings(max_examples=12, deadline=None)
def test_whatever_a_record_holds_can_be_drawn(found: list[Series]) -> None:
    for plot in plots(of(*found)):
        ET.fromstring(plot.svg)
