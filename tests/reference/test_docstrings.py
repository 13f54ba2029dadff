"""Every public name says what a caller must know: the house rule for docstrings."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import headrace
import headrace.broker
import headrace.testing
import headrace.testing.conformance
from headrace import Broker, HeadraceError, JobHandle, Queue, Worker, middleware, vocabulary
from tests.reference.examples import documented, found, methods, public

PUBLIC = public()
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}


def calls(kind: type) -> dict[str, Any]:
    """Return the methods of a class that can be cancelled."""
    asks = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return {name: code for name, code in methods(kind).items() if any(ask(code) for ask in asks)}


def words(thing: Any) -> str:
    return " ".join((thing.__doc__ or "").split())


def test_what_is_exported_is_in_the_reference() -> None:
    for module in (headrace, headrace.broker, headrace.testing, headrace.testing.conformance):
        for name in module.__all__:
            thing = getattr(module, name)
            assert any(thing is one for one in PUBLIC.values()), f"{module.__name__}.{name}"


def test_the_reference_has_nothing_twice_and_nothing_that_is_missing() -> None:
    names = documented()
    assert len(names) == len(set(names))
    assert all(found(name) is not None for name in names)


@pytest.mark.parametrize("name", CLASSES)
def test_all_members_are_documented(name: str) -> None:
    kind = CLASSES[name]
    assert kind.__doc__
    assert [member for member, code in methods(kind).items() if not code.__doc__] == []


@pytest.mark.parametrize("name", CLASSES)
def test_fields_and_settings_are_told(name: str) -> None:
    kind = CLASSES[name]
    names: list[str] = []
    if issubclass(kind, msgspec.Struct):
        names = list(kind.__struct_fields__)
    elif "__init__" in vars(kind) and kind not in (Broker, JobHandle):  # nobody calls theirs
        names = list(inspect.signature(kind).parameters)
    told = re.findall(r"^ +\*{0,2}(\w+): ", kind.__doc__ or "", re.MULTILINE)
    assert [one for one in names if one not in told] == []


@pytest.mark.parametrize(
    "name", [name for name, thing in PUBLIC.items() if inspect.isclass(thing) or callable(thing)]
)
def test_everything_has_an_example(name: str) -> None:
    """An error may share that of its base, as the docstring of `HeadraceError` says."""
    thing = PUBLIC[name]
    if inspect.isclass(thing) and issubclass(thing, HeadraceError):
        assert any(">>> " in (base.__doc__ or "") for base in thing.__mro__)
    elif inspect.isclass(thing) or inspect.isfunction(thing):
        assert ">>> " in (thing.__doc__ or "")


@pytest.mark.parametrize("name", [name for name, kind in CLASSES.items() if calls(kind)])
def test_a_call_says_what_it_leaves_when_it_is_cancelled(name: str) -> None:
    """A broker's verb may name the verb of the contract, and a class may say it for all."""
    kind, silent = CLASSES[name], list[str]()
    for call, code in calls(kind).items():
        see = re.search(r"See `Broker\.(\w+)`", words(code), re.IGNORECASE)
        said = words(getattr(Broker, see[1]) if see else code)
        if "ancelled" not in said and "A cancelled call" not in words(kind):
            silent.append(call)
    assert silent == []


@pytest.mark.parametrize("kind", [Queue, JobHandle, Worker])
def test_a_call_says_what_it_raises(kind: type) -> None:
    assert calls(kind)
    assert [name for name, code in calls(kind).items() if "Raises: " not in words(code)] == []


@pytest.mark.parametrize("module", [headrace.broker, middleware, vocabulary])
def test_what_is_no_class_is_documented_below(module: Any) -> None:
    """Types have names and constants have units only in the source."""
    body = ast.parse(Path(module.__file__).read_text()).body
    for node, below in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                assert documented or name == "__all__", name
            case _:
                pass
