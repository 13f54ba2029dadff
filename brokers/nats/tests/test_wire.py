"""What lies in messages, and what the server's addresses and answers say."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.job import JobState
from headrace_nats.wire import (
    Copy,
    Failure,
    Key,
    Letter,
    Mark,
    Note,
    Over,
    delivered,
    encode,
    read_ack,
    read_copy,
    read_key,
    read_letter,
    read_mark,
    read_over,
)

COPY = Copy("b.0", b"\x00body", b"meta", 2, 3, 1, "key", 60.0, 1e9, 2e9)


@pytest.mark.parametrize(
    ("note", "read"),
    [
        (COPY, read_copy),
        (Copy("b.1", b""), read_copy),
        (Over("b.0", JobState.SUCCEEDED, 1, b"result", 1e9), read_over),
        (Over("b.0", JobState.CANCELLED, 0, None, 1e9), read_over),
        (Letter(COPY, "why", 3, b"failure", 1e9), read_letter),
        (Key("holder", None), read_key),
        (Mark("b.0"), read_mark),
    ],
)
def test_what_is_written_is_read_again(note: Note, read: Callable[[bytes], Note]) -> None:
    assert read(encode(note)) == note


@pytest.mark.parametrize("data", [b"", b"hello", b"\xc1", b"\x90"])
def test_what_others_wrote_means_nothing(data: bytes) -> None:
    assert read_copy(data) == Copy("", data)
    assert read_letter(data).copy == Copy("", data)
    assert read_over(data).until == 0.0
    assert read_key(data) == Key("", 0.0)
    assert read_mark(data) == Mark("")


def test_a_copy_of_an_older_writer_has_the_defaults() -> None:
    assert read_copy(b"\x92\xa1o\xc4\x01b") == Copy("o", b"b")


@pytest.mark.parametrize(
    "address",
    [
        "$JS.ACK.headrace_q.lane-1.3.42.7.1767268800000000000.0",
        "$JS.ACK.hub.ABCDEF.headrace_q.lane-1.3.42.7.1767268800000000000.0.token",
        "$JS.ACK._.ABCDEF.headrace_q.lane-1.3.42.7.1767268800000000000.0.token",
        "$JS.ACK._.ABCDEF.headrace_q.lane-1.3.42.7.1767268800000000000.0",
    ],
)
def test_every_form_of_an_address_for_acknowledgements_is_read(address: str) -> None:
    assert delivered(address) == ("lane-1", 3, 42)


def test_answers_to_publications_are_read() -> None:
    stored = read_ack(b'{"stream":"headrace_q","seq":7,"batch":"b","count":2}')
    assert (stored.seq, stored.duplicate, stored.error) == (7, False, None)
    assert read_ack(b'{"stream":"s","seq":7,"duplicate":true}').duplicate
    refused = b'{"error":{"code":400,"err_code":10071,"description":"wrong"},"stream":"s","seq":0}'
    assert read_ack(refused).error == Failure(400, 10071, "wrong")
