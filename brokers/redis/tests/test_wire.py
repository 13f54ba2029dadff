"""What goes to the scripts and comes back: round trips, and the order of fencing numbers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.redis.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.job import JobState, Lease
from headrace.outcome import Dead, Done, Release, Reschedule
from headrace.testing.conformance.lab import job
from headrace_redis.wire import (
    Token,
    existing,
    info_from,
    lease_from,
    leases_from,
    milliseconds,
    pack_jobs,
    pack_outcomes,
    pack_places,
    pack_renewals,
    token_of,
)
from tests.servers import RedisServer

FIELDS = [b"i", b"a", b"b", b"body"]
AWKWARD = [b"", b"\x00", b"|", b"a|b|c", b"\r\n", b"\xff\xfe", bytes(range(256)), b"x" * 70_000]


def taken(*args: Any) -> Lease:
    """Return the lease on an entry that is a job."""
    lease = lease_from(*args)
    assert lease is not None
    return lease


def unpacked(packed: bytes) -> Any:
    return msgspec.msgpack.decode(packed, strict=False)


@given(st.floats(min_value=0, max_value=1e9))
def test_milliseconds_are_never_early(seconds: float) -> None:
    assert seconds * 1000 <= milliseconds(seconds) <= seconds * 1000 + 1


def test_a_plain_job_is_packed_short_and_others_whole() -> None:
    plain, whole, kept = unpacked(
        pack_jobs(
            [
                job("a", body=b"text", priority=2, delay=0.0001),
                job("b", body=b"text", attempt=3, meta=b"m", unique="u", unique_for=0, expires=1.5),
                job("c", body=b"text", unique=""),
            ]
        )
    )
    assert plain == [2, 1, "a", "text"]
    assert whole[2:] == ["b", "text", 3, "m", "u", 1, 1500]
    assert kept[2:] == ["c", "text", False, False, "", False, False]


def test_a_delay_in_the_past_is_none() -> None:
    [[_, delay, *_]] = unpacked(pack_jobs([job("a", body=b"text", delay=-5.0)]))
    assert delay == 0


def test_the_answer_to_enqueue_names_those_that_were_there() -> None:
    assert existing([1, b"other", 2, b"third"], 4) == [None, "other", "third", None]
    assert existing([], 2) == [None, None]


def test_a_lease_knows_its_entry_and_its_unique_key() -> None:
    fields = [*FIELDS, b"a", b"2", b"m", b"history", b"u", b"key"]
    lease = taken("q", "me", 5.0, 1, "7-0", fields, 3)
    assert (lease.id, lease.body, lease.meta, lease.attempt) == ("a", b"body", b"history", 2)
    assert (lease.priority, lease.deliveries, lease.deadline) == (1, 3, 5.0)
    assert token_of(lease) == Token(1, "7-0", "me", "key")
    assert token_of(lease).place == (1, "7-0")


def test_a_key_that_is_held_for_a_time_is_not_given_up_with_the_job() -> None:
    fields = [*FIELDS, b"u", b"key", b"f", b"1000"]
    assert token_of(taken("q", "me", 5.0, 0, "7-0", fields)).unique is None


def test_leases_of_all_lanes_are_read() -> None:
    reply = [0, [[b"1-0", FIELDS], [b"1-1", FIELDS, 2]], 2, [[b"1-2", FIELDS]]]
    leases, strangers = leases_from(reply, "q", "me", 5.0)
    assert [(one.priority, one.deliveries) for one in leases] == [(0, 1), (0, 2), (2, 1)]
    assert strangers == []
    assert leases_from([], "q", "me", 5.0) == ([], [])


moments = st.integers(0, 2**42 - 1)
numbers = st.integers(0, 0xFFFF)
deliveries = st.integers(1, 31)


@given(st.tuples(moments, numbers, deliveries), st.tuples(moments, numbers, deliveries))
def test_a_later_copy_or_delivery_has_a_higher_fencing_number(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    first, second = (
        taken("q", "me", 0.0, 0, f"{moment}-{number}", FIELDS, times).fencing
        for moment, number, times in (one, other)
    )
    assert (first < second) == (one < other)
    assert max(first, second) < 2**63


def test_what_does_not_fit_into_a_fencing_number_does_not_spill_over() -> None:
    def fencing(entry: str, times: int) -> int:
        return taken("q", "me", 0.0, 0, entry, FIELDS, times).fencing

    assert fencing("7-99999999", 99) < fencing("8-0", 1)
    assert fencing("7-0", 99) < fencing("7-1", 1)
    assert fencing(f"{2**42 - 1}-65535", 31) == 2**63 - 1


def test_renewals_and_places_name_entries() -> None:
    lease = taken("q", "me", 5.0, 1, "7-0", FIELDS, 3)
    assert unpacked(pack_renewals([lease])) == [[1, "7-0", 3, "a"]]
    assert unpacked(pack_places([(1, "7-0"), (0, "8-1")])) == ["1:7-0", "0:8-1"]


def test_outcomes_carry_what_their_scripts_need() -> None:
    lease = taken("q", "me", 5.0, 1, "7-0", [*FIELDS, b"a", b"2", b"u", b"key"], 3)
    packed = pack_outcomes(
        [
            Done(lease, b"result", 0.5),
            Done(lease),
            Release(lease),
            Dead(lease, "why", b"meta", 3, None, 1.0),
            Reschedule(lease, 1.5, 3, b"meta"),
            Reschedule(lease, -1.0, 3, b""),
        ]
    )
    begin = [1, "7-0", "a", "key"]
    assert unpacked(packed) == [
        ["done", *begin, 500, "succeeded", 2, "result"],
        ["done", *begin, 0, "succeeded", 2, False],
        ["release", *begin, "me", 3],
        ["dead", *begin, "me", 3, 3, "meta", "why", 1000, False],
        ["reschedule", *begin, "me", 3, 3, "meta", 1500],
        ["reschedule", *begin, "me", 3, 3, "", 0],
    ]


def test_what_is_told_of_a_job_may_hold_the_mark_between_the_parts() -> None:
    assert info_from("a", None) is None
    bare, whole = info_from("a", b"queued|0"), info_from("a", b"succeeded|2|a|b|\x00")
    assert bare is not None
    assert whole is not None
    assert (bare.state, bare.attempt, bare.result) == (JobState.QUEUED, 0, None)
    assert (whole.state, whole.attempt, whole.result) == (JobState.SUCCEEDED, 2, b"a|b|\x00")


@pytest.mark.anyio
@pytest.mark.parametrize("data", AWKWARD, ids=len)
async def test_any_bytes_come_back_as_they_were(
    valkey: RedisServer, keys: Any, connect: Connect, data: bytes
) -> None:
    broker = await connect(valkey.url)
    queue = f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue))
    await broker.enqueue(queue, [job("a", body=data, meta=data)], batch="1")
    [lease] = await broker.claim(queue, "w", 1, 0)
    assert (lease.body, lease.meta) == (data, data)
    await broker.settle([Reschedule(lease, 0.001, 1, data)])
    [lease] = await broker.claim(queue, "w", 1, 5)
    assert (lease.body, lease.meta) == (data, data)
    await broker.settle([Dead(lease, "why", data, 1, data, 0.0)])
    [letter] = await broker.dead(queue)
    assert (letter.body, letter.meta) == (data, data)
    await broker.redrive(queue, ["a"])
    [lease] = await broker.claim(queue, "w", 1, 0)
    assert await broker.settle([Done(lease, data, 60.0)]) == [True]
    [info] = await broker.lookup(queue, ["a"])
    assert info is not None
    assert info.result == data


@pytest.mark.anyio
@pytest.mark.parametrize("job_id", ["a", "-", "_", "0" * 64, "Z" * 64, "abc"])
@pytest.mark.parametrize("track", ["yes", "no"])
async def test_ids_of_any_length_are_found_again(
    valkey: RedisServer, connect: Connect, job_id: str, track: str
) -> None:
    broker = await connect(f"{valkey.url}?track={track}")
    queue = f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue))
    assert await broker.enqueue(queue, [job(job_id)], batch="1") == [None]
    [lease] = await broker.claim(queue, "w", 1, 0)
    assert lease.id == job_id
    assert await broker.settle([Done(lease, None, 60.0)]) == [True]
    [info] = await broker.lookup(queue, [job_id])
    assert info is not None
    assert info.state is JobState.SUCCEEDED
