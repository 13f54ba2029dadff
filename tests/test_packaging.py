"""The distributions fit together."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points, requires
from pathlib import Path

import headrace

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_versions_are_in_step() -> None:
    assert PROJECT["version"] == headrace.__version__
    for member in (ROOT / "brokers").glob("*/pyproject.toml"):
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


def test_the_types_are_shipped() -> None:
    assert (Path(headrace.__file__).parent / "py.typed").exists()
