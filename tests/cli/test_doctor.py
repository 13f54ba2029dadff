from __future__ import annotations

import msgspec
import pytest

from headrace import Queue, UnknownScheme
from headrace.finding import Finding, Verdict
from headrace.testing import FaultyBroker
from tests.cli import shop as shop_module
from tests.cli.conftest import Command
from tests.cli.shop import EVIL, URL, Served


class Sick(Served):
    """A broker whose server is set up in a way that would lose jobs."""

    async def examine(self) -> list[Finding]:
        return [
            Finding("connection", Verdict.OK, "connected"),
            Finding("eviction", Verdict.REFUSED, f"it evicts: {EVIL}", "set noeviction"),
        ]


def test_findings_are_told_with_their_remedies(headrace: Command) -> None:
    result = headrace("doctor", "memory://")
    assert result.exit_code == 0, "a warning is no failure"
    assert [line.split() for line in result.stdout.splitlines()[:2]] == [
        ["ok", "connection", "in", "this", "process"],
        ["warning", "durability", "jobs", "end", "with", "this", "process"],
    ]
    assert result.stdout.splitlines()[2].strip() == (
        "remedy: choose a broker outside of this process by its URL"
    )


@pytest.mark.parametrize("target", [URL, "tests.cli.shop:shop"])
def test_it_needs_no_queue_and_leaves_the_broker_as_it_is(
    shop: Queue, faulty: FaultyBroker, headrace: Command, target: str
) -> None:
    calls = faulty.calls.copy()
    assert headrace("doctor", target).exit_code == 0
    assert faulty.calls - calls == {"examine": 1}


def test_what_is_refused_exits_3(
    shop: Queue, headrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_module, "shop", Queue(Sick()))
    result = headrace("doctor", URL)
    assert result.exit_code == 3
    ok, refused, remedy = result.stdout.splitlines()
    assert ok.startswith("ok ")
    assert refused.startswith("refused  eviction    it evicts: no \\x1b[2Jmoney\\nERROR forged")
    assert remedy.strip() == "remedy: set noeviction"
    result = headrace("doctor", URL, "--json")
    assert result.exit_code == 3
    assert [msgspec.json.decode(line) for line in result.stdout.splitlines()] == [
        {"check": "connection", "verdict": "ok", "detail": "connected", "remedy": ""},
        {
            "check": "eviction",
            "verdict": "refused",
            "detail": f"it evicts: {EVIL}",
            "remedy": "set noeviction",
        },
    ]


def test_a_url_that_nobody_serves_exits_2(headrace: Command) -> None:
    result = headrace("doctor", "nobody://user:hunter2@host")
    assert (result.exit_code, "no broker serves nobody://" in result.stderr) == (2, True)
    assert "hunter2" not in result.output
    assert UnknownScheme.__name__ not in result.stderr
