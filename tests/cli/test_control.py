"""`headrace pause`, `resume` and `purge`."""

from __future__ import annotations

import pytest

from headrace import Queue
from tests.cli.conftest import Command
from tests.cli.shop import URL

TARGETS = [("tests.cli.shop:shop",), (URL, "-q", "orders")]


def row(headrace: Command) -> list[str]:
    return headrace("info", URL).stdout.splitlines()[1].split()


@pytest.mark.parametrize("target", TARGETS)
def test_a_queue_is_paused_and_resumed(
    shop: Queue, headrace: Command, target: tuple[str, ...]
) -> None:
    for _ in range(2):
        assert headrace("pause", *target).stdout == "queue 'orders' is paused\n"
        assert row(headrace)[-1] == "yes"
    for _ in range(2):
        assert headrace("resume", *target).stdout == "queue 'orders' hands out jobs\n"
        assert row(headrace)[-1] == "no"


@pytest.mark.parametrize("target", TARGETS)
def test_a_purge_asks_first(shop: Queue, headrace: Command, target: tuple[str, ...]) -> None:
    for answer in ("n\n", ""):
        result = headrace("purge", *target, answer=answer)
        assert (result.exit_code, row(headrace)[1]) == (1, "3")
        assert result.stderr.startswith("Drop what waits in 'orders' (3 ready, 1 delayed)?")
    result = headrace("purge", *target, answer="y\n")
    assert (result.exit_code, result.stdout) == (0, "jobs dropped: 4\n")
    assert row(headrace)[1:6] == ["0", "0", "0", "0", "0"]
    assert row(headrace)[6] == "2", "dead letters stay"


def test_a_purge_need_not_ask(shop: Queue, headrace: Command) -> None:
    assert headrace("purge", URL, "-q", "orders", "--yes").stdout == "jobs dropped: 4\n"
