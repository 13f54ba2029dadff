"""Pages that compare are themselves compared: with the code, with the figures, with each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.broker import Capability
from headrace.plugins import broker_from_url

DOCS = Path(__file__).parent.parent / "docs"
BROKERS = DOCS / "explanation" / "brokers.md"
FIGURE = re.compile(r"\b\d+,\d{3}\b|\b\d+\.\d\d\b")
FIELD = (
    *("job", "task", "queue", "worker", "broker", "producer", "lease", "lane", "attempt"),
    *("delivery", "dead letter", "backoff", "fencing", "grace", "claim", "settle", "outcome"),
    *("retry", "snooze", "release", "requeue", "prefetch", "middleware", "idempotent", "tick"),
    *("schedule", "misfire", "unique key", "poison", "supervisor", "capability", "wire format"),
)
"""Words that no page explains twice."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def table(page: Path, corner: str) -> list[list[str]]:
    """Return the cells of the table whose first cell is given, without the rule below its head."""
    lines = page.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {corner} |"))
    rows = lines[start:]
    end = next((number for number, line in enumerate(rows) if not line.startswith("|")), len(rows))
    return [cells(line) for line in rows[:end] if not line.startswith("|---")]


def terms() -> list[str]:
    return re.findall(r"^- \*\*(.+?)\*\*: ", (DOCS / "glossary.md").read_text(), re.MULTILINE)


def test_the_capabilities_are_those_that_brokers_declare() -> None:
    pytest.importorskip("headrace_redis")
    pytest.importorskip("headrace_nats")
    head, *rows = table(BROKERS, "capability")
    told: dict[str, Capability] = {}
    for column, url in enumerate(head[1:], start=1):
        said = {row[0].split("`")[1]: row[column] for row in rows}
        assert said.keys() == {one.name for one in Capability}
        assert set(said.values()) <= {"yes", "no"}
        granted = [Capability[name] for name, answer in said.items() if answer == "yes"]
        told[url.strip("`")] = Capability(sum(one.value for one in granted))
    assert told == {url: broker_from_url(url).capabilities for url in told}
    assert len(told) == 5


def test_figures_of_the_comparison_are_those_of_the_benchmarks() -> None:
    section = BROKERS.read_text().split("## What it costs")[1].split("There are no figures")[0]
    figures = FIGURE.findall(section)
    assert len(figures) > 10
    assert set(figures) <= set(FIGURE.findall((DOCS / "benchmarks.md").read_text()))


def test_memory_of_the_comparison_is_what_the_page_of_redis_says() -> None:
    for page in (BROKERS, DOCS / "how-to" / "redis.md"):
        text = " ".join(page.read_text().split())
        assert "137 MB of a" in text
        assert "74 MB" in text


@pytest.mark.parametrize("term", FIELD)
def test_the_words_of_the_field_are_explained(term: str) -> None:
    assert term in terms()


def test_the_glossary_is_in_order_and_has_no_word_twice() -> None:
    assert terms() == sorted(set(terms()), key=lambda term: term.replace("_", " "))


def test_each_term_has_one_line() -> None:
    body = (DOCS / "glossary.md").read_text().split("\n\n", 1)[1]
    assert len(body.splitlines()) == len(terms())
