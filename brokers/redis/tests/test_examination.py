"""What must be true of a server: told by `judge`, and by real servers that are set up wrongly."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from brokers.redis.tests.conftest import Connect, Start
from headrace import AuthFailed, Unavailable, Unsupported, Verdict
from headrace.broker import QueueSpec
from headrace_redis import RedisBroker
from headrace_redis.examination import judge, read_info
from tests.conftest import records_of
from tests.servers import free_port

WELL = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
}


def verdicts(**changes: str) -> dict[str, Verdict]:
    """Return what is not well about a server that is well but for some changes."""
    findings = judge({**WELL, **changes})
    return {one.check: one.verdict for one in findings if one.verdict is not Verdict.OK}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"redis_version": "6.2.0"}, {}),
        ({"redis_version": "10.0.1"}, {}),
        ({"redis_version": "6.0.16"}, {"version": Verdict.REFUSED}),
        ({"redis_version": "5.0.14"}, {"version": Verdict.REFUSED}),
        ({"redis_version": "unstable"}, {"version": Verdict.REFUSED}),
        ({"redis_version": "6.0.0", "valkey_version": "9.1.2"}, {}),
        ({"role": "slave"}, {"role": Verdict.REFUSED}),
        ({"maxmemory_policy": "allkeys-lru"}, {}),
        ({"maxmemory": "1000"}, {}),
        ({"maxmemory": "1000", "maxmemory_policy": "allkeys-lru"}, {"eviction": Verdict.REFUSED}),
        ({"maxmemory": "1000", "maxmemory_policy": "volatile-ttl"}, {"eviction": Verdict.REFUSED}),
        ({"aof_enabled": "0"}, {"persistence": Verdict.WARNING}),
        ({"aof_last_write_status": "err"}, {"disk": Verdict.WARNING}),
        ({"rdb_last_bgsave_status": "err"}, {"disk": Verdict.WARNING}),
        ({"aof_enabled": "0", "aof_last_write_status": "err"}, {"persistence": Verdict.WARNING}),
    ],
)
def test_a_server_is_judged_by_what_it_says_of_itself(
    changes: dict[str, str], expected: dict[str, Verdict]
) -> None:
    assert verdicts(**changes) == expected


def test_what_is_not_well_has_a_remedy_and_what_is_well_has_none() -> None:
    sick = {**WELL, "redis_version": "5.0", "role": "slave", "maxmemory": "1", "aof_enabled": "0"}
    for finding in judge({**sick, "maxmemory_policy": "allkeys-lru"}):
        assert (finding.remedy == "") == (finding.verdict is Verdict.OK)


def test_a_server_that_says_nothing_is_refused_for_its_version() -> None:
    found = {one.check: one.verdict for one in judge({})}
    assert found["version"] is Verdict.REFUSED


def test_info_is_read_by_name() -> None:
    reply = b"# Server\r\nredis_version:7.0\r\nexecutable:/a:b\r\n\r\nrole:master\r\n"
    assert read_info(reply) == {"redis_version": "7.0", "executable": "/a:b", "role": "master"}


pytestmark = pytest.mark.anyio


async def test_a_server_that_evicts_is_refused_with_the_remedy(start: Start) -> None:
    server = start(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    with pytest.raises(Unsupported, match="CONFIG SET maxmemory-policy noeviction"):
        await RedisBroker(server.url).open()
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
    broker = RedisBroker(server.url)
    await broker.open()
    await broker.close()


async def test_a_replica_is_refused_for_now(start: Start) -> None:
    primary = start()
    replica = start(replicaof=f"127.0.0.1 {primary.port}")
    with pytest.raises(Unavailable, match=r"redis\+sentinel://"):
        await RedisBroker(replica.url).open()


@pytest.mark.parametrize("userinfo", ["", ":hunter2@", "nobody:hunter2@"])
async def test_wrong_credentials_are_refused(start: Start, userinfo: str) -> None:
    server = start(requirepass="the right one")
    url = f"redis://{userinfo}127.0.0.1:{server.port}"
    with pytest.raises(AuthFailed) as caught:
        await RedisBroker(url).open()
    assert "hunter2" not in str(caught.value)
    [finding] = await RedisBroker(url).examine()
    assert (finding.check, finding.verdict) == ("credentials", Verdict.REFUSED)
    assert "hunter2" not in f"{finding}"


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable):
        await RedisBroker(url).open()
    [finding] = await RedisBroker(url).examine()
    assert (finding.check, finding.verdict) == ("connection", Verdict.REFUSED)
    assert finding.remedy != ""


async def test_who_may_not_ask_for_info_is_warned_and_served(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    with server.client() as client:
        client.execute_command(
            *"ACL SETUSER shop on >secret ~* &* +@all -info".split()  # noqa: SIM905
        )
    url = f"redis://shop:secret@127.0.0.1:{server.port}"
    broker = RedisBroker(url)
    await broker.open()
    [finding] = await broker.examine()
    await broker.declare(QueueSpec(name="q"))
    await broker.close()
    assert (finding.check, finding.verdict) == ("settings", Verdict.WARNING)
    [record] = records_of(caplog)
    assert record.levelno == logging.WARNING


async def test_missing_persistence_is_warned_of_once(
    start: Start, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    for _ in range(3):
        await connect(f"redis://:@127.0.0.1:{server.port}/0")
    [record] = records_of(caplog)
    assert record.getMessage() == "the server keeps jobs less safely than it could"
    told: Any = vars(record)
    assert "the append-only file is off" in told["detail"]
    assert told["broker"] == f"redis://***@127.0.0.1:{server.port}/0"


async def test_a_server_that_keeps_jobs_well_is_not_spoken_of(
    start: Start, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(appendonly="yes")
    broker = await connect(server.url)
    assert {one.verdict for one in await broker.examine()} == {Verdict.OK}
    assert records_of(caplog) == []


async def test_every_supported_server_is_known_by_name(start: Start) -> None:
    for name, said in (("valkey-9.1", "Valkey 9.1"), ("redis-6.2", "Redis 6.2")):
        findings = await RedisBroker(start(name).url).examine()
        assert said in next(one.detail for one in findings if one.check == "version")


async def test_opening_twice_and_closing_twice_is_harmless(start: Start) -> None:
    broker = RedisBroker(start().url)
    await broker.close()
    await broker.open()
    await broker.open()
    await broker.close()
    await broker.close()
