"""The scripts: each is a file, and the server knows it by its digest."""

from __future__ import annotations

import re
from hashlib import sha1
from importlib.resources import files
from pathlib import Path

import pytest

import headrace_redis
from brokers.redis.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from headrace_redis import scripts
from headrace_redis.keys import LUA
from headrace_redis.scripts import Script
from tests.servers import RedisServer

SCRIPTS = {name: one for name, one in vars(scripts).items() if isinstance(one, Script)}
LUA_FILES = files("headrace_redis") / "lua"
PARTS = [
    "queue.lua",
    "index.lua",
    "ending.lua",
    "leases.lua",
    "jobs.lua",
    "delayed.lua",
    "letters.lua",
]
DEFINED = re.compile(r"^local function (\w+)", re.MULTILINE)
SOURCES = list(Path(headrace_redis.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_named_for_its_verb_and_known_by_its_digest(name: str) -> None:
    script = SCRIPTS[name]
    assert script.name == name.lower()
    assert script.digest == sha1(script.text.encode()).hexdigest()
    assert script.text.startswith(LUA)


def test_every_file_is_loaded() -> None:
    names = {f"{script.name}.lua" for script in SCRIPTS.values()} | set(PARTS)
    assert {one.name for one in LUA_FILES.iterdir()} == names


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_has_the_parts_that_it_needs(name: str) -> None:
    text = SCRIPTS[name].text
    there = set(DEFINED.findall(text))
    for part in PARTS:
        defined = DEFINED.findall((LUA_FILES / part).read_text())
        used = {one for one in defined if re.search(rf"\b{one}\(", text)}
        assert used <= there, f"{part} is missing"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_used(name: str) -> None:
    users = [one.name for one in SOURCES if one.name != "scripts.py" and name in one.read_text()]
    assert users != []


@pytest.mark.anyio
async def test_a_server_that_forgot_the_scripts_is_told_again(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q"))
    with own_valkey.client() as client:
        client.script_flush()
        await broker.enqueue("q", [job("a")], batch="1")
        client.script_flush()
        [lease] = await broker.claim("q", "w", 1, 0)
        client.script_flush()
        assert await broker.renew([lease]) != []
        client.script_flush()
        assert await broker.settle([Done(lease)]) == [True]


@pytest.mark.anyio
async def test_a_script_that_the_server_knows_is_not_sent_again(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q"))
    await broker.stats("q")
    with own_valkey.client() as client:
        client.config_resetstat()
        await broker.stats("q")
        calls = client.info("commandstats")
    assert calls["cmdstat_evalsha"]["calls"] == 1
    assert "cmdstat_eval" not in calls
