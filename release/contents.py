"""What is in a distribution, and what should be."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

INFO = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
"""What a wheel tells of itself."""

BESIDE = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", ".gitignore"}
"""What stands in a source distribution beside the source."""


def wheel_files(wheel: Path) -> set[str]:
    """Return the names of a wheel's files."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def sdist_files(sdist: Path) -> set[str]:
    """Return the names of a source distribution's files, below its one folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def expected_in_wheel(project: Path, package: str, version: str) -> set[str]:
    """Return the names that a project's wheel should have: those of its source, and no others."""
    info = {f"{package}-{version}.dist-info/{name}" for name in INFO}
    return info | {name.removeprefix("src/") for name in _source(project)}


def expected_in_sdist(project: Path) -> set[str]:
    """Return the names that a project's source distribution should have."""
    changelog = {"CHANGELOG.md"} if (project / "CHANGELOG.md").exists() else set[str]()
    return BESIDE | changelog | set(_source(project))


def _source(project: Path) -> Iterator[str]:
    for path in (project / "src").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(project).as_posix()
