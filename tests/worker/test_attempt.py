from __future__ import annotations

from typing import Any

import pytest

from headrace import Queue, RetryPolicy
from headrace.codec import (
    EMPTY_KWARGS,
    LARGEST_META,
    FailedAttempt,
    History,
    RetryNumbers,
    decode_failure,
    decode_history,
    encode,
)
from headrace.job import Lease
from headrace.outcome import Dead, Reschedule
from headrace.worker.attempt import Attempt, prepare


@pytest.fixture
def queue() -> Queue:
    made = Queue("memory://", max_payload=10_000, unknown_ttl=100, result_ttl=60)

    @made.task(timeout=5, result_ttl=7, retry=RetryPolicy(attempts=9), headers={"from": "task"})
    async def send(to: str, *, html: bool = False) -> None: ...

    @made.task
    async def plain() -> None: ...

    return made


def lease(body: bytes, **fields: Any) -> Lease:
    values: dict[str, Any] = {
        "queue": "default",
        "id": "42",
        "body": body,
        "meta": b"",
        "priority": 1,
        "attempt": 0,
        "deliveries": 1,
        "fencing": 7,
        "deadline": 30.0,
        "token": None,
        **fields,
    }
    return Lease(**values)


def body(task: str = "send", args: Any = ("x",), kwargs: Any = None, settings: Any = None) -> bytes:
    return encode([1, task, args, kwargs or {}, 1_000, settings])


def attempt(prepared: object) -> Attempt:
    assert isinstance(prepared, Attempt), prepared
    return prepared


def dead(prepared: object) -> Dead:
    assert isinstance(prepared, Dead), prepared
    return prepared


def test_a_lease_becomes_a_call(queue: Queue) -> None:
    made = attempt(prepare(lease(body(kwargs={"html": True}), attempt=2, deliveries=3), queue, 0.0))
    assert made.arguments == (("x",), {"html": True})
    assert made.implementation is queue.tasks["send"].implementation
    job = made.job(100.0)
    assert (job.id, job.task, job.queue) == ("42", "send", "default")
    assert (job.attempt, job.deliveries, job.fencing) == (3, 3, 7)
    assert (job.deadline, job.headers, job.enqueued_ms) == (105.0, {"from": "task"}, 1_000)


def test_the_task_decides_what_the_job_leaves_open(queue: Queue) -> None:
    made = attempt(prepare(lease(body()), queue, 0.0))
    assert (made.timeout, made.result_ttl, made.policy.attempts) == (5.0, 7.0, 9)
    plain = attempt(prepare(lease(body("plain", ())), queue, 0.0))
    assert (plain.timeout, plain.result_ttl, plain.policy.attempts) == (0.0, 60.0, 3)
    assert (plain.headers, plain.job(1.0).deadline) == ({}, None)


def test_the_job_decides_what_it_fixed(queue: Queue) -> None:
    fixed = {
        "timeout": 1.5,
        "result_ttl": 0.0,
        "retry": RetryNumbers(2, 1.0, 2.0, 3.0, 0.0),
        "headers": {"from": "job"},
    }
    made = attempt(prepare(lease(body(settings=fixed)), queue, 0.0))
    assert (made.timeout, made.result_ttl, made.policy.attempts) == (1.5, 0.0, 2)
    assert made.headers == {"from": "job"}
    unlimited = attempt(prepare(lease(body(settings={"timeout": 0.0})), queue, 0.0))
    assert unlimited.timeout == 0.0


def test_poison_is_not_decoded(queue: Queue) -> None:
    assert isinstance(prepare(lease(body(), deliveries=3), queue, 0.0), Attempt)
    refused = dead(prepare(lease(b"\xc1 would fail to decode", deliveries=4), queue, 0.0))
    assert "delivered 3 times without any outcome" in refused.reason
    assert (refused.attempt, refused.ttl) == (0, 60.0)
    assert decode_failure(refused.result).reason == refused.reason


def test_one_delivery_can_be_the_only_one() -> None:
    careful = Queue("memory://", max_deliveries=1)
    refused = dead(prepare(lease(body(), deliveries=2), careful, 0.0))
    assert refused.reason.startswith("delivered once without any outcome")


def test_a_body_that_is_too_large_is_not_decoded(queue: Queue) -> None:
    refused = dead(prepare(lease(b"\xc1" * 10_001), queue, 0.0))
    assert refused.reason == "10,001 bytes are more than max_payload (10,000)"


def test_a_body_may_fill_the_payload_to_the_last_byte() -> None:
    raw = body("elsewhere")
    for spare, kind in [(0, Reschedule), (-1, Dead)]:
        made = Queue("memory://", max_payload=len(raw) + spare)
        assert isinstance(prepare(lease(raw), made, 0.0), kind)


def test_a_meta_that_is_too_large_is_not_decoded(queue: Queue) -> None:
    assert isinstance(prepare(lease(body(), meta=b"\xc1" * LARGEST_META), queue, 0.0), Attempt)
    refused = dead(prepare(lease(body(), meta=b"\xc1" * (LARGEST_META + 1)), queue, 0.0))
    assert refused.reason == f"its meta has {LARGEST_META + 1:,} bytes, more than {LARGEST_META:,}"


def test_a_reason_that_quotes_a_long_name_is_cut(queue: Queue) -> None:
    meta = encode(History(unknown_for=100.0))
    assert len(dead(prepare(lease(body("x" * 2_000), meta=meta), queue, 0.0)).reason) == 1_000


def test_an_attempt_cannot_be_changed(queue: Queue) -> None:
    made = attempt(prepare(lease(body()), queue, 0.0))
    with pytest.raises(AttributeError):
        made.timeout = 9.0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\xc1", "not a job"),
        (b"\x91" * 9_000, "not a job"),
        (encode([2, "send"]), "newer than this worker reads"),
        (body(args=[5]), r"Expected `str`, got `int` - at `\$.to`"),
        (body(args=[]), "missing required field `to`"),
        (body(kwargs={"nope": 1}), "unexpected arguments"),
        (body(settings={"timeout": -1.0}), "timeout is a finite number"),
        (body(settings={"timeout": float("nan")}), "timeout is a finite number"),
        (body(settings={"result_ttl": float("inf")}), "result_ttl is a finite number"),
        (body(settings={"retry": [0, 1.0, 2.0, 3.0, 0.0]}), "attempts counts the first try"),
        (body(settings={"retry": [1, -1.0, 2.0, 3.0, 0.0]}), "base"),
        (body(settings={"headers": {"a": 1}}), "Expected `str`"),
    ],
)
def test_hostile_bodies_are_dead_letters_with_a_reason(
    queue: Queue, raw: bytes, reason: str
) -> None:
    history = encode(History((FailedAttempt(1, 2.0, "ValueError"),)))
    refused = dead(prepare(lease(raw, meta=history, attempt=1), queue, 0.0))
    import re

    assert re.search(reason, refused.reason)
    assert (refused.attempt, refused.meta) == (1, history)


def test_an_unknown_task_is_given_back_with_a_growing_delay(queue: Queue) -> None:
    meta, delays = b"", list[float]()
    while isinstance(
        again := prepare(lease(body("elsewhere"), meta=meta, attempt=2), queue, 0.0), Reschedule
    ):
        assert again.attempt == 2
        delays.append(again.delay)
        meta = again.meta
    assert delays == [1, 1, 2, 4, 8, 16, 32, 36]
    refused = dead(again)
    assert refused.reason == "unknown task 'elsewhere': no worker had it for 100 s"


def test_an_unknown_task_waits_a_minute_at_most() -> None:
    patient = Queue("memory://", unknown_ttl=1_000)
    again = prepare(lease(body("elsewhere"), meta=encode(History(unknown_for=300.0))), patient, 0.0)
    assert isinstance(again, Reschedule)
    assert again.delay == 60.0


def test_the_delay_of_an_unknown_task_has_jitter_and_keeps_the_history(queue: Queue) -> None:
    history = History((FailedAttempt(1, 2.0, "ValueError"),), "Traceback", 20.0)
    again = prepare(lease(body("elsewhere"), meta=encode(history)), queue, 1.0)
    assert isinstance(again, Reschedule)
    assert again.delay == 15.0
    kept = decode_history(again.meta)
    assert (kept.failures, kept.traceback, kept.unknown_for) == (
        history.failures,
        "Traceback",
        35.0,
    )


def test_an_empty_map_of_arguments(queue: Queue) -> None:
    assert attempt(prepare(lease(body("plain", ())), queue, 0.0)).arguments == ((), {})
    assert bytes(EMPTY_KWARGS) == b"\x80"
