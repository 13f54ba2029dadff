"""What is public is written out, documented, and nothing else."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import headrace

PACKAGE = Path(headrace.__file__).parent


def test_the_public_names_are_sorted_and_exist() -> None:
    assert headrace.__all__ == sorted(headrace.__all__)
    assert len(headrace.__all__) == len(set(headrace.__all__))
    for name in headrace.__all__:
        assert hasattr(headrace, name)


def test_nothing_is_public_by_accident() -> None:
    modules = {name for _, name, _ in pkgutil.iter_modules([str(PACKAGE)])}
    names = {name for name in vars(headrace) if not name.startswith("_")}
    assert names - modules == set(headrace.__all__)


@pytest.mark.parametrize("name", headrace.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    thing = getattr(headrace, name)
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
    missing = [name for name in headrace.__all__ if f"::: headrace.{name}\n" not in reference]
    assert missing == []


def test_every_module_can_be_imported_alone() -> None:
    for module in pkgutil.walk_packages([str(PACKAGE)], "headrace."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
