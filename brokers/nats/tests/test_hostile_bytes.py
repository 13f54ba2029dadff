"""Whatever comes from a server: a value, or the one error that is told of it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.broker import QueueSpec
from headrace.errors import OutcomeUnknown
from headrace.ids import is_valid_id
from headrace_nats.incoming import Incoming, read_incoming
from headrace_nats.stream import spec_of
from headrace_nats.subjects import parse, place_of
from headrace_nats.wire import (
    Copy,
    Key,
    Letter,
    Mark,
    Over,
    PubAck,
    delivered,
    encode,
    read_ack,
    read_answer,
    read_copy,
    read_key,
    read_letter,
    read_mark,
    read_over,
)
from tests.hostile import CORPUS, MANY_ARRAYS, hostile_bytes

LARGEST = (1 << 31) - 1
tokens = st.lists(
    st.sampled_from(
        [
            "r",
            "d",
            "x",
            "s",
            "c",
            "0",
            "1",
            "99",
            "-1",
            "²",
            "a",
            "ä",
            "headrace",
            "q",
            "$JS",
            "ACK",
        ]
    ),
    max_size=12,
)


def check(data: bytes) -> None:
    copy = read_copy(data)
    assert isinstance(copy, Copy)
    assert all(0 <= count <= LARGEST for count in (copy.attempt, copy.number, copy.deliveries))
    assert copy.due is None or 0 <= copy.due <= 1e11
    assert isinstance(read_over(data), Over)
    assert isinstance(read_letter(data), Letter)
    assert isinstance(read_mark(data), Mark)
    key = read_key(data)
    assert isinstance(key, Key)
    assert key.until == 0.0 or is_valid_id(key.holder)


@given(hostile_bytes)
@example(encode(Copy("o", b"", due=float("inf"))))
@example(encode(Copy("o", b"", due=float("nan"))))
@example(encode(Copy("o", b"", held_for=1e308)))
@example(encode(Copy("o", b"", attempt=2**62)))
@example(encode(Key("*", None)))
def test_notes_are_always_there(data: bytes) -> None:
    check(data)


@pytest.mark.parametrize("data", [*CORPUS.values(), MANY_ARRAYS], ids=[*CORPUS, "many arrays"])
def test_each_example_of_a_note_is_read(data: bytes) -> None:
    check(data)
    assert read_copy(data).body == data
    assert read_letter(data).copy.body == data


@given(hostile_bytes)
@example(b"{")
@example(b"[]")
@example(b'{"seq": 99999999999999999999999}')
@example(b"[" * 100_000)
def test_answers_are_read_or_in_doubt(data: bytes) -> None:
    with contextlib.suppress(OutcomeUnknown):
        assert isinstance(read_ack(data), PubAck)
    with contextlib.suppress(OutcomeUnknown):
        assert isinstance(read_answer(data), dict)


@given(st.binary(max_size=80), st.binary(max_size=80), hostile_bytes, st.binary(max_size=200))
@example(b"\xff", b"\xff", b"", b"NATS/1.0 \xff\r\n\xff: \xff\r\n\r\n")
def test_a_message_is_read_whatever_its_names_are(
    subject: bytes, reply: bytes, data: bytes, rest: bytes
) -> None:
    for head in (rest, b"NATS/1.0 " + rest, b"NATS/1.0\r\n" + rest):
        msg = read_incoming(subject, reply, data, head)
        assert isinstance(msg, Incoming)
        assert all(isinstance(value, str) for value in msg.headers.values())


def test_what_the_server_says_counts_and_not_what_was_published() -> None:
    head = b"NATS/1.0\r\nNats-Sequence: x\r\nStatus: 404\r\nNats-Sequence: 7\r\n\r\n"
    msg = read_incoming(b"a", b"", b"", head)
    assert (msg.status, msg.headers["Nats-Sequence"]) == ("", "7")


@given(tokens.map(".".join) | st.text(max_size=80))
@example("headrace.q.r.9999999.a")
@example("headrace.q.r.².a")
def test_subjects_and_addresses_are_ours_or_not(subject: str) -> None:
    place, whole = place_of(subject), parse(subject)
    assert place is None or 0 <= place[0] < 100
    assert whole is None or (is_valid_id(whole[2]) and whole[1:] == place)
    address = delivered(subject)
    assert address is None or isinstance(address[1], int)


@given(st.dictionaries(st.sampled_from(["headrace.queue", "headrace.lanes", "x"]), st.text()))
@example(dict.fromkeys(("queue", "lanes", "lease", "result_ttl"), "q"))
@example({f"headrace.{name}": "nan" for name in ("queue", "lease", "result_ttl", "lanes")})
@example({"headrace.queue": "q", "headrace.lanes": "9" * 5_000})
def test_a_stream_is_that_of_a_queue_or_not(metadata: dict[str, str]) -> None:
    spec = spec_of({"metadata": metadata})
    assert spec is None or isinstance(spec, QueueSpec)
