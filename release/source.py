"""The source of a release: what a commit holds, and nothing that lies about beside it."""

from __future__ import annotations

import tarfile
import tomllib
from pathlib import Path

from release.command import run

ROOT = Path(__file__).parent.parent


def export(revision: str, folder: Path) -> Path:
    """Put the files of a revision below a folder, and return where they are."""
    archive = folder.with_suffix(".tar")
    run("git", "archive", "--format=tar", "--output", archive, revision, cwd=ROOT)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder


def committed_at(revision: str) -> int:
    """Return when a revision was committed, in seconds since the epoch."""
    return int(run("git", "log", "-1", "--format=%ct", revision, cwd=ROOT))


def described(revision: str) -> str:
    """Return the commit of a revision, and whether there is more in the folder than that."""
    commit = run("git", "rev-parse", revision, cwd=ROOT).strip()
    changed = run("git", "status", "--porcelain", cwd=ROOT)
    return f"{commit} (what is not committed is not in it)" if changed else commit


def version(source: Path) -> str:
    """Return the version that a source says it is."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def constraints(source: Path) -> str:
    """Return the versions that are tested, as pip reads them."""
    tools = tomllib.loads((source / "pyproject.toml").read_text())["tool"]
    return "\n".join([*tools["uv"]["constraint-dependencies"], ""])
