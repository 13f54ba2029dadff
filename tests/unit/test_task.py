from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from headrace import (
    AsyncTask,
    InvalidArguments,
    InvalidOption,
    InvalidTask,
    Queue,
    RetryPolicy,
    ThreadTask,
)
from headrace.codec import Settings
from headrace.implementation import Implementation

made = Queue("memory://", name="of-the-tests")


@made.task(timeout=30, priority=0)
async def send(to: str, subject: str = "hi") -> int:
    """Send it."""
    return len(to) + len(subject)


@made.task
def thumbnail(path: str, width: int = 800) -> str:
    return f"{path}@{width}"


async def test_a_task_can_still_be_called_directly() -> None:
    assert await send("a@b.c") == 7
    assert thumbnail("x.png", width=3) == "x.png@3"


def test_a_task_looks_like_its_function() -> None:
    assert inspect.unwrap(send) is send.implementation.function
    assert (send.__doc__, send.__module__) == ("Send it.", __name__)
    assert inspect.signature(send) == inspect.signature(send.implementation.function)
    assert (repr(send), repr(thumbnail)) == ("<AsyncTask 'send'>", "<ThreadTask 'thumbnail'>")
    assert isinstance(send, AsyncTask)
    assert isinstance(thumbnail, ThreadTask)


def test_options_make_a_copy() -> None:
    later = send.options(delay=60, unique="key")
    assert (later.effective.delay, later.effective.unique) == (60.0, "key")
    assert (later.effective.timeout, later.effective.priority) == (30.0, 0)
    assert (send.effective.delay, send.effective.unique) == (0.0, None)
    assert later.name == "send"
    assert later.implementation is send.implementation


def test_options_add_up_and_the_last_one_counts() -> None:
    twin = send.options(delay=60, priority=2).options(delay=30)
    assert (twin.effective.delay, twin.effective.priority) == (30.0, 2)


def test_only_what_options_fixed_travels() -> None:
    assert send.settings is None
    assert send.options(delay=5).settings is None
    assert send.options(timeout=5).settings == Settings(timeout=5.0)
    policy = RetryPolicy(attempts=2)
    assert send.options(retry=policy).settings == Settings(retry=policy.numbers())


def test_a_bad_option_is_refused() -> None:
    with pytest.raises(InvalidOption, match="unknown options"):
        send.options(dealy=5)  # type: ignore[call-arg]
    with pytest.raises(InvalidOption, match="delay or at"):
        from datetime import UTC, datetime

        send.options(delay=5).options(at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_call_holds_its_arguments_encoded() -> None:
    call = send.call("a@b.c", subject="yo")
    assert call.task is send
    assert msgspec.msgpack.decode(call.args) == []
    assert msgspec.msgpack.decode(call.kwargs) == {"to": "a@b.c", "subject": "yo"}
    assert repr(call) == "<Call of 'send'>"


def test_a_call_that_does_not_fit_fails_at_once() -> None:
    with pytest.raises(InvalidArguments, match="Expected `str`, got `int`"):
        send.call(5)  # type: ignore[arg-type]


def test_a_remote_task_sends_what_it_is_given() -> None:
    remote = made.remote("elsewhere").options(timeout=5)
    call = remote.call(1, "x", flag=True)
    assert msgspec.msgpack.decode(call.args) == [1, "x"]
    assert msgspec.msgpack.decode(call.kwargs) == {"flag": True}
    assert remote.settings == Settings(timeout=5.0)
    with pytest.raises(InvalidArguments, match="task 'elsewhere': a object cannot travel"):
        remote.call(object())


def test_results_come_back_as_the_annotation_has_them() -> None:
    def pair() -> tuple[int, str]: ...  # type: ignore[empty-body]

    task = made.task(pair)
    assert task.decode_result(msgspec.msgpack.encode([1, "x"])) == (1, "x")
    with pytest.raises(msgspec.ValidationError):
        task.decode_result(msgspec.msgpack.encode("x"))
    assert made.remote("any").decode_result(msgspec.msgpack.encode([1, "x"])) == [1, "x"]


def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize("bad", [generator, async_generator, int, 5, None])
def test_what_cannot_be_a_task(bad: Any) -> None:
    with pytest.raises(InvalidTask, match="task 'bad'"):
        Implementation("bad", bad)


def test_a_concurrency_is_one_or_more() -> None:
    with pytest.raises(InvalidOption, match="concurrency is 1 or more"):
        Implementation("task", len, 0)
