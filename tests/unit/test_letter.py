from __future__ import annotations

from datetime import UTC, datetime

from headrace.codec import FailedAttempt, History, encode
from headrace.job import DeadJob
from headrace.letter import read_letter


def dead(body: bytes, meta: bytes) -> DeadJob:
    return DeadJob("1", "42", body, meta, 0, 3, 1, "why", 1_750_000_000.0)


def test_a_letter_is_read() -> None:
    history = History((FailedAttempt(3, 1.0, "ValueError", "bad"),), "Traceback")
    letter = read_letter(dead(encode([1, "send", [], {}, 0]), encode(history)))
    assert (letter.id, letter.task, letter.reason) == ("42", "send", "why")
    assert (letter.failures, letter.traceback) == (history.failures, "Traceback")
    assert (letter.attempt, letter.deliveries) == (3, 1)
    assert letter.died_at == datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)


def test_a_letter_whose_bytes_make_no_sense_is_read_all_the_same() -> None:
    letter = read_letter(dead(b"\xc1raw", b"\xc1"))
    assert (letter.task, letter.failures, letter.body) == (None, (), b"\xc1raw")
