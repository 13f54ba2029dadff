from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import pytest

import headrace
from headrace import InvalidOption
from headrace.durations import seconds
from headrace.worker.description import MAX_MESSAGE, MAX_TRACEBACK, describe


class Evil(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class Huge(Exception):
    def __str__(self) -> str:
        return "x" * 10_000_000


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - all kinds are tried
        return caught


def without_the_test(error: BaseException) -> TracebackType | None:
    """Return the frames below that of the test itself."""
    assert error.__traceback__ is not None
    return error.__traceback__.tb_next


def test_an_exception_is_named_with_its_module() -> None:
    assert describe(ValueError("bad")).error == "ValueError"
    assert describe(Evil()).error == f"{__name__}.Evil"


def test_text_and_traceback_are_told() -> None:
    told = describe(raised(ValueError("bad")))
    assert told.message == "bad"
    assert told.traceback.endswith("ValueError: bad\n")
    assert "in raised" in told.traceback


def test_an_evil_exception_is_told_as_such() -> None:
    told = describe(raised(Evil()))
    assert told.message == "<its text cannot be shown>"
    assert told.traceback


def test_an_exception_that_cannot_even_be_traced_is_told_as_such() -> None:
    class Untraceable(Exception):
        @property
        def __cause__(self) -> None:  # type: ignore[override]
            raise SystemExit(3)

    told = describe(Untraceable("bad"))
    assert (told.message, told.traceback) == ("bad", "<its traceback cannot be shown>")


def test_sizes_are_bounded() -> None:
    told = describe(raised(Huge()))
    assert len(told.message) == MAX_MESSAGE
    assert told.message.endswith("…")
    assert len(told.traceback) == MAX_TRACEBACK
    assert told.traceback.startswith("…")


def test_recursion_is_told_in_a_bounded_size() -> None:
    def endless() -> None:
        endless()

    with pytest.raises(RecursionError) as caught:
        endless()
    told = describe(caught.value)
    assert told.error == "RecursionError"
    assert len(told.traceback) <= MAX_TRACEBACK


def test_a_group_tells_its_members() -> None:
    told = describe(raised(ExceptionGroup("many", [ValueError("a"), TypeError("b")])))
    assert "ValueError: a" in told.traceback
    assert "TypeError: b" in told.traceback


def test_what_is_told_can_always_be_encoded() -> None:
    told = describe(raised(ValueError("\ud800 lone")))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told.message)) == "? lone"
    msgspec.msgpack.encode(told)


def test_our_own_frames_are_left_out() -> None:
    """The reader wants to see the task's code, not the worker's."""
    ours = str(Path(headrace.__file__).parent / "worker" / "somewhere.py")
    names: dict[str, Any] = {}
    exec(compile("def call(function):\n    function()", ours, "exec"), names)

    def task() -> None:
        raise ValueError("bad")

    def wrapped() -> None:
        names["call"](task)

    with pytest.raises(ValueError, match="bad") as inside:
        names["call"](task)
    error = inside.value
    error.__traceback__ = without_the_test(error)
    assert "somewhere.py" not in describe(error).traceback
    assert "in task" in describe(error).traceback
    with pytest.raises(ValueError, match="bad") as between:
        wrapped()
    assert "somewhere.py" in describe(between.value).traceback


def test_a_traceback_of_our_own_frames_alone_is_kept() -> None:
    with pytest.raises(InvalidOption) as caught:
        seconds(-1, name="delay")
    error = caught.value
    error.__traceback__ = without_the_test(error)
    assert "durations.py" in describe(error).traceback


def caused() -> None:
    try:
        int("none")
    except ValueError as error:
        raise LookupError("no such thing") from error


def while_another_was_handled() -> None:
    try:
        caused()
    finally:
        dict[str, int]()["none"]


def many() -> None:
    error = BaseExceptionGroup(
        "many", [raised(TypeError("a")), ExceptionGroup("few", [OSError("b")])]
    )
    error.add_note("two\nlines")
    raise error


def deep(levels: int = 20) -> None:
    return deep(levels - 1) if levels else caused()


def misspelled() -> None:
    exec("f(", {})


def on_lines_of_its_own() -> None:
    max(
        1,
        "none" + str(1 / 0),
    )


@pytest.mark.parametrize(
    "fails", [caused, while_another_was_handled, many, deep, misspelled, on_lines_of_its_own]
)
def test_a_traceback_reads_as_python_writes_it_also_the_second_time(
    fails: Callable[[], None],
) -> None:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        fails()
    written = "".join(traceback.format_exception(caught.value))
    assert [describe(caught.value).traceback for _ in range(2)] == [written] * 2


def test_an_exception_without_a_traceback() -> None:
    assert describe(ValueError("bad")).traceback == "ValueError: bad\n"
