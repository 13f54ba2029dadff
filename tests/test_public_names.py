"""What is public is written out, documented, and nothing else."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import headrace
from headrace import testing

PACKAGE = Path(headrace.__file__).parent


def test_nothing_is_public_by_accident() -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules([str(PACKAGE)])}
    names = {name for name in vars(headrace) if not name.startswith("_")}
    assert names - modules == set(headrace.__all__)


@pytest.mark.parametrize("package", [headrace, testing], ids=lambda package: package.__name__)
def test_the_public_names_are_sorted_and_exist(package: ModuleType) -> None:
    assert package.__all__ == sorted(package.__all__)
    assert len(package.__all__) == len(set(package.__all__))
    for name in package.__all__:
        assert hasattr(package, name)


PUBLIC = [
    f"{package.__name__}.{name}" for package in (headrace, testing) for name in package.__all__
]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    thing = pkgutil.resolve_name(name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        undocumented = [
            member
            for member, value in vars(thing).items()
            if not member.startswith("_") and _is_ours(value) and not inspect.getdoc(value)
        ]
        assert undocumented == []


def _is_ours(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, property)


def test_the_reference_names_what_is_public() -> None:
    reference = (PACKAGE.parent.parent / "docs" / "reference" / "api.md").read_text()
    assert [name for name in PUBLIC if f"::: {name}\n" not in reference] == []


def test_every_module_can_be_imported_alone() -> None:
    for module in pkgutil.walk_packages([str(PACKAGE)], "headrace."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
