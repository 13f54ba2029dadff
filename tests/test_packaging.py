"""The distributions fit together."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points, requires
from pathlib import Path

import pytest

import headrace

ROOT = Path(__file__).parent.parent
MEMBERS = sorted((ROOT / "brokers").glob("*/pyproject.toml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_versions_are_in_step() -> None:
    assert PROJECT["version"] == headrace.__version__
    for member in MEMBERS:
        assert tomllib.loads(member.read_text())["project"]["version"] == headrace.__version__
    assert f"## {headrace.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_core_installs_with_few() -> None:
    names = {
        re.split(r"[<>=;\[ ]", requirement)[0]
        for requirement in requires("headrace") or []
        if "extra ==" not in requirement
    }
    assert names == {"anyio", "click", "cronsim", "msgspec", "orjson"}


def test_the_entry_points_are_there() -> None:
    [memory] = {e.value for e in entry_points(group="headrace.brokers", name="memory")}
    [script] = {e.value for e in entry_points(group="console_scripts", name="headrace")}
    assert (memory, script) == ("headrace.memory:MemoryBroker", "headrace.cli.main:main")


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.parent.name)
def test_a_plug_in_is_found_by_its_schemes_and_goes_with_this_core(member: Path) -> None:
    project = tomllib.loads(member.read_text())["project"]
    declared = project["entry-points"]["headrace.brokers"]
    for scheme, value in declared.items():
        assert {e.value for e in entry_points(group="headrace.brokers", name=scheme)} == {value}
    minor = headrace.__version__.rpartition(".")[0]
    assert f"headrace~={minor}.0" in project["dependencies"]
    extra = PROJECT["optional-dependencies"][member.parent.name]
    assert extra == [f"{project['name']}~={minor}.0"]


def test_the_types_are_shipped() -> None:
    assert (Path(headrace.__file__).parent / "py.typed").exists()
