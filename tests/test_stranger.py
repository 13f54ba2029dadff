"""A stranger's broker, in a distribution of its own, in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parent


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def install(folder: Path, *what: str | Path) -> Path:
    """Make an environment, install into it, and return its Python."""
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    uv = shutil.which("uv")
    if uv is not None:
        run(uv, "venv", "--quiet", "--python", sys.executable, folder / "env", cwd=folder)
        run(uv, "pip", "install", "--quiet", "--python", python, *what, cwd=folder)
    else:
        run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
        run(python, "-m", "pip", "install", "--quiet", *what, cwd=folder)
    return python


def pinned(*names: str) -> list[str]:
    """Name packages in the versions that are tested here."""
    return [f"{name}=={version(name)}" for name in names]


@pytest.mark.timeout(300)
def test_a_strangers_broker_is_found_and_runs_the_suite(tmp_path: Path) -> None:
    for name in ("src", "brokers", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        source, target = PROJECT / name, tmp_path / "headrace" / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    shutil.copytree(HERE / "stranger", tmp_path / "stranger")
    python = install(
        tmp_path,
        tmp_path / "headrace",
        tmp_path / "stranger",
        *pinned("pytest", "hypothesis", "anyio", "msgspec", "click", "cronsim", "orjson"),
    )
    report = run(
        *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "check_stranger.py"),
        cwd=tmp_path / "stranger",
    )
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", report)}
    assert counts["passed"] > 150, report
    assert counts.get("skipped", 0) <= counts["passed"], "only uvloop may be missing, and a server"


def test_it_is_small() -> None:
    lines = (HERE / "stranger" / "src" / "stranger_broker.py").read_text().splitlines()
    assert len(lines) <= 40
