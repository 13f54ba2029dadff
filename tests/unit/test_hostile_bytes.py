"""Whatever bytes a broker brings: a value or the one documented error, and never more memory."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from datetime import UTC

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace import InvalidResult, JobState, Queue
from headrace.cli.letter import as_list, as_text, sheet
from headrace.codec import (
    LARGEST_META,
    LARGEST_RECORD,
    UNREADABLE,
    FailedAttempt,
    Failure,
    History,
    decode_envelope,
    decode_failure,
    decode_history,
    encode,
)
from headrace.durations import LONGEST
from headrace.errors import InvalidEnvelope
from headrace.job import DeadJob, Lease
from headrace.letter import read_letter
from headrace.memory import MemoryBroker
from headrace.outcome import Dead, Done, Reschedule
from headrace.testing import ManualClock
from headrace.worker.attempt import REASON_KEPT, Attempt, prepare
from tests.hostile import CORPUS, MANY_ARRAYS, hostile_bytes

corpus = pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS.keys())
queue = Queue(MemoryBroker())


@queue.task
async def work(number: int) -> int:
    return number


@queue.task
async def anything(*args: object, **kwargs: object) -> None:
    """Take whatever comes."""


def lease(body: bytes, meta: bytes = b"") -> Lease:
    return Lease("default", "a", body, meta, 0, 0, 1, 1, 30.0, None)


def letter(body: bytes, meta: bytes = b"", died_at: float = 0.0) -> DeadJob:
    return DeadJob("1", "a", body, meta, 0, 0, 1, "why", died_at)


def check_envelope(data: bytes) -> None:
    try:
        decode_envelope(data)
    except InvalidEnvelope as error:
        assert str(error)


@given(hostile_bytes)
def test_an_envelope_is_read_or_refused(data: bytes) -> None:
    check_envelope(data)


@corpus
def test_each_example_of_an_envelope_is_read_or_refused(data: bytes) -> None:
    check_envelope(data)


@given(hostile_bytes)
@example(encode({"unknown_for": float("nan")}))
@example(encode({"unknown_for": -1e300}))
@example(encode({"failures": [{"attempt": 1, "at": float("inf"), "error": "E"}]}))
def test_failures_and_histories_are_always_there(data: bytes) -> None:
    assert isinstance(decode_failure(data), Failure)
    history = decode_history(data)
    assert 0 <= history.unknown_for <= LONGEST
    assert all(isinstance(one, FailedAttempt) for one in history.failures)


@corpus
def test_each_example_of_a_failure_and_of_a_history_can_be_read(data: bytes) -> None:
    assert decode_failure(data).reason
    assert decode_history(data) == History()


def test_records_that_are_too_large_are_not_looked_at() -> None:
    large = "x" * LARGEST_RECORD
    assert decode_failure(encode(Failure(large))) == Failure("its failure record cannot be read")
    assert decode_history(encode(History(traceback=large))) == History()


@given(hostile_bytes, hostile_bytes, st.floats(0, 1, exclude_max=True))
@example(CORPUS["an unknown task"], encode({"unknown_for": float("nan")}), 0.5)
@example(CORPUS["an unknown task"], encode({"unknown_for": -1e300}), 0.5)
def test_a_lease_becomes_a_call_or_an_outcome_that_brokers_take(
    body: bytes, meta: bytes, chance: float
) -> None:
    prepared = prepare(lease(body, meta), queue, chance)
    match prepared:
        case Attempt():
            assert 0 <= prepared.timeout <= LONGEST
            assert 0 <= prepared.result_ttl <= LONGEST
        case Reschedule():
            assert 0 < prepared.delay <= queue.unknown_ttl
        case Dead():
            assert len(prepared.reason) <= REASON_KEPT
            assert prepared.lease.body == body


@corpus
def test_each_example_becomes_a_call_or_an_outcome(data: bytes) -> None:
    assert isinstance(prepare(lease(data), queue, 0.5), Attempt | Dead | Reschedule)


def test_what_a_job_fixes_has_its_bounds() -> None:
    for name in ("a timeout without end", "a result for ever", "no number"):
        refused = prepare(lease(CORPUS[name]), queue, 0.5)
        assert isinstance(refused, Dead), name


def test_what_is_too_large_is_not_decoded() -> None:
    body = encode([1, "anything", [msgspec.Raw(MANY_ARRAYS)], {}, 0])
    tracemalloc.start()
    try:
        refused = prepare(lease(body), queue, 0.5)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Dead)
    assert "more than max_payload" in refused.reason
    assert most < len(body)


def test_an_envelope_of_many_arrays_takes_no_more_memory_than_its_bytes() -> None:
    body = encode([1, "anything", msgspec.Raw(MANY_ARRAYS), {}, 0])
    tracemalloc.start()
    try:
        assert decode_envelope(body).task == "anything"
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2 * len(body)


def test_a_meta_that_no_worker_wrote_ends_its_job() -> None:
    good = encode([1, "work", [1], {}, 0])
    refused = prepare(lease(good, bytes(LARGEST_META + 1)), queue, 0.5)
    assert isinstance(refused, Dead)
    assert refused.reason.startswith("its meta has 262,145 bytes")


@given(hostile_bytes, hostile_bytes, st.floats())
def test_a_dead_letter_can_always_be_read_and_shown(
    body: bytes, meta: bytes, died_at: float
) -> None:
    read = read_letter(letter(body, meta, died_at))
    assert (read.body, read.died_at.tzinfo) == (body, UTC)
    assert as_text(sheet(read)).isprintable() or "\n" in as_text(sheet(read))
    assert as_list([read]).count("\n") == 1


@corpus
def test_each_example_can_be_shown_as_a_dead_letter(data: bytes) -> None:
    shown = sheet(read_letter(letter(data, data, float("nan"))))
    assert (shown.body, shown.died_at) == (data, "1970-01-01T00:00:00Z")
    assert as_text(shown)
    msgspec.json.encode(shown)


@given(hostile_bytes)
def test_text_that_is_no_utf_8_is_among_what_cannot_be_read(data: bytes) -> None:
    with suppress(*UNREADABLE):
        msgspec.msgpack.decode(data)


@pytest.mark.anyio
async def test_a_result_is_read_or_refused() -> None:
    clock = ManualClock()
    async with Queue(MemoryBroker(clock=clock), max_payload=1 << 17) as own:
        for name, data in [*CORPUS.items(), ("many arrays", MANY_ARRAYS)]:
            job = await own.enqueue(own.remote("work"), 1)
            [held] = await own.broker.claim(own.name, "w", 1, 0.0)
            assert await own.broker.settle([Done(held, data, 60.0)]) == [True]
            assert await job.status() is JobState.SUCCEEDED
            try:
                await job.result()
            except InvalidResult as error:
                assert (name != "many arrays") or "more than max_payload" in error.problem
            else:
                assert len(data) <= 1 << 17, name
