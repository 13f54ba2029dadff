"""Fresh environments, filled by plain pip from a folder: what a user of a release gets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from release.command import run

OWN = "headrace"
"""What the names of our own distributions begin with."""


class Environment:
    """A virtual environment with nothing in it, not even pip.

    Args:
        folder: Where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)

    def script(self, name: str) -> Path:
        """Return where a command is, once it is installed."""
        return self.folder / "bin" / name

    def run(self, command: str, *words: str | Path, cwd: Path, **changes: str) -> str:
        """Run one of its commands and return what it printed.

        Raises:
            ClickException: It failed.
        """
        return run(self.script(command), *words, cwd=cwd, **changes)

    @property
    def packages(self) -> Path:
        """Where packages are installed."""
        [found] = self.folder.glob("lib/python*/site-packages")
        return found

    def requirements(self) -> list[str]:
        """Return what others have made in it, as `name==version`."""
        found = distributions(path=[str(self.packages)])
        named = [f"{one.name}=={one.version}" for one in found if not one.name.startswith(OWN)]
        return sorted(named, key=str.lower)


class Wheelhouse:
    """A folder with our wheels and those of all that they need, in the tested versions.

    Installing from it asks no index, so that no package of our names can come from elsewhere.

    Args:
        folder: Where it is made.
        wheels: Our own.
        constraints: The tested versions, as pip reads them.
        extras: What else is wanted of the core.
    """

    def __init__(
        self, folder: Path, wheels: Sequence[Path], constraints: str, extras: Sequence[str]
    ) -> None:
        folder.mkdir()
        self._folder = folder
        run(sys.executable, "-m", "venv", folder / "pip", cwd=folder)
        self._pip = folder / "pip" / "bin" / "pip"
        pins = folder / "constraints.txt"
        pins.write_text(constraints)
        [core] = [wheel for wheel in wheels if wheel.name.startswith("headrace-")]
        wanted = [f"{core}[{','.join(extras)}]", *(str(one) for one in wheels if one != core)]
        self._wheels = folder / "wheels"
        wheel = ("wheel", "--quiet", "--constraint", pins, "--wheel-dir", self._wheels)
        run(self._pip, *wheel, *wanted, cwd=folder)

    def install(self, environment: Environment, requirement: str) -> None:
        """Install what a user would name, with all that it needs."""
        python = environment.script("python")
        offline = ("--no-index", "--find-links", self._wheels)
        run(
            *(self._pip, "--python", python, "install", "--quiet", *offline, requirement),
            cwd=self._folder,
        )
