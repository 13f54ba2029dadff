"""What others send: ids of any letters, messages that are no jobs, streams that are not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brokers.nats.tests.conftest import Connect, Start, claim_all
from headrace import ConfigMismatch
from headrace.broker import Cancelled, QueueSpec
from headrace.errors import Rejected
from headrace.ids import new_id
from headrace.job import JobState
from headrace.outcome import Dead, Done, Outcome, Reschedule
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from headrace_nats.subjects import Subjects
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

BAD_IDS = ["", "*", ">", "a.b", "a b", "a*", "*.*", "a\r\nPUB x 0\r\n\r\n", "a\t", "ä", "a" * 65]


@pytest.fixture
def queue() -> str:
    return new_id()


@pytest.fixture
async def broker(node: NatsServer, connect: Connect, queue: str) -> NatsBroker:
    opened = await connect(node.url)
    await opened.declare(QueueSpec(name=queue, lease=30.0))
    return opened


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_ids_of_any_letters_reach_nobody(broker: NatsBroker, queue: str, bad: str) -> None:
    await broker.enqueue(queue, [job("a"), job("dies", priority=1)], batch="1")
    leases = await claim_all(broker, queue, 2)
    [dies] = [lease for lease in leases if lease.id == "dies"]
    [a] = [lease for lease in leases if lease.id == "a"]
    assert await broker.settle([Dead(dies, "why", b"", 1)]) == [True]
    assert await broker.cancel(queue, [bad, "a"]) == [Cancelled.NOT_FOUND, Cancelled.SIGNALLED]
    [nobody, known] = await broker.lookup(queue, [bad, "a"])
    assert nobody is None
    assert known is not None
    assert await broker.lookup(queue, [bad], wait=0.2) == [None]
    assert await broker.redrive(queue, [bad]) == 0
    assert [letter.id for letter in await broker.dead(queue)] == ["dies"]
    with pytest.raises(Rejected):
        await broker.enqueue(queue, [job(bad), job("b")], batch="2")
    assert await broker.lookup(queue, ["b"]) == [None]
    assert await broker.settle([Done(a)]) == [True]


@pytest.mark.parametrize("data", [b"hello", b"\xc1", b"\x90", bytes(10_000)])
async def test_a_message_that_is_no_job_ends_as_a_dead_letter_and_stops_nobody(
    node: NatsServer, broker: NatsBroker, queue: str, data: bytes
) -> None:
    subjects = Subjects("headrace", queue)
    async with node.client() as driver:
        await driver.jetstream().publish(f"{subjects.root}.r.0.foreign", data)
    await broker.enqueue(queue, [job("a")], batch="1")
    leases = await claim_all(broker, queue, 2)
    found = {lease.id: lease for lease in leases}
    assert found["foreign"].body == data
    outcomes: list[Outcome] = [
        Dead(found["foreign"], "no job", b"", 0, b"failure", 60.0),
        Done(found["a"]),
    ]
    assert await broker.settle(outcomes) == [True, True]
    [letter] = await broker.dead(queue)
    assert (letter.id, letter.body) == ("foreign", data)
    assert (await broker.stats(queue)).running == 0


async def test_notes_that_others_wrote_stop_nobody(
    node: NatsServer, broker: NatsBroker, queue: str
) -> None:
    subjects = Subjects("headrace", queue)
    await broker.enqueue(queue, [job("a")], batch="1")
    notes = [subjects.mark("a"), subjects.key("k"), f"{subjects.root}.x.0.b"]
    async with node.client() as driver:
        for subject in (*notes, f"{subjects.root}.s.0.c", f"{subjects.root}.r.1.d"):
            await driver.jetstream().publish(subject, b"hello")
    infos = await broker.lookup(queue, ["a", "b", "c", "d"])
    states = [info and info.state for info in infos]
    assert states == [JobState.QUEUED, JobState.DEAD, None, JobState.QUEUED]
    assert await broker.cancel(queue, ["c", "d"]) == [Cancelled.NOT_FOUND, Cancelled.REMOVED]
    assert await broker.enqueue(queue, [job("e", unique="k"), job("c")], batch="2") == [None] * 2
    leases = await broker.claim(queue, "w", 10, 1.0)
    assert {lease.id for lease in leases} == {"a", "e", "c"}
    [letter] = await broker.dead(queue)
    assert (letter.id, letter.body) == ("b", b"hello")
    assert await broker.redrive(queue, [letter.id]) == 1


async def test_an_empty_message_is_let_go(node: NatsServer, broker: NatsBroker, queue: str) -> None:
    async with node.client() as driver:
        await driver.jetstream().publish(f"headrace.{queue}.r.0.foreign", b"")
    await broker.enqueue(queue, [job("a")], batch="1")
    [lease] = await broker.claim(queue, "w", 2, 1.0)
    assert lease.id == "a"


async def test_what_is_too_large_is_refused_alone(
    start: Start, connect: Connect, queue: str
) -> None:
    broker = await connect(start(max_payload=65536).url)
    await broker.declare(QueueSpec(name=queue, lease=30.0))
    with pytest.raises(Rejected, match="more than the 64512 bytes"):
        await broker.enqueue(queue, [job("a"), job("big", body=bytes(65000))], batch="1")
    assert await broker.lookup(queue, ["a"]) == [None]
    largest = job("b", body=bytes(64000))
    assert await broker.enqueue(queue, [largest, job("c"), job("d")], batch="2") == [None] * 3
    leases = {lease.id: lease for lease in await claim_all(broker, queue, 3)}
    with pytest.raises(Rejected, match="result") as caught:
        await broker.settle([Done(leases["c"], bytes(66000), 60.0)])
    assert caught.value.job_id == "c"
    with pytest.raises(Rejected, match="meta"):
        await broker.settle([Reschedule(leases["b"], 0.0, 1, bytes(2000))])
    failure = Dead(leases["b"], "why", bytes(2000), 1, bytes(2000), 60.0)
    assert await broker.settle([failure, Done(leases["c"]), Done(leases["d"])]) == [True] * 3
    [letter] = await broker.dead(queue)
    assert (letter.body, letter.meta, letter.reason) == (largest.body, b"", "why")
    [info] = await broker.lookup(queue, ["b"])
    assert info is not None
    assert (info.state, info.result) == (JobState.DEAD, None)


async def edit(driver: Any, name: str, change: dict[str, Any]) -> None:
    """Change a stream's configuration, or a consumer's, as the tools of NATS do."""
    api = driver.jetstream()
    stream, _, consumer = name.partition(".")
    kind = f"CONSUMER.INFO.{stream}.{consumer}" if consumer else f"STREAM.INFO.{stream}"
    reply = await api._api_request(f"$JS.API.{kind}", b"")
    config = {**reply["config"], **change}
    if consumer:
        body = {"stream_name": stream, "config": config, "action": "update"}
        subject = f"$JS.API.CONSUMER.CREATE.{stream}.{consumer}.{config['filter_subject']}"
    else:
        body, subject = config, f"$JS.API.STREAM.UPDATE.{stream}"
    await api._api_request(subject, json.dumps(body).encode())


async def test_a_stream_of_somebody_else_is_not_taken_for_a_queue(
    node: NatsServer, connect: Connect, queue: str
) -> None:
    async with node.client() as driver:
        await driver.jetstream().add_stream(name=f"headrace_{queue}", subjects=[f"x.{queue}"])
    broker = await connect(node.url)
    with pytest.raises(ConfigMismatch, match="is not that of queue"):
        await broker.declare(QueueSpec(name=queue))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {}}, "is not that of queue"),
        ({"allow_direct": False}, "does not have allow_direct"),
        ({"max_msgs": 1000}, "max_msgs and drops jobs"),
        ({"max_bytes": 1_000_000, "max_msgs": 10}, "max_msgs, max_bytes and drops jobs"),
        ({"max_age": 3_600_000_000_000}, "max_age and drops jobs"),
    ],
)
async def test_a_stream_that_somebody_changed_is_told_of(
    node: NatsServer, broker: NatsBroker, queue: str, change: dict[str, Any], message: str
) -> None:
    async with node.client() as driver:
        await edit(driver, f"headrace_{queue}", change)
    with pytest.raises(ConfigMismatch, match=message):
        await broker.declare(QueueSpec(name=queue, lease=30.0))


async def test_a_stream_with_another_lease_in_its_settings_is_refused(
    node: NatsServer, broker: NatsBroker, queue: str
) -> None:
    metadata = {
        "headrace.queue": queue,
        "headrace.lanes": "3",
        "headrace.lease": "31.0",
        "headrace.result_ttl": "600.0",
    }
    async with node.client() as driver:
        await edit(driver, f"headrace_{queue}", {"metadata": metadata})
    with pytest.raises(ConfigMismatch, match=r"lease=31\.0 lanes=3, not lease=30\.0"):
        await broker.declare(QueueSpec(name=queue, lease=30.0))


async def test_a_consumer_with_another_lease_is_refused_and_other_changes_are_not(
    node: NatsServer, broker: NatsBroker, queue: str
) -> None:
    async with node.client() as driver:
        await edit(driver, f"headrace_{queue}.lane-1", {"description": "ours"})
        await broker.declare(QueueSpec(name=queue, lease=30.0))
        await edit(driver, f"headrace_{queue}.lane-1", {"ack_wait": 5_000_000_000})
    with pytest.raises(ConfigMismatch, match=r"consumer 'lane-1'.*ack_wait=5000000000"):
        await broker.declare(QueueSpec(name=queue, lease=30.0))


async def test_a_consumer_that_is_gone_is_made_again(
    node: NatsServer, broker: NatsBroker, queue: str
) -> None:
    async with node.client() as driver:
        await driver.jetstream().delete_consumer(f"headrace_{queue}", "lane-0")
    await broker.declare(QueueSpec(name=queue, lease=30.0))
    await broker.enqueue(queue, [job("a")], batch="1")
    assert len(await broker.claim(queue, "w", 1, 1.0)) == 1
