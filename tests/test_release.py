"""What is released: the same bytes wherever it is built, and all of the source."""

from __future__ import annotations

import shutil
import tomllib
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

import headrace
from release.advisories import Audit, judge
from release.contents import expected_in_sdist, expected_in_wheel, sdist_files, wheel_files
from release.distributions import (
    PROJECTS,
    build,
    build_elsewhere,
    build_from_sdist,
    differing,
)

ROOT = Path(__file__).parent.parent
VERSION = headrace.__version__
EPOCH = 1_700_000_000


def copied(package: str, folder: Path) -> Path:
    """Copy a project, with caches and tests as they lie about."""
    source, target = ROOT / PROJECTS[package], folder / package
    target.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        if (source / name).exists():
            shutil.copy(source / name, target)
    shutil.copy(ROOT / ".gitignore", target)
    shutil.copytree(source / "src", target / "src")
    return target


@pytest.mark.parametrize("package", PROJECTS)
def test_the_same_source_gives_the_same_bytes(package: str, tmp_path: Path) -> None:
    here, elsewhere, again = tmp_path / "here", tmp_path / "elsewhere", tmp_path / "again"
    project = copied(package, tmp_path)
    build(project, here, EPOCH)
    build_elsewhere(copied(package, tmp_path / "another place"), elsewhere, EPOCH)
    assert list(differing(here, elsewhere)) == []
    [sdist] = here.glob("*.tar.gz")
    build_from_sdist(sdist, tmp_path / "unpacked", again, EPOCH)
    assert list(differing(here, again, "*.whl")) == []

    [wheel] = here.glob("*.whl")
    assert wheel_files(wheel) == expected_in_wheel(project, package, VERSION)
    assert sdist_files(sdist) == expected_in_sdist(project)
    assert f"{package}/py.typed" in wheel_files(wheel)
    assert (f"{package}/lua/claim.lua" in wheel_files(wheel)) == (package == "headrace_redis")
    with ZipFile(wheel) as archive:
        info = f"{package}-{VERSION}.dist-info"
        told = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert (told["Version"], told["License-Expression"]) == (VERSION, "MIT")
    assert told["Description-Content-Type"] == "text/markdown"
    assert "[headrace.brokers]" in points


def test_a_difference_is_seen(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, text in ((one, "a"), (other, "b")):
        folder.mkdir()
        (folder / "same.whl").write_text("same")
        (folder / "bytes.whl").write_text(text)
        (folder / f"{text}.whl").write_text("only here")
    assert list(differing(one, other)) == ["a.whl", "b.whl", "bytes.whl"]


KNOWN: dict[str, Any] = {"name": "click", "version": "8.5.1", "vulns": []}
HURT: dict[str, Any] = {"name": "anyio", "version": "1.0", "vulns": [{"id": "PYSEC-1"}]}
UNKNOWN: dict[str, Any] = {"name": "idna", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([KNOWN], Audit.CLEAN),
        ([KNOWN, HURT, UNKNOWN], Audit.VULNERABLE),
        ([KNOWN, UNKNOWN], Audit.NOT_DONE),
    ],
)
def test_what_was_not_looked_at_is_not_clean(told: list[dict[str, Any]], verdict: Audit) -> None:
    assert judge(told)[0] is verdict


@pytest.mark.parametrize("package", PROJECTS)
def test_every_distribution_says_the_same_of_itself(package: str) -> None:
    project = tomllib.loads((ROOT / PROJECTS[package] / "pyproject.toml").read_text())["project"]
    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for key in ("version", "requires-python", "license", "license-files", "authors", "classifiers"):
        assert project[key] == core[key]
    place = ROOT / PROJECTS[package]
    assert (place / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    oldest = core["requires-python"].removeprefix(">=")
    tested = [
        one for one in core["classifiers"] if one.startswith("Programming Language :: Python :: 3.")
    ]
    assert tested[0].endswith(f":: {oldest}")
