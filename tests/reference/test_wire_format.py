"""The page of the wire format is what the code writes and reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from headrace import RetryPolicy
from headrace.codec import VERSION, Envelope, Failure, Settings, decode_envelope, encode
from tests.reference.page import column, rows, sections

PAGE = sections("wire-format.md")


@dataclass
class Point:
    x: int


class Line(msgspec.Struct):
    y: int


class Colour(Enum):
    RED = "red"


SAMPLES: dict[str, list[tuple[Any, Any]]] = {
    "the same": [(None, None), (True, True), (2**63, 2**63), (0.5, 0.5), ("a", "a"), (b"a", b"a")],
    "array": [([1], [1]), ((1,), [1]), ({1}, [1]), (frozenset({1}), [1])],
    "map": [({"a": 1}, {"a": 1}), (Point(1), {"x": 1}), (Line(1), {"y": 1})],
    "timestamp extension (−1)": [  # noqa: RUF001
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    ],
    "str, RFC 3339": [
        (datetime(2026, 1, 1), "2026-01-01T00:00:00"),  # noqa: DTZ001 - without a zone
        (date(2026, 1, 1), "2026-01-01"),
        (time(1, 2), "01:02:00"),
    ],
    "str, ISO 8601 duration": [(timedelta(seconds=90), "PT90S")],
    "str": [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("1.50"), "1.50"),
        (Path("a/b"), "a/b"),
    ],
    "its value": [(Colour.RED, "red")],
}


def test_every_row_of_values_has_a_sample() -> None:
    assert [row[1] for row in rows(PAGE["Values"])] == list(SAMPLES)


@pytest.mark.parametrize(
    ("value", "plain"), [pair for pairs in SAMPLES.values() for pair in pairs], ids=repr
)
def test_values_travel_as_the_page_says(value: Any, plain: Any) -> None:
    assert msgspec.msgpack.decode(encode(value)) == plain


def test_the_elements_of_the_envelope_are_there() -> None:
    told = [row[1].replace(" ", "_") for row in rows(PAGE["The envelope"])]
    assert told == list(Envelope.__struct_fields__)
    assert f"Version {VERSION}." in PAGE["Wire format"]


def test_the_keys_of_the_settings_are_there() -> None:
    told = [key for cell in column(PAGE["Settings"], 0) for key in re.findall(r"\w+", cell)]
    assert told == list(Settings.__struct_fields__)
    numbers = re.findall(r"`\[(.*?)\]`", PAGE["Settings"])[0].split(", ")
    assert numbers == list(type(RetryPolicy().numbers()).__struct_fields__)


def test_the_keys_of_a_failure_are_there() -> None:
    failure = PAGE["Results and failures"].split("is a map:")[1]
    assert re.findall(r"`(\w+)`", failure) == list(Failure.__struct_fields__)


def test_the_bytes_are_an_envelope() -> None:
    lines = PAGE["The envelope"].split("```text\n")[1].split("```")[0].splitlines()
    body = bytes.fromhex("".join(line.strip()[:33].split("  ")[0] for line in lines))
    read = decode_envelope(body)
    assert (read.version, read.task, read.enqueued_at) == (1, "send", 1_750_000_000_000)
    assert msgspec.msgpack.decode(read.args) == [1, "x"]
    assert msgspec.msgpack.decode(read.kwargs) == {"html": True}
    assert encode(read) == body
