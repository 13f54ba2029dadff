"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "brokers").glob("*/src/**/*.py")])
TESTS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "brokers").glob("*/tests/**/*.py")])
BANNED = {"utils", "helpers", "common", "manager", "misc", "types"}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if documented else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
    assert [f.name for f in functions(path) if code_lines(f) > 40] == []


@pytest.mark.parametrize("path", TESTS, ids=str)
def test_test_files_are_not_endless(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize("path", TESTS, ids=str)
def test_tests_do_not_sleep_for_time(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep"):
            assert ast.unparse(node.args[0]) == "0", f"line {node.lineno}"


def test_modules_have_names_that_say_something() -> None:
    assert [path for path in SOURCES if path.stem in BANNED] == []


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=str)
def test_nothing_is_left_to_be_done(path: Path) -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "X" * 3)
    assert [mark for mark in marks if mark in path.read_text()] == []
