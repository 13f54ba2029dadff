"""What must be true of a server: told by plain judgements, and by real servers set up wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.nats.tests.conftest import Connect, Start, claim_all
from headrace import AuthFailed, Finding, Unavailable, Unsupported, Verdict
from headrace.broker import QueueSpec
from headrace.errors import Overloaded
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from headrace_nats.address import parse_address
from headrace_nats.examination import (
    judge_jetstream,
    judge_limits,
    judge_replicas,
    judge_storage,
    judge_version,
)
from tests.servers import NatsCluster, NatsServer, free_port


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2.15.1", Verdict.OK),
        ("2.12.0", Verdict.OK),
        ("3.0.0", Verdict.OK),
        ("10.0.0", Verdict.OK),
        ("2.11.9", Verdict.WARNING),
        ("2.10.29", Verdict.REFUSED),
        ("2.9.0", Verdict.REFUSED),
        ("1.4.1", Verdict.REFUSED),
        ("0.0.0", Verdict.REFUSED),
        ("", Verdict.REFUSED),
    ],
)
def test_a_server_is_judged_by_its_version(version: str, verdict: Verdict) -> None:
    finding = judge_version(version)
    assert finding.verdict is verdict
    assert (finding.remedy == "") == (verdict is Verdict.OK)


@pytest.mark.parametrize(
    ("used", "most", "verdict"),
    [
        (0, -1, Verdict.OK),
        (10**12, -1, Verdict.OK),
        (900, 1000, Verdict.OK),
        (901, 1000, Verdict.WARNING),
        (1000, 1000, Verdict.WARNING),
    ],
)
def test_an_account_is_judged_by_the_room_that_is_left(
    used: int, most: int, verdict: Verdict
) -> None:
    assert judge_limits({"storage": used, "limits": {"max_storage": most}}).verdict is verdict


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {"replicas": Verdict.WARNING, "storage": Verdict.OK}),
        ("?replicas=3", {"replicas": Verdict.OK, "storage": Verdict.OK}),
        ("?replicas=3&storage=memory", {"replicas": Verdict.OK, "storage": Verdict.WARNING}),
    ],
)
def test_new_queues_are_judged_by_what_the_url_asks_for(
    options: str, expected: dict[str, Verdict]
) -> None:
    address = parse_address(f"nats://app:hunter2@host{options}")
    findings = [judge_replicas(address), judge_storage(address)]
    assert {one.check: one.verdict for one in findings} == expected
    assert "hunter2" not in f"{findings}"


def test_an_account_that_tells_nothing_is_not_refused() -> None:
    assert judge_jetstream({}).verdict is Verdict.OK
    assert judge_limits({}).verdict is Verdict.OK


pytestmark = pytest.mark.anyio


def unwell(findings: list[Finding]) -> dict[str, Verdict]:
    """Return what is not well; nothing that is well has a remedy, and all that is not has one."""
    for one in findings:
        assert (one.remedy == "") == (one.verdict is Verdict.OK)
    return {one.check: one.verdict for one in findings if one.verdict is not Verdict.OK}


async def test_one_server_is_well_but_for_being_one(node: NatsServer, connect: Connect) -> None:
    findings = await (await connect(node.url)).examine()
    assert unwell(findings) == {"replicas": Verdict.WARNING, "sync_interval": Verdict.WARNING}
    assert findings == await NatsBroker(node.url).examine()
    assert findings[0].detail.startswith("NATS 2.")


async def test_three_servers_are_well_but_for_what_they_do_not_tell(cluster: NatsCluster) -> None:
    findings = await NatsBroker(f"{cluster.url}?replicas=3").examine()
    assert unwell(findings) == {"sync_interval": Verdict.WARNING}


async def test_a_server_that_flushes_each_write_serves_and_does_not_tell_of_it(
    start: Start, connect: Connect
) -> None:
    server = start(jetstream={"sync_interval": "always"})
    assert server.ask("jsz")["config"]["sync_always"]
    broker = await connect(server.url)
    await broker.declare(QueueSpec(name="q"))
    await broker.enqueue("q", [job(), job()], batch="1")
    leases = await claim_all(broker, "q", 2)
    assert await broker.settle([Done(lease, b"result", 60.0) for lease in leases]) == [True, True]
    assert unwell(await broker.examine())["sync_interval"] is Verdict.WARNING


async def test_a_queue_in_memory_is_warned_of(node: NatsServer) -> None:
    findings = await NatsBroker(f"{node.url}?storage=memory").examine()
    assert unwell(findings)["storage"] is Verdict.WARNING


async def test_an_account_without_jetstream_is_refused_with_the_remedy(start: Start) -> None:
    user: dict[str, Any] = {"user": "app", "password": "hunter2"}
    server = start(accounts={"plain": {"users": [user]}})
    url = f"nats://app:hunter2@127.0.0.1:{server.port}"
    with pytest.raises(Unsupported, match="Remedy: start the server with JetStream") as caught:
        await NatsBroker(url).open()
    findings = await NatsBroker(url).examine()
    assert unwell(findings) == {"JetStream": Verdict.REFUSED}
    assert "hunter2" not in f"{caught.value}{findings}"


async def test_a_server_without_jetstream_is_unavailable_and_says_why(start: Start) -> None:
    server = start(jetstream=None)
    with pytest.raises(Unavailable, match="JetStream is off"):
        await NatsBroker(server.url).open()
    [finding] = await NatsBroker(server.url).examine()
    assert finding.verdict is Verdict.REFUSED
    assert "JetStream is off" in finding.detail


async def test_an_account_that_is_full_is_warned_of_and_refuses_jobs(
    start: Start, connect: Connect
) -> None:
    account = {
        "jetstream": {"max_file": 1_000_000, "max_memory": 0},
        "users": [{"user": "app", "password": "hunter2"}],
    }
    server = start(accounts={"small": account})
    broker = await connect(f"nats://app:hunter2@127.0.0.1:{server.port}")
    await broker.declare(QueueSpec(name="q"))
    await broker.enqueue("q", [job(body=bytes(95_000)) for _ in range(10)], batch="1")
    findings = await broker.examine()
    assert unwell(findings)["room"] is Verdict.WARNING
    assert "hunter2" not in f"{findings}"
    with pytest.raises(Overloaded):
        await broker.enqueue("q", [job(body=bytes(95_000))], batch="2")


@pytest.mark.parametrize("userinfo", ["", "app:hunter2@", "hunter2@"])
async def test_wrong_credentials_are_refused(start: Start, userinfo: str) -> None:
    server = start(authorization={"user": "app", "password": "the right one"})
    url = f"nats://{userinfo}127.0.0.1:{server.port}?timeout=0.5"
    with pytest.raises(AuthFailed) as caught:
        await NatsBroker(url).open()
    assert "hunter2" not in str(caught.value)
    [finding] = await NatsBroker(url).examine()
    assert finding.verdict is Verdict.REFUSED
    assert "hunter2" not in f"{finding}"


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    url = f"nats://app:hunter2@127.0.0.1:{free_port()}?timeout=0.5"
    with pytest.raises(Unavailable):
        await NatsBroker(url).open()
    [finding] = await NatsBroker(url).examine()
    assert (finding.check, finding.verdict) == ("connection", Verdict.REFUSED)
    assert "hunter2" not in f"{finding}"


async def test_opening_twice_and_closing_twice_is_harmless(node: NatsServer) -> None:
    broker = NatsBroker(node.url)
    await broker.close()
    await broker.open()
    await broker.open()
    await broker.close()
    await broker.close()
