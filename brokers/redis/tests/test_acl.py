"""The rights that the documentation recommends: enough, and for a worker none too many."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from brokers.redis.tests.conftest import Connect, Start
from headrace import AuthFailed
from headrace.broker import Cancelled, Control, QueueSpec
from headrace.outcome import Dead, Done, Release, Reschedule
from headrace.testing.conformance.lab import job
from headrace_redis import RedisBroker
from tests.servers import RedisServer

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "redis.md"
RULES = {
    text.split()[2]: text.split()
    for text in re.findall(r"^ACL SETUSER [^`]*", PAGE.read_text(), re.MULTILINE)
}
CALL = re.compile(
    r"""(?:call|indexed|try)\(\s*'(?P<command>[A-Z]+)'(?:,\s*'(?P<below>STREAM|GROUPS|CONSUMERS|CREATE|DELCONSUMER)')?"""
)
DRIVER = {"eval", "evalsha", "subscribe", "client|setname"}
PLAIN = {"ping", "info", "sadd", "smembers", "hmget", "xreadgroup"}

SPARED = {"info", "subscribe", "xpending", "zscore"}
"""Without these an app goes on, with less: unwarned, asking again and again, not knowing what runs;
the last one only matters while a worker holds a job that was cancelled."""


def granted(user: str) -> set[str]:
    """Return the commands that a user may run."""
    return {rule[1:] for rule in RULES[user] if rule.startswith("+")}


def login(server: RedisServer, user: str) -> str:
    """Make a user on a server, as documented, and return the URL that logs in."""
    with server.client() as client:
        client.execute_command(*RULES[user])
    return f"redis://{user}:password@127.0.0.1:{server.port}/0"


async def produce(broker: RedisBroker) -> None:
    await broker.declare(QueueSpec(name="q", lease=30.0))
    kept = [job("a"), job("b", delay=60), job("c"), job("d", attempt=1, meta=b"m", expires=60.0)]
    unique = [job("e", unique="k"), job("f", unique="k"), job("g", unique="l", unique_for=60.0)]
    await broker.enqueue("q", [*kept, *unique, job("a")], batch="1")
    await broker.enqueue("q", [*kept, *unique, job("a")], batch="1")
    await broker.lookup("q", ["a", "b", "nobody"])
    await broker.lookup("q", ["a", "b"], wait=0.1)
    answers = await broker.cancel("q", ["b", "c", "e", "nobody"])
    assert answers[0] is Cancelled.REMOVED
    await broker.stats("q")


async def work(broker: RedisBroker) -> None:
    await broker.declare(QueueSpec(name="q", lease=30.0))
    await broker.maintain("q", "w")
    await broker.claim("q", "w", 10, 0.1)
    leases = await broker.claim("q", "w", 10, 1)
    for number in range(8):
        await broker.enqueue("q", [job(f"w{number}", unique=f"w{number}")], batch=f"w{number}")
    leases += await broker.claim("q", "w", 10, 1)
    await broker.renew(leases)
    first, second, third, *others = leases
    await broker.settle([Release(first), Reschedule(second, 60.0, 1, b"m")])
    await broker.settle([Dead(third, "why", b"m", 1, None, 60.0)])
    await broker.settle([Done(lease, b"result", 60.0) for lease in others])
    await broker.maintain("q", "w")
    [letter] = await broker.dead("q")
    assert await broker.redrive("q", [letter.id]) == 1
    for op in Control:
        await broker.control("q", op)
    assert [spec.name for spec in await broker.queues()] == ["q"]


def test_a_worker_is_granted_what_the_scripts_run_and_nothing_else() -> None:
    lua = "".join(one.read_text() for one in (files("headrace_redis") / "lua").iterdir())
    found = (match.group("command", "below") for match in CALL.finditer(lua))
    commands = {"|".join(filter(None, words)).lower() for words in found}
    assert granted("worker") == commands | DRIVER | PLAIN


def test_an_app_is_granted_less_than_a_worker() -> None:
    assert granted("app") < granted("worker")


@pytest.mark.anyio
@pytest.mark.parametrize("track", ["yes", "no"])
@pytest.mark.parametrize("name", ["valkey-9.1", "redis-6.2", "redis-path"])
async def test_the_rights_are_enough(start: Start, connect: Connect, name: str, track: str) -> None:
    server = start(name)
    await produce(await connect(f"{login(server, 'app')}?track={track}"))
    await work(await connect(f"{login(server, 'worker')}?track={track}"))


@pytest.mark.anyio
async def test_an_app_may_not_work(own_valkey: RedisServer, connect: Connect) -> None:
    broker = await connect(login(own_valkey, "app"))
    await produce(broker)
    with pytest.raises(AuthFailed, match="zrangebyscore"):
        await broker.claim("q", "w", 1, 0)


@pytest.mark.anyio
@pytest.mark.parametrize("right", sorted(granted("app") - SPARED))
async def test_no_right_of_an_app_can_be_spared(
    own_valkey: RedisServer, connect: Connect, right: str
) -> None:
    url = login(own_valkey, "app")
    with own_valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "app", f"-{right}")
    with pytest.raises(AuthFailed):
        for track in ("yes", "no"):
            await produce(await connect(f"{url}?track={track}&prefix=headrace"))
            with own_valkey.client() as client:
                client.flushdb()


@pytest.mark.anyio
async def test_keys_of_another_prefix_are_out_of_reach(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(f"{login(own_valkey, 'worker')}?prefix=other")
    with pytest.raises(AuthFailed):
        await broker.declare(QueueSpec(name="q"))


@pytest.mark.anyio
async def test_without_xpending_no_lease_looks_lost(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(login(own_valkey, "worker"))
    await broker.declare(QueueSpec(name="q", lease=30.0))
    await broker.enqueue("q", [job("a")], batch="1")
    leases = await broker.claim("q", "w", 1, 0)
    with own_valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "worker", "-xpending")
    with pytest.raises(AuthFailed):
        await broker.renew(leases)
    with pytest.raises(AuthFailed):
        await broker.cancel("q", ["a"])
    with pytest.raises(AuthFailed):
        await broker.settle([Release(leases[0])])
