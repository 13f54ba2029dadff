"""The bill of materials of what gets installed."""

from __future__ import annotations

import sys
from pathlib import Path

from release.command import run
from release.environments import Environment


def take_inventory(env: Environment, file: Path) -> None:
    """Write down what an environment holds; the same one gives the same bytes."""
    command = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible")
    form = ("--output-format", "JSON", "--output-file", file)
    run(*command, *form, env.script("python"), cwd=file.parent)
