from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import InvalidEnvelope
from headrace.codec import (
    EMPTY_ARGS,
    EMPTY_KWARGS,
    VERSION,
    Envelope,
    FailedAttempt,
    Failure,
    History,
    RetryNumbers,
    Settings,
    decode_envelope,
    decode_failure,
    decode_history,
    encode,
    from_builtin,
)


def envelope(**fields: Any) -> Envelope:
    values: dict[str, Any] = {
        "version": VERSION,
        "task": "send",
        "args": EMPTY_ARGS,
        "kwargs": EMPTY_KWARGS,
        "enqueued_at": 1_750_000_000_000,
        **fields,
    }
    return Envelope(**values)


def test_an_envelope_survives_the_wire() -> None:
    settings = Settings(
        timeout=3.0,
        retry=RetryNumbers(5, 1.0, 2.0, 60.0, 0.5),
        result_ttl=0.0,
        headers={"trace": "1"},
        schedule="report",
        tick=1,
    )
    sent = envelope(args=msgspec.Raw(encode([1, "x"])), settings=settings)
    assert decode_envelope(encode(sent)) == sent


def test_the_documented_bytes_are_an_envelope() -> None:
    """Another language that follows docs/reference/wire-format.md writes exactly this."""
    body = bytes.fromhex("96 01 a4 73656e64 92 01 a178 81 a468746d6c c3 cf 000001977420dc00 c0")
    read = decode_envelope(body)
    assert (read.version, read.task, read.enqueued_at) == (1, "send", 1_750_000_000_000)
    assert msgspec.msgpack.decode(read.args) == [1, "x"]
    assert msgspec.msgpack.decode(read.kwargs) == {"html": True}
    assert read.settings is None


def test_fields_of_later_minor_versions_are_ignored() -> None:
    body = encode([1, "send", [], {}, 0, {"timeout": 1.0, "unheard-of": 1}, "more"])
    assert decode_envelope(body).settings == Settings(timeout=1.0)


def test_the_settings_may_be_missing() -> None:
    assert decode_envelope(encode([1, "send", [], {}, 0])).settings is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"\x00", "Expected `array`"),
        (encode([1, "send"]), "of at least length 5"),
        (encode(envelope())[:-12], "truncated"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\x96\x01\xdb\xff\xff\xff\xff", "truncated"),
        (b"\x96\x01\xa4" + b"\xff" * 4 + b"\x90\x80\x00\xc0", "utf-8"),
        (b"\x91" * 100_000, "not a job"),
        (b"\x96\x01\xa1a" + b"\x91" * 100_000 + b"\x90\x80\x00\xc0", "recursion"),
        (encode([1, 5, [], {}, 0]), r"Expected `str`, got `int` - at `\$\[1\]`"),
        (encode(["1", "send", [], {}, 0]), r"Expected `int`, got `str` - at `\$\[0\]`"),
    ],
    ids=range(11),
)
def test_hostile_bodies_are_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidEnvelope, match=reason):
        decode_envelope(body)


@pytest.mark.parametrize(
    "body", [encode([2, "send", [], {}, 0]), encode([2, {"other": "shape"}]), encode([9])]
)
def test_a_newer_version_is_told_apart(body: bytes) -> None:
    with pytest.raises(InvalidEnvelope, match=r"newer than this worker reads \(1\): upgrade"):
        decode_envelope(body)


def test_an_impossible_version_is_told_apart() -> None:
    with pytest.raises(InvalidEnvelope, match="version 0 does not exist"):
        decode_envelope(encode(envelope(version=0)))


@given(st.binary(max_size=200))
def test_random_bytes_are_an_envelope_or_refused(body: bytes) -> None:
    try:
        decode_envelope(body)
    except InvalidEnvelope as error:
        assert str(error)


@given(st.integers(0, 60), st.integers(0, 255))
def test_a_changed_byte_is_an_envelope_or_refused(place: int, value: int) -> None:
    body = bytearray(encode(envelope(settings=Settings(headers={"a": "b"}))))
    body[place % len(body)] = value
    try:
        decode_envelope(bytes(body))
    except InvalidEnvelope as error:
        assert str(error)


def test_failures_and_histories_survive_the_wire() -> None:
    failure = Failure("attempts used up (3)", "ValueError", "bad", "Traceback")
    history = History((FailedAttempt(1, 2.5, "ValueError", "bad"),), "Traceback", 3.0)
    assert decode_failure(encode(failure)) == failure
    assert decode_history(encode(history)) == history
    assert decode_history(b"") == History()


@pytest.mark.parametrize("raw", [b"\xc1", b"\x91" * 100_000, b"\x81\xa6reason\xff", b"\xa1\xff"])
def test_unreadable_failures_and_histories_are_told_as_such(raw: bytes) -> None:
    assert "cannot be read" in decode_failure(raw).reason
    assert decode_history(raw) == History()


def test_a_failure_that_was_not_kept() -> None:
    assert decode_failure(None).reason == "no reason is kept"


def test_paths_travel_as_text() -> None:
    raw = encode({"path": Path("/tmp/x")})
    assert msgspec.msgpack.decode(raw) == {"path": "/tmp/x"}
    assert from_builtin(PurePosixPath, "/tmp/x") == PurePosixPath("/tmp/x")


def test_what_cannot_travel_says_so() -> None:
    with pytest.raises(NotImplementedError, match="a complex cannot travel: pass plain data"):
        encode(1j)
    with pytest.raises(TypeError, match="a complex cannot travel: annotate plain data"):
        from_builtin(complex, "1j")
    with pytest.raises(TypeError, match="cannot travel"):
        from_builtin(Path, 5)
