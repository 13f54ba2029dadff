"""The names of the keys: those of a queue share a slot, and each is written down once."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest
from redis.crc import key_slot

from brokers.redis.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.outcome import Dead, Done
from headrace.testing.conformance.lab import job
from headrace_redis.keys import GROUP, LUA, SUFFIXES, channel, lane, queue_prefix, queues
from tests.servers import RedisServer

SCRIPTS = sorted((one.name, one.read_text()) for one in (files("headrace_redis") / "lua").iterdir())


def test_all_keys_of_a_queue_are_in_one_slot() -> None:
    prefix = queue_prefix("headrace", "mail")
    assert prefix == "headrace:{mail}:"
    slots = {key_slot(f"{prefix}{suffix}x".encode()) for suffix in SUFFIXES.values()}
    assert slots == {key_slot(b"mail")}
    assert lane(prefix, 2) == "headrace:{mail}:s2"


def test_no_key_can_be_taken_for_another() -> None:
    """What goes on with a text of a caller's ends in a colon, and lanes go on with a digit."""
    grow = {"LANE", "INDEX", "HELD", "BATCH", "RESULT"}
    fixed = {suffix for name, suffix in SUFFIXES.items() if name not in grow}
    for name in grow - {"LANE"}:
        assert SUFFIXES[name].endswith(":")
    assert len(set(SUFFIXES.values())) == len(SUFFIXES)
    assert not any(re.fullmatch(r"s\d+|[ibtr]:.*", suffix) for suffix in fixed)


def test_queues_and_channels_are_apart_from_the_queues_keys() -> None:
    assert queues("shop") == "shop:queues"
    assert channel("shop", "me") == "shop:over:me"


def test_the_scripts_know_every_name() -> None:
    names = dict(re.findall(r"local (\w+) = KEYS\[1\] \.\. '([^']*)'", LUA))
    assert names == SUFFIXES
    assert f"local GROUP = '{GROUP}'\n" in LUA


@pytest.mark.parametrize(("name", "text"), SCRIPTS, ids=[name for name, _ in SCRIPTS])
def test_no_script_makes_up_a_key(name: str, text: str) -> None:
    assert "KEYS" not in text
    used = set(re.findall(r"\b[A-Z]{4,}\b(?= \.\.)|(?:call|pcall)\('[A-Z]+', ([A-Z]+)", text))
    assert used - {""} <= {*SUFFIXES, "GROUP"}


@pytest.mark.anyio
async def test_everything_that_is_stored_has_a_name_of_the_table(
    valkey: RedisServer, keys: Any, connect: Connect
) -> None:
    broker = await connect(f"{valkey.url}?prefix=table")
    queue = f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lanes=2))
    jobs = [
        job("a", unique="until over"),
        job("b", unique="for long", unique_for=60.0),
        job("c", delay=60.0),
        job("d", unique="until over, too"),
    ]
    await broker.enqueue(queue, jobs, batch=new_id())
    await broker.lookup(queue, ["c"], wait=0.01)
    leases = await broker.claim(queue, "w", 10, 0)
    await broker.cancel(queue, [leases[1].id])
    await broker.maintain(queue, "w")
    await broker.settle([Dead(leases[0], "bad", b"", 1, None, 60.0)])
    prefix = queue_prefix("table", queue)
    found = {key.removeprefix(prefix) for key in keys.scan_iter(f"{prefix}*")}
    kinds = {name for name, suffix in SUFFIXES.items() if any(k.startswith(suffix) for k in found)}
    assert kinds == set(SUFFIXES)
    await broker.settle([Done(lease) for lease in leases[1:]])
    await broker.cancel(queue, ["c"])
    await broker.redrive(queue, ["a"])
    [again] = await broker.claim(queue, "w", 10, 0)
    await broker.settle([Done(again)])


@pytest.mark.anyio
async def test_queues_of_different_prefixes_know_nothing_of_each_other(
    valkey: RedisServer, keys: Any, connect: Connect
) -> None:
    ours = await connect(f"{valkey.url}?prefix=ours")
    theirs = await connect(f"{valkey.url}?prefix=theirs")
    queue = f"q-{new_id()}"
    for broker in (ours, theirs):
        await broker.declare(QueueSpec(name=queue))
    await ours.enqueue(queue, [job("a")], batch="b")
    assert await theirs.claim(queue, "w", 10, 0) == []
    assert await theirs.lookup(queue, ["a"]) == [None]
    assert await theirs.enqueue(queue, [job("a", body=b"other")], batch="b") == [None]
    for broker, body in ((ours, b"body"), (theirs, b"other")):
        [lease] = await broker.claim(queue, "w", 10, 0)
        assert lease.body == body
        await broker.settle([Done(lease)])
