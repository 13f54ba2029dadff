"""The figures of a run as tables."""

from __future__ import annotations

from msgspec import structs

from headrace.bench.record import Series
from headrace.bench.summary import figures, share, tables
from tests.bench.specimen import figure, specimen

KEY = ("redis", "drain", "throughput", "jobs/s")


def found(*series: Series) -> list[tuple[str, ...]]:
    """Return the head and the rows of the only table of some figures."""
    [table] = tables(structs.replace(specimen(), series=list(series)))
    return [table.grid.head, *table.grid.rows]


def test_there_is_a_table_for_each_workload_in_the_order_of_the_record() -> None:
    assert [table.workload for table in tables(specimen())] == [
        *("enqueue", "drain", "scaling", "latency", "sleep", "payload", "burst"),
        *("delayed", "faulty", "memory", "soak", "stages"),
    ]


def test_metrics_are_columns_with_their_share_of_the_floor() -> None:
    [enqueue, *_] = tables(specimen())
    assert enqueue.repetitions == "5"
    assert enqueue.grid.words == 2
    head = ("way", "subject", "throughput, jobs/s", "of floor", "cpu, µs/job")
    assert enqueue.grid.head == head
    assert enqueue.grid.rows[:2] == (
        ("sequential", "memory", "6,110 (5,988–6,232)", "4 %", "164 (160–167)"),
        ("sequential", "redis", "4,700 (4,606–4,794)", "4 %", "213 (209–217)"),
    )


def test_numbers_of_variants_rise_and_words_keep_their_order() -> None:
    ways = [
        figure(KEY, 1, {"way": way, "concurrency": concurrency})
        for way in ("sequential", "bulk")
        for concurrency in (100, 9.5, 1000)
    ]
    assert [row[:2] for row in found(*ways)[1:]] == [
        *(("sequential", "9.5"), ("sequential", "100"), ("sequential", "1,000")),
        *(("bulk", "9.5"), ("bulk", "100"), ("bulk", "1,000")),
    ]


def test_what_a_row_lacks_is_a_dash() -> None:
    other = ("saq", "drain", "cpu", "")
    assert found(figure(KEY, 100, {"workers": 2}, floor=200), figure(other, 7, {})) == [
        ("workers", "subject", "throughput, jobs/s", "of floor", "cpu"),
        ("–", "saq", "–", "–", "7.00 (6.86–7.14)"),
        ("2", "redis", "100 (98–102)", "50 %", "–"),
    ]


def test_the_same_metric_in_two_units_has_two_columns() -> None:
    both = figure(KEY, 100, {}), figure((*KEY[:3], "jobs/min"), 100, {})
    assert found(*both)[0] == ("subject", "throughput, jobs/s", "throughput, jobs/min")


def test_a_figure_that_is_there_twice_is_one_with_all_its_values() -> None:
    record = structs.replace(
        specimen(), series=[figure(KEY, 100, {"a": 1}), figure(KEY, 200, {"a": "1"}, floor=1)]
    )
    [series] = figures(record)
    assert len(series.values) == 10
    assert len(series.floor) == 5


def test_a_figure_without_values_is_left_out() -> None:
    empty = structs.replace(figure(KEY, 100, {}), values=[])
    assert tables(structs.replace(specimen(), series=[empty])) == []


def test_the_share_of_the_floor_is_all_where_there_is_nothing_left_to_gain() -> None:
    assert share(figure(KEY, 50, {}, floor=200)) == 0.25
    assert share(figure(KEY, 50, {}, floor=10, better="lower")) == 0.2
    assert share(figure(KEY, 50, {})) is None
    assert share(structs.replace(figure(KEY, 0, {}, better="lower"), floor=[1.0])) is None


def test_tables_tell_how_many_repetitions_there_were() -> None:
    fewer = structs.replace(figure(KEY, 100, {"a": 1}), values=[1.0, 2.0])
    [table] = tables(structs.replace(specimen(), series=[fewer, figure(KEY, 100, {})]))
    assert table.repetitions == "2 to 5"
