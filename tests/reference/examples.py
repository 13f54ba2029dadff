"""What is public, as the reference lists it, and the examples of its docstrings."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
API = ROOT / "docs" / "reference" / "api.md"

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FOR_CHECKERS = """\
# ruff: noqa
# pyright: reportUnusedExpression=false, reportUnusedFunction=false, reportUnusedVariable=false
# pyright: reportUnusedImport=false, reportUnusedClass=false
from __future__ import annotations
"""
"""A prompt shows what a line comes to, and nobody uses all that an example has."""

_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_TOP_LEVEL = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_parse = doctest.DocTestParser().get_examples
_check = doctest.OutputChecker()


def documented() -> list[str]:
    """Return the names that the reference has, in its order, of plug-ins those that are here."""
    names: list[str] = re.findall(r"^::: ([\w.]+)$", API.read_text(), re.MULTILINE)
    return [name for name in names if find_spec(name.partition(".")[0]) is not None]


def found(name: str) -> Any:
    """Return what a whole name stands for."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part)
        return thing
    raise LookupError(name)


def public() -> dict[str, Any]:
    """Return what is public by its whole name, a module's own members in its place."""
    things: dict[str, Any] = {}
    for name in documented():
        thing = found(name)
        if isinstance(thing, ModuleType):
            inside = {f"{name}.{member}": getattr(thing, member) for member in _members(thing)}
        else:
            inside = {name: thing}
        told = list(things.values())
        things |= {name: one for name, one in inside.items() if not any(one is t for t in told)}
    return things


def _members(module: ModuleType) -> list[str]:
    """Return what a module exports: what it says, or the classes that it defines."""
    written: list[str] | None = getattr(module, "__all__", None)
    if written is not None:
        return written
    classes = inspect.getmembers(module, inspect.isclass)
    return [n for n, kind in classes if kind.__module__ == module.__name__ and n[0] != "_"]


def methods(kind: type) -> dict[str, Any]:
    """Return the public methods and properties of a class that are written in this project.

    The tests that a suite is made of are none: their names are sentences.
    """
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("headrace"):
            for name, member in vars(base).items():
                code: Any = getattr(member, "__func__", member)
                named = not name.startswith(("_", "test_"))
                if named and (inspect.isfunction(code) or isinstance(code, property)):
                    found[name] = code
    return found


def examples() -> Iterator[tuple[str, str]]:
    """Yield the docstrings that hold examples, each by the whole name of what it belongs to."""
    for name, thing in public().items():
        if inspect.isclass(thing) or inspect.isfunction(thing):
            things = {name: thing}
            if inspect.isclass(thing):
                things |= {f"{name}.{member}": code for member, code in methods(thing).items()}
            for whole, code in things.items():
                if ">>> " in (doc := inspect.cleandoc(code.__doc__ or "")):
                    yield whole, doc


def setting() -> str:
    """Return what comes before each example: the code of the reference's page."""
    return "".join(_BLOCK.findall(API.read_text()))


def module() -> str:
    """Return all examples as a module for type checkers, each in a function of its own."""
    statements = [ast.unparse(node) for node in ast.parse(setting()).body]
    imports = [line for line in statements if "import" in line.split()]
    before = "\n".join(line for line in statements if line not in imports)
    parts = [_FOR_CHECKERS, *dict.fromkeys(imports)]
    for name, doc in examples():
        typed = "".join(example.source for example in _parse(doc))
        parts.append(f"async def {name.replace('.', '_')}() -> None:")
        parts.append(indent(f"{before}\n{typed}", "    "))
    return "\n".join(parts)


async def play(doc: str) -> list[str]:
    """Run the examples of a docstring, and return those that do not show what they say."""
    names: dict[str, Any] = {"__name__": "example"}
    await _run(setting(), names, "exec")
    failures: list[str] = []
    for example in _parse(doc):
        shown = StringIO()
        with redirect_stdout(shown):
            try:
                await _run(example.source, names, "single")
            except Exception as error:  # noqa: BLE001 - an example may show one
                last = traceback.format_exception_only(error)[-1]
                shown.write(f"Traceback (most recent call last):\n{last}")
        if not _check.check_output(example.want, shown.getvalue(), _FLAGS):
            failures.append(f"{example.source}shows\n{shown.getvalue()}and not\n{example.want}")
    names["worker"].stop()
    await names["running"]
    return failures


async def _run(source: str, names: dict[str, Any], mode: str) -> None:
    """Run code as a prompt does, where one can wait: values of single lines are shown."""
    code: Any = compile(source, "<example>", mode, _TOP_LEVEL, dont_inherit=True)
    hook, sys.displayhook = sys.displayhook, sys.__displayhook__
    try:
        coroutine = eval(code, names)
        if coroutine is not None:
            await coroutine
    finally:
        sys.displayhook = hook
