"""Figures as they come out of a measurement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.bench.figure import cpu, percentiles, throughput
from headrace.bench.soak import Sample, judged


def test_throughput_and_cost_are_for_each_second_and_each_job() -> None:
    assert throughput(500, 2.0).value == 250
    assert cpu(500, 0.001).value == pytest.approx(2.0)


def test_percentiles_are_in_milliseconds_and_each_was_measured() -> None:
    found = {figure.metric: figure.value for figure in percentiles([n / 1000 for n in range(1000)])}
    expected = {"p50": 499, "p90": 899, "p99": 989, "p99.9": 998, "max": 999}
    assert found == {name: pytest.approx(value) for name, value in expected.items()}


@given(st.lists(st.floats(0, 10), min_size=1))
def test_percentiles_rise_up_to_the_greatest_value(seconds: list[float]) -> None:
    values = [figure.value for figure in percentiles(seconds)]
    assert values == sorted(values)
    assert values[-1] == 1000 * max(seconds)
    assert all(value in [1000 * one for one in seconds] for value in values)


def soaked(*rates: int, rss: float = 50.0) -> dict[str, float]:
    """Return what is found of a soak that went on at these rates for a second each."""
    samples, finished = [Sample(0, 0, 0, 40.0)], 0
    for second, rate in enumerate(rates, start=1):
        finished += rate
        samples.append(Sample(second, finished, 10 * second, rss + second))
    return {figure.metric: figure.value for figure in judged(samples)}


def test_a_soak_that_keeps_its_pace_does_not_drift() -> None:
    found = soaked(100, 100, 100, 100)
    assert (found["drift"], found["throughput"]) == (0, 100)


def test_a_soak_that_gets_slower_drifts_by_the_share_that_it_lost() -> None:
    assert soaked(100, 100, 50, 50)["drift"] == 50


def test_a_soak_tells_by_how_much_the_worker_grew_after_it_had_settled() -> None:
    assert soaked(*[100] * 20)["growth"] == pytest.approx(18.0)
