from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from tests.mutation.areas import AREAS, ROOT, Target
from tests.mutation.lua_source import lua_mutants
from tests.mutation.mutant import Mutant
from tests.mutation.python_source import python_mutants
from tests.mutation.swap import module_name

TARGETS = [target for targets in AREAS.values() for target in targets]

PYTHON: list[tuple[str, set[str]]] = [
    ("a < b", {"a <= b"}),
    ("a <= b <= c", {"a < b <= c", "a <= b < c"}),
    ("a is not b", {"a is b"}),
    ("a and b", {"a or b"}),
    ("not a", {"a"}),
    ("a + b", {"a - b"}),
    ("a = -1", {"a = 1", "a = -2"}),
    ("a = True", {"a = False"}),
    ("a = 'text'", set()),
    ("a: 'int | 2'", set()),
    ("a.b = c", {"pass"}),
    ("a()", {"pass"}),
    ("b if a else c", {"b if not a else c"}),
]

LUA: list[tuple[str, set[str]]] = [
    ("local a = b == c", {"local a = b ~= c"}),
    ("local a = b <= c", {"local a = b < c"}),
    ("local a = b and not c", {"local a = b or not c", "local a = b and  c"}),
    ("local a = b - 1", {"local a = b + 1", "local a = b - 2"}),
    ("local a = f(-1)", {"local a = f(1)", "local a = f(-2)"}),
    ("local a = 'b == 1' -- 2", set()),
    ("local a = b .. c", set()),
    ("local a = call('GET', b)", set()),
    ("call('DEL',\n  b)", {""}),
    ("local a = {\n  call(b) }", set()),
]


def texts(mutants: list[Mutant]) -> set[str]:
    return {mutant.text.strip() for mutant in mutants}


@pytest.mark.parametrize(("source", "expected"), PYTHON)
def test_python_is_changed_in_one_place(source: str, expected: set[str]) -> None:
    assert texts(list(python_mutants(source))) == expected


def test_a_return_gives_nothing() -> None:
    source = "def f():\n    return a"
    assert texts(list(python_mutants(source))) == {"def f():\n    return None"}


@pytest.mark.parametrize(("source", "expected"), LUA)
def test_lua_is_changed_in_one_place(source: str, expected: set[str]) -> None:
    assert texts(list(lua_mutants(source))) == expected


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.path)
def test_each_target_has_mutants_and_tests(target: Target) -> None:
    source = (ROOT / target.path).read_text()
    made = lua_mutants if target.path.endswith(".lua") else python_mutants
    mutants = list(islice(made(source), 5))
    assert len(mutants) == 5
    assert source not in {mutant.text for mutant in mutants}
    assert all((ROOT / test.partition("::")[0]).is_file() for test in target.tests)


def test_a_module_is_known_by_its_file() -> None:
    assert module_name(Path("/x/src/headrace/worker/heart.py")) == "headrace.worker.heart"
    assert module_name(Path("/x/src/headrace/memory/__init__.py")) == "headrace.memory"


def test_the_mutant_runs_in_place_of_the_module(pytester: pytest.Pytester) -> None:
    script = pytester.makepyfile(
        f"""
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        import headrace.durations
        from pathlib import Path
        from tests.mutation.swap import swap
        path = Path(headrace.durations.__file__)
        other = path.parent / "py.typed"
        swap(path, path.read_text() + "CHANGED = 1")
        import headrace.durations
        assert headrace.durations.CHANGED == 1
        swap(other, "changed")
        assert other.read_text() == "changed"
        assert "CHANGED" not in path.read_text()
        """
    )
    assert pytester.runpython(script).ret == 0
