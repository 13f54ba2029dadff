from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from headrace import Queue
from headrace.codec import decode_envelope
from headrace.job import Lease
from tests.cli.conftest import Command
from tests.cli.shop import URL

MODULE = "tests.cli.shop:shop"
TARGETS = [(MODULE,), (URL, "-q", "orders")]


@pytest.fixture
def empty(shop: Queue, headrace: Command) -> Queue:
    """The shop without any job."""
    headrace("purge", MODULE, "--yes")
    return shop


def claim(queue: Queue) -> list[Lease]:
    async def opened() -> list[Lease]:
        async with queue:
            return await queue.broker.claim(queue.name, "worker", 10, 0)

    return asyncio.run(opened())


def arguments(lease: Lease) -> tuple[Any, Any]:
    envelope = decode_envelope(lease.body)
    return msgspec.msgpack.decode(envelope.args), msgspec.msgpack.decode(envelope.kwargs)


@pytest.mark.parametrize("target", TARGETS)
def test_a_job_is_stored_and_its_id_printed(
    empty: Queue, headrace: Command, target: tuple[str, ...]
) -> None:
    result = headrace("enqueue", target[0], "ship", "42", *target[1:])
    assert (result.exit_code, result.stderr) == (0, "")
    [lease] = claim(empty)
    assert result.stdout == f"{lease.id}\n"
    assert decode_envelope(lease.body).task == "ship"


def test_what_is_no_json_is_a_string(empty: Queue, headrace: Command) -> None:
    args = ["42", "hello", '"42"', '{"a": [1, null]}', "007", "1e999", "", "{a", "a=b", "2.5"]
    named = ["-k", "one=1", "-k", "two=x=y", "-k", 'three="3"', "-k", "task=t", "-k", "self=s"]
    kwargs = ["--kwargs", '{"one": 0, "four": {"x": true}}']
    result = headrace("enqueue", URL, "far", "-q", "orders", *named, *kwargs, "--", *args, "-5")
    assert result.exit_code == 0, result.stderr
    [lease] = claim(empty)
    assert arguments(lease) == (
        [42, "hello", "42", {"a": [1, None]}, "007", "1e999", "", "{a", "a=b", 2.5, -5],
        {"one": 1, "four": {"x": True}, "two": "x=y", "three": "3", "task": "t", "self": "s"},
    )


def test_options_reach_the_broker(empty: Queue, headrace: Command) -> None:
    options = ["--priority", "0", "--unique", "key", "--job-id", "mine", "--expires", "60"]
    first = headrace("enqueue", MODULE, "ship", "1", *options)
    assert first.stdout == "mine\n"
    again = headrace("enqueue", MODULE, "ship", "2", "--unique", "key")
    assert (again.exit_code, again.stdout) == (0, "mine\n")
    assert again.stderr == "this job was there already\n"
    headrace("enqueue", MODULE, "ship", "3", "--delay", "3600")
    told = msgspec.json.decode(headrace("info", MODULE, "--json").stdout)
    assert (told["ready"], told["delayed"]) == ([1, 0], 1)


@pytest.mark.parametrize("target", TARGETS)
def test_waiting_prints_the_result(
    empty: Queue, headrace: Command, target: tuple[str, ...]
) -> None:
    call = ["ship", "7", "-k", "express=true", "--wait", "10"]
    result = headrace("enqueue", target[0], *call, *target[1:])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:] == ['"shipped 7 at once for 5 €"']


def test_a_job_that_fails_exits_1(empty: Queue, headrace: Command) -> None:
    result = headrace("enqueue", MODULE, "bill", "Bob", "--wait", "10")
    assert result.exit_code == 1
    [job_id] = result.stdout.splitlines()
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert line == (
        f"Error: job '{job_id}' is dead (attempts used up (2)): "
        r"ValueError: no \x1b[2Jmoney\nERROR forged \u202e \x9b1m"
    )


def test_a_job_that_is_not_over_in_time_exits_1(empty: Queue, headrace: Command) -> None:
    result = headrace("enqueue", MODULE, "ship", "7", "--wait", "0")
    assert (result.exit_code, "no result in time; it goes on" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (["shop"], "queue 'orders' has no task 'shop'; there are: ['bill', 'ship']"),
        (["ship"], "task 'ship': "),
        (["ship", "seven"], "task 'ship': Expected `int`, got `str`"),
        (["ship", "7", "-k", "late=1"], "task 'ship': "),
        (["ship", "7", "--priority", "2"], "the queue has lanes 0 to 1"),
        (["ship", "7", "--delay", "-1"], "delay is a finite number of seconds"),
        (["ship", "7", "--delay", "nan"], "delay is a finite number of seconds"),
        (["ship", "7", "--delay", "5", "--expires", "1"], "must be later than delay"),
        (["ship", "7", "--job-id", "a b"], "job_id is 1 to 64 of"),
        (["ship", "7", "--kwargs", "[]"], "--kwargs takes a JSON object: Expected `object`"),
        (["ship", "7", "--kwargs", "{"], "--kwargs takes a JSON object: "),
        (["ship", "7", "-k", "express"], "-k takes name=value, not 'express'"),
        (["ship", "7", "-k", "=1"], "-k takes name=value, not '=1'"),
        (["ship", str(2**70)], "task 'ship': "),
        (["bill", "\udcff"], "task 'bill': "),
    ],
)
def test_mistakes_exit_2_and_store_nothing(
    empty: Queue, headrace: Command, wrong: list[str], problem: str
) -> None:
    result = headrace("enqueue", MODULE, *wrong)
    assert result.exit_code == 2
    assert problem in result.stderr.splitlines()[-1]
    assert claim(empty) == []


@pytest.mark.parametrize("task", ["", "\udcff", "new\nline"])
def test_a_task_has_a_name_that_can_be_printed(empty: Queue, headrace: Command, task: str) -> None:
    assert headrace("enqueue", URL, task, "-q", "orders").exit_code == 2
    assert claim(empty) == []
