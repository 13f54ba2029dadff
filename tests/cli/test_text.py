from __future__ import annotations

import msgspec
import pytest

from headrace.cli.text import cut, escaped, json_line, plain, table
from tests.cli.shop import EVIL


def test_what_is_not_printable_is_escaped() -> None:
    assert escaped(EVIL) == r"no \x1b[2Jmoney\nERROR forged \u202e \x9b1m"
    assert escaped("Zürich 東京 🚚 \ud800") == "Zürich 東京 🚚 \\ud800"


@pytest.mark.parametrize(
    ("value", "word"), [("one", "one"), ("two words", "'two words'"), ("", "''"), (3, "3")]
)
def test_a_value_is_one_word(value: object, word: str) -> None:
    assert plain(value) == word


def test_a_table_has_columns_and_no_empty_ends() -> None:
    assert table([("id", "x", ""), ("longer", "a\nb", "end")]) == ("id      x\nlonger  a\\nb  end")


def test_a_text_is_cut() -> None:
    assert (cut("12345", 5), cut("123456", 5)) == ("12345", "1234…")


@pytest.mark.parametrize("value", [EVIL, {"a": EVIL}, [1, 2.5, None, True], "Zürich 🚚 \U000e0001"])
def test_json_is_one_printable_line_that_says_the_same(value: object) -> None:
    line = json_line(value)
    assert line.isprintable()
    assert msgspec.json.decode(line) == value


@pytest.mark.parametrize("value", [{None: 1}, [object], "\ud800"])
def test_what_json_has_not_becomes_text(value: object) -> None:
    assert isinstance(str(msgspec.json.decode(json_line(value))), str)


def test_a_nest_that_is_too_deep_is_no_error() -> None:
    nest: list[object] = []
    for _ in range(100_000):
        nest = [nest]
    assert json_line(nest) == '"nested too deeply to be shown"'
    while nest:
        [nest] = nest  # type: ignore[assignment]
