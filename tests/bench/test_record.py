"""A run of benchmarks as it is kept in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from headrace.bench.record import (
    InvalidRecord,
    Machine,
    Record,
    Series,
    read_record,
    write_record,
)

RECORD = Record(
    began=1_700_000_000.5,
    took=12.5,
    complete=True,
    command="headrace bench memory://",
    machine=Machine(
        system="Linux 6.1 x86_64",
        processor="a processor",
        cores=2,
        memory=1 << 30,
        python="CPython 3.11.7",
        event_loop="uvloop 0.23.0",
    ),
    versions={"headrace": "0.1.0"},
    settings={"repetitions": 3},
    load=(0.25, 1.5),
    series=[
        Series(
            subject="memory",
            workload="drain",
            variant={"concurrency": 100, "results": "off"},
            metric="throughput",
            unit="jobs/s",
            better="higher",
            values=[3.0, 1.0, 2.0],
            floor=[4.0, 4.0, 4.0],
        )
    ],
    notes=["nats was left out: there is no server here"],
)


def test_a_run_comes_back_from_its_file(tmp_path: Path) -> None:
    write_record(RECORD, tmp_path / "run.json")
    assert read_record(tmp_path / "run.json") == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_series_tells_its_median_and_spread() -> None:
    [series] = RECORD.series
    assert (series.middle, series.spread) == (2.0, (1.0, 3.0))


def test_a_series_has_the_same_key_whatever_it_found() -> None:
    [series] = RECORD.series
    other = structs.replace(series, values=[9.0], variant={"results": "off", "concurrency": 100})
    assert series.key == other.key
    assert series.key != structs.replace(series, variant={"results": "off"}).key


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '"x"', "\x00"])
def test_a_file_that_holds_no_run_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InvalidRecord, match=r"x\.json"):
        read_record(path)


def test_a_run_of_another_format_says_which(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_record(structs.replace(RECORD, format=99), path)
    with pytest.raises(InvalidRecord, match="format 99"):
        read_record(path)
