from __future__ import annotations

import os
import time
import uuid

import pytest

from headrace.ids import is_valid_id, new_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    before = time.time()
    made = uuid.UUID(new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    milliseconds = made.int >> 80
    assert before * 1000 - 5 <= milliseconds <= time.time() * 1000 + 5_000


def test_ids_rise_and_never_repeat() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(is_valid_id(one) and len(one) == 32 for one in ids)


def test_ids_rise_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr("headrace.ids.time.time", lambda: 1.0)
    assert new_id() > first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_other_ids() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_id()[16:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16).decode() != new_id()[16:]
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("text", ["a", "A-z_09", "x" * 64])
def test_valid_ids(text: str) -> None:
    assert is_valid_id(text)


@pytest.mark.parametrize("text", ["", "x" * 65, "a.b", "a b", "a\n", "ä", "a/b", "٣"])
def test_invalid_ids(text: str) -> None:
    assert not is_valid_id(text)
