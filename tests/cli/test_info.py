from __future__ import annotations

import asyncio

import msgspec
import pytest

from headrace import Queue, Unavailable
from headrace.broker import QueueSpec
from headrace.cli.info import HEAD
from headrace.testing import FaultyBroker
from tests.cli.conftest import Command
from tests.cli.shop import URL

MODULE = "tests.cli.shop:shop"


def test_every_kind_of_job_is_counted(shop: Queue, headrace: Command) -> None:
    result = headrace("info", MODULE)
    assert result.exit_code == 0
    head, row = result.stdout.splitlines()
    assert tuple(head.split()) == HEAD
    assert row.split() == ["orders", "3", "1", "2", "1", "0", "2", "0:00:00", "no"]


def test_a_url_and_a_name_lead_to_the_same_queue(shop: Queue, headrace: Command) -> None:
    assert headrace("info", URL, "-q", "orders").stdout == headrace("info", MODULE).stdout


def test_without_a_name_a_url_shows_every_queue(
    shop: Queue, faulty: FaultyBroker, headrace: Command
) -> None:
    async def declare() -> None:
        await faulty.open()
        await faulty.declare(QueueSpec(name="mail", lanes=1))

    asyncio.run(declare())
    asyncio.run(shop.broker.open())
    result = headrace("info", URL)
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["mail", "0"],
        ["orders", "3"],
    ]
    assert "-" in result.stdout.splitlines()[1].split(), "nothing is ready, so nothing is old"


def test_json_is_one_object_for_each_queue(shop: Queue, headrace: Command) -> None:
    [line] = headrace("info", URL, "--json").stdout.splitlines()
    told = msgspec.json.decode(line)
    assert told.pop("oldest") >= 0
    assert told == {
        "queue": "orders",
        "ready": [1, 2],
        "delayed": 1,
        "running": 0,
        "dead": 2,
        "paused": False,
    }


def test_a_broker_without_queues_says_so(headrace: Command) -> None:
    result = headrace("info", "memory://")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no queue is declared there\n"
    assert headrace("info", "memory://", "--json").output == ""


def test_looking_creates_nothing(shop: Queue, faulty: FaultyBroker, headrace: Command) -> None:
    result = headrace("info", URL, "-q", "oders")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: no queue 'oders' is declared at shop://***@host; there are: 'orders'\n",
    )
    assert headrace("purge", URL, "--yes", "-q", "").exit_code == 2, "an empty name is none"
    result = headrace("pause", "memory://")
    assert result.stderr == (
        "Error: no queue 'default' is declared at memory://; there are: none\n"
    )
    assert len(headrace("info", URL).stdout.splitlines()) == 2


def test_a_module_names_its_queue_itself(shop: Queue, headrace: Command) -> None:
    result = headrace("info", MODULE, "-q", "orders")
    assert (result.exit_code, "-q goes with a broker's URL" in result.stderr) == (2, True)


@pytest.mark.parametrize("target", ["nonsense", "nowhere:queue", "tests.cli.shop:make"])
def test_a_target_that_is_none_is_told(headrace: Command, target: str) -> None:
    assert headrace("info", target).exit_code == 2


def test_the_name_can_come_from_the_environment(
    shop: Queue, headrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_INFO_QUEUE", "oders")
    assert headrace("info", URL).exit_code == 2


def test_a_broker_is_closed_behind_a_command_that_fails(
    shop: Queue, faulty: FaultyBroker, headrace: Command
) -> None:
    before = faulty.calls["close"]
    faulty.fail("stats", Unavailable("gone"))
    assert headrace("info", URL).exit_code == 4
    assert faulty.calls["close"] == before + 1
