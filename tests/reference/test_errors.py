"""The page of the errors is the tree, and has what can be known of each."""

from __future__ import annotations

import inspect
import re

import pytest

from headrace import errors
from headrace.cli.failure import _code
from tests.reference.page import column, sections

PAGE = sections("errors.md")
TREE = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.HeadraceError)
]
LEAVES = [kind for kind in TREE if not any(kind in other.__bases__ for other in TREE)]
FACTS = {"cause", "raised by", "applied", "remedy", "exit code"}


def facts(kind: type[errors.HeadraceError]) -> dict[str, str]:
    """Return what the page says of an error, and what it says of all its siblings."""
    [parent] = [base for base in kind.__bases__ if issubclass(base, errors.HeadraceError)]
    group = PAGE[parent.__name__]
    of_all = re.findall(r"(Applied|Exit code): (\w+)\.", group)
    shared = {name.lower(): text for name, text in of_all}
    if "`JobHandle.result`" in group:
        shared["raised by"] = "`JobHandle.result`"
    return shared | column(PAGE[kind.__name__], 1)


def test_the_page_has_the_tree_and_nothing_else() -> None:
    drawn = re.findall(r"(?:[├└]── |^)(\w+) *(.*)$", PAGE["Errors"].split("```")[1], re.MULTILINE)
    names = {kind.__name__ for kind in TREE}
    assert {name for name, _ in drawn if name != "text"} == names
    assert set(PAGE) - {"Errors"} == names


@pytest.mark.parametrize("kind", TREE)
def test_the_page_says_what_else_an_error_is(kind: type[errors.HeadraceError]) -> None:
    tree = PAGE["Errors"].split("```")[1]
    [line] = re.findall(rf"\b{kind.__name__}\b(.*)$", tree, re.MULTILINE)
    told = re.findall(r"also an? (\w+)", line)
    foreign = [base.__name__ for base in kind.__bases__ if base.__module__ == "builtins"]
    assert told == [name for name in foreign if name != "Exception"]


@pytest.mark.parametrize("kind", LEAVES)
def test_all_is_told_of_an_error(kind: type[errors.HeadraceError]) -> None:
    if issubclass(kind, errors.TaskSignal):
        assert PAGE[kind.__name__].strip()
        return
    told = facts(kind)
    assert set(told) == FACTS
    assert all(told.values())


@pytest.mark.parametrize("kind", LEAVES)
def test_the_exit_codes_are_those_of_the_commands(kind: type[errors.HeadraceError]) -> None:
    code = facts(kind).get("exit code", "none")
    if code == "none":
        assert issubclass(kind, errors.TaskSignal | errors.InvalidEnvelope | errors.NoCurrentJob)
    else:
        assert int(code) == _code(kind.__new__(kind))
