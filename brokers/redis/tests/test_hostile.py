"""What lies in keys and in replies although nobody of ours has written it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from brokers.redis.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.ids import is_valid_id
from headrace.job import DeadJob, JobInfo, Lease
from headrace.letter import read_letter
from headrace.outcome import Dead, Reschedule
from headrace.testing.conformance.lab import job
from headrace_redis.keys import SUFFIXES, queue_prefix
from headrace_redis.wire import (
    MOST_ATTEMPTS,
    existing,
    info_from,
    lease_from,
    leases_from,
    letter_from,
    pack_outcomes,
    spec_from,
    text_of,
)
from tests.hostile import CORPUS, hostile_bytes
from tests.servers import RedisServer

values = st.one_of(hostile_bytes, st.sampled_from([b"i", b"b", b"a", b"m", b"u", b"f", b"e", b"7"]))
pairs = st.lists(st.tuples(values, values), min_size=1, max_size=8)


def flat(found: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [value for pair in found for value in pair]


@given(pairs | pairs.map(lambda more: [(b"i", b"a"), (b"b", b""), *more]))
@example([(b"i", b"a"), (b"b", b""), (b"a", b"99999999999999999999")])
@example([(b"i", b"a"), (b"b", b""), (b"a", b"-1")])
@example([(b"i", b"a"), (b"b", b""), (b"u", b"\xff")])
@example([(b"i", b"\xff"), (b"b", b"")])
def test_an_entry_is_a_lease_that_can_be_settled_or_none(found: list[tuple[bytes, bytes]]) -> None:
    lease = lease_from("q", "me", 5.0, 0, "7-0", flat(found))
    if lease is None:
        reply = [0, [[b"7-0", flat(found)]]]
        assert leases_from(reply, "q", "me", 5.0) == ([], [(0, "7-0")])
        return
    assert isinstance(lease, Lease)
    assert is_valid_id(lease.id)
    assert 0 <= lease.attempt <= MOST_ATTEMPTS
    meta, failures = lease.meta, lease.attempt + 1
    assert pack_outcomes(
        [Dead(lease, "why", meta, failures), Reschedule(lease, 1.0, failures, meta)]
    )


@given(hostile_bytes | st.tuples(hostile_bytes, hostile_bytes).map(b"|".join))
@example(b"succeeded")
@example(b"succeeded|x")
@example(b"succeeded|" + b"9" * 5_000)
def test_what_is_told_of_a_job_is_something_or_nothing(data: bytes) -> None:
    info = info_from("a", data)
    assert info is None or isinstance(info, JobInfo)


@given(hostile_bytes, hostile_bytes, hostile_bytes, st.integers(-(2**63), 2**63 - 1))
def test_a_dead_letter_is_read_whatever_its_texts_are(
    job_id: bytes, body: bytes, reason: bytes, number: int
) -> None:
    fields = [b"i", job_id, b"b", body]
    dead = letter_from([b"1", 0, fields, b"", number, number, reason, number])
    assert isinstance(dead, DeadJob)
    assert read_letter(dead).body == body


@given(hostile_bytes, st.lists(st.none() | hostile_bytes, min_size=3, max_size=3))
@example(b"q", [b"3", b"9" * 400, b"1"])
@example(b"q", [b"3", b"1000", b"1"])
def test_settings_are_those_of_a_queue_or_of_none(name: bytes, settings: list[Any]) -> None:
    spec = spec_from(name, settings)
    assert spec is None or isinstance(spec, QueueSpec)


@given(hostile_bytes)
def test_texts_and_holders_can_always_be_read(data: bytes) -> None:
    assert existing([0, data], 1) == [text_of(data)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "data", [CORPUS["text"], CORPUS["nested arrays"], b"nan", b"1e300", b"-inf"]
)
async def test_notes_in_the_house_and_in_the_index_stop_nobody(
    valkey: RedisServer, connect: Connect, name: str, data: bytes
) -> None:
    broker = await connect(valkey.url)
    await broker.declare(QueueSpec(name=name, lease=30.0))
    prefix = queue_prefix("headrace", name)
    with valkey.client() as client:
        for field in ("letters", "sweep", "elected", "term", "collect", "cursor0"):
            client.hset(prefix + SUFFIXES["HOUSE"], field, data)
        client.hset(prefix + SUFFIXES["INDEX"] + "0001", "a", data)
    assert await broker.enqueue(name, [job("a0001"), job("b")], batch="1") == [None, None]
    assert 0.0 <= await broker.maintain(name, "w") <= 1.0
    leases = await broker.claim(name, "w", 10, 1.0)
    assert [lease.id for lease in leases] == ["a0001", "b"]
    outcomes = [Dead(lease, "why", b"", 1) for lease in leases]
    assert await broker.settle(outcomes) == [True, True]
    assert [letter.id for letter in await broker.dead(name)] == ["a0001", "b"]
    assert await broker.redrive(name, ["b"]) == 1


@pytest.mark.anyio
async def test_dead_letters_keep_their_order_when_somebody_spoils_their_count(
    valkey: RedisServer, connect: Connect, name: str
) -> None:
    broker = await connect(valkey.url)
    await broker.declare(QueueSpec(name=name, lease=30.0))
    house = queue_prefix("headrace", name) + SUFFIXES["HOUSE"]
    ids = ["d", "c", "b", "a"]
    for job_id in ids:
        await broker.enqueue(name, [job(job_id)], batch=job_id)
        [lease] = await broker.claim(name, "w", 1, 1.0)
        if job_id == "a":
            with valkey.client() as client:
                client.hset(house, "letters", "many")
        assert await broker.settle([Dead(lease, "why", b"", 1)]) == [True]
    assert [letter.id for letter in await broker.dead(name)] == ids
