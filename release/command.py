"""Runs the commands that a release is made with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click

_FOREIGN = ("VIRTUAL_ENV", "PYTHONPATH", "HEADRACE_")
"""What variables begin with that would leak this environment into others."""


def environment(**changes: str) -> dict[str, str]:
    """Return the variables of this process without those of its Python, and with changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **changes}


def run(*words: str | Path, cwd: Path, **changes: str) -> str:
    """Run a command to its end and return what it printed.

    Args:
        words: The command.
        cwd: Where it runs.
        changes: Of its environment.

    Raises:
        ClickException: It failed.
    """
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        line = " ".join(map(str, words))
        message = f"{line}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        raise click.ClickException(message)
    return done.stdout
