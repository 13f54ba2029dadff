from __future__ import annotations

import dataclasses
import enum
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from headrace.codec import EMPTY_ARGS, EMPTY_KWARGS, encode
from headrace.errors import InvalidArguments, InvalidTask
from headrace.signature import Bound, Signature

if TYPE_CHECKING:
    from fractions import Fraction


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Item(msgspec.Struct):
    name: str


def plain(a: int, b: str = "b", *, c: bool = False, d: float = 1.5) -> None: ...
def nothing() -> None: ...
def untyped(a: Any, b: Any = None) -> None: ...
def only(a: int, /, b: int = 2) -> None: ...
def rest(a: int, *numbers: int, flag: bool = False, **named: str) -> None: ...
def named_only(*, a: int, b: int = 2) -> None: ...
def required_name(a: int, *, b: int) -> None: ...


def round_trip(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Bound:
    signature = Signature("task", function)
    return signature.decode(*signature.encode(args, kwargs))


def by_name(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Bound:
    """Decode what a producer sends that only knows the task's name."""
    return Signature("task", function).decode(Raw(encode(args)), Raw(encode(kwargs)))


CALLS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (plain, (1,), {}),
    (plain, (1, "x"), {"c": True}),
    (plain, (), {"b": "x", "a": 1}),
    (plain, (1,), {"d": 2.0}),
    (nothing, (), {}),
    (untyped, (1,), {}),
    (untyped, ({"x": [1]},), {"b": b"bytes"}),
    (only, (1,), {}),
    (only, (1,), {"b": 3}),
    (rest, (1,), {}),
    (rest, (1, 2, 3), {"flag": True, "x": "y", "numbers": "n", "a2": "z"}),
    (named_only, (), {"a": 1}),
    (required_name, (1,), {"b": 2}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), CALLS)
@pytest.mark.parametrize("travel", [round_trip, by_name])
def test_a_call_arrives_as_it_was_made(
    travel: Callable[..., Bound],
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    arrived_args, arrived_kwargs = travel(function, *args, **kwargs)
    import inspect

    signature = inspect.signature(function)
    sent = signature.bind(*args, **kwargs)
    assert signature.bind(*arrived_args, **arrived_kwargs).arguments == sent.arguments


def test_what_was_not_given_is_left_to_the_function() -> None:
    assert round_trip(plain, 1) == ((1,), {})
    assert round_trip(plain, 1, c=True) == ((1,), {"c": True})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
        (datetime, datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001 - a naive one must arrive naive
        (date, date(2026, 1, 2)),
        (timedelta, timedelta(days=2, seconds=3)),
        (uuid.UUID, uuid.UUID(int=7)),
        (Decimal, Decimal("1.10")),
        (Color, Color.RED),
        (Point, Point(1, 2)),
        (Item, Item("x")),
        (tuple[int, str], (1, "x")),
        (set[int], {1, 2}),
        (frozenset[str], frozenset({"a"})),
        (dict[int, Point], {1: Point(2)}),
        (Path, Path("/tmp/x")),
        (bytes, b"\x00\xff"),
        (list[Item] | None, [Item("x")]),
        (Annotated[int, msgspec.Meta(ge=0)], 5),
        (int, -(2**63)),
        (float, 1e300),
        (str, "ä\U0001f600"),
    ],
)
def test_annotated_values_arrive_as_themselves(kind: Any, value: object) -> None:
    def task(value: Any) -> None: ...

    task.__annotations__["value"] = kind
    ((arrived,), _) = round_trip(task, value)
    assert arrived == value
    assert type(arrived) is type(value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_plain_values_arrive_without_annotations(value: object) -> None:
    ((arrived,), _) = round_trip(untyped, value)
    assert arrived == value


MISFITS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], str]] = [
    (plain, (), {}, "missing required field `a`"),
    (plain, (), {"b": "x"}, "Missing required argument 'a'"),
    (plain, ("x",), {}, r"Expected `int`, got `str` - at `\$.a`"),
    (plain, (1, 2), {}, r"Expected `str`, got `int` - at `\$.b`"),
    (plain, (1, "x", True), {}, "takes 2 positional arguments, got 3"),
    (plain, (1,), {"a": 2}, "given by name and position"),
    (plain, (1,), {"nope": 2}, "Unexpected keyword argument 'nope'"),
    (nothing, (1,), {}, "takes 0 positional arguments, got 1"),
    (nothing, (), {"a": 1}, "Unexpected keyword argument 'a'"),
    (untyped, (object(),), {}, "a object cannot travel"),
    (untyped, (2**64,), {}, "Integer value out of range|can't serialize ints"),
    (untyped, ("\ud800",), {}, "surrogates not allowed"),
    (only, (), {"a": 1}, "unexpected arguments"),
    (rest, (1, "x"), {}, r"Expected `int`, got `str` - at `\$.numbers\[0\]`"),
    (rest, (1,), {"x": 5}, r"Expected `str`, got `int` - at `\$.named\[...\]`"),
    (required_name, (1,), {}, "Missing required argument 'b'"),
    (required_name, (1, 2), {}, "takes 1 positional arguments, got 2"),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "problem"), MISFITS)
def test_a_call_that_does_not_fit_fails_in_the_caller(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArguments, match=problem) as caught:
        Signature("task", function).encode(args, kwargs)
    assert "task 'task'" in str(caught.value)


def test_a_value_that_holds_itself_fails_in_the_caller() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidArguments, match="recursion"):
        Signature("task", untyped).encode((endless,), {})


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        ([1, 2, 3], {}, "takes 2 positional arguments, got 3"),
        ([1], {"a": 1}, "argument 'a' given by name and position"),
        ([1], {"nope": 1}, r"unexpected arguments \['nope'\]"),
        ([], {"a": 1, "nope": 1}, "unknown field `nope`"),
        ([], {}, "missing required field `a`"),
        ([None], {}, "Expected `int`, got `None`"),
        ({}, {}, "Expected `array`"),
        ([], [], "Expected `object`"),
    ],
)
def test_a_call_that_does_not_fit_fails_in_the_worker(
    args: object, kwargs: object, problem: str
) -> None:
    with pytest.raises(InvalidArguments, match=problem):
        Signature("task", plain).decode(Raw(encode(args)), Raw(encode(kwargs)))


@pytest.mark.parametrize("raw", [b"\xc1", b"", b"\x91", b"\x91\xa1\xff", b"\x91" * 100_000])
def test_hostile_arguments_are_refused(raw: bytes) -> None:
    signature = Signature("task", untyped)
    with pytest.raises(InvalidArguments):
        signature.decode(Raw(raw), EMPTY_KWARGS)
    with pytest.raises(InvalidArguments):
        signature.decode(EMPTY_ARGS, Raw(raw))


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    def task(value: Fraction) -> None: ...

    with pytest.raises(InvalidTask, match=r"task 'task'.*'Fraction'.*importable at run time"):
        Signature("task", task)


def test_annotations_that_cannot_travel_are_named() -> None:
    def task(value: Point | Item) -> None: ...

    with pytest.raises(InvalidTask, match="task 'task'"):
        Signature("task", task)
    with pytest.raises(InvalidTask, match="task 'print'"):
        broken: Any = type("Broken", (), {"__call__": None, "__signature__": 5})()
        Signature("print", broken)
