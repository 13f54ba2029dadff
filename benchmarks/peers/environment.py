"""The environment of each peer: an interpreter, and the versions that its requirements pin."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from benchmarks.peers.catalogue import Peer

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".peers"
OWN = ("headrace", "headrace-redis", "headrace-nats", "redis", "nats-py", "hiredis", "uvloop")
DRIVERS = ("redis", "coredis", "nats-py", "hiredis", "uvloop", "gevent")
"""Whose versions are told beside that of the peer."""


class MissingEnvironmentError(Exception):
    """A peer cannot run here; the message says why."""


class Environment(Struct, frozen=True):
    """Where a peer is installed.

    Attributes:
        folder: Of its app.
        binaries: Of its commands, `python` among them.
        python: Its version.
        versions: Of what it consists of.
    """

    folder: Path
    binaries: Path
    python: str
    versions: dict[str, str]


def prepared(peer: Peer) -> Environment:
    """Return a peer's environment; it is made if it is missing or others are pinned.

    Raises:
        MissingEnvironmentError: There is no interpreter for it, or it cannot be installed.
    """
    folder = HERE / peer.folder
    requirements = folder / "requirements.txt"
    if not requirements.exists():  # this project: it is installed where this runs
        own = {name: version(name) for name in OWN}
        return Environment(folder, Path(sys.executable).parent, sys.version.split()[0], own)
    python, found = find_python(peer.python)
    place = _place(peer, found)
    _install(place, python, requirements.read_text())
    pins = pinned(requirements.read_text())
    names = [name for name in pins if is_part(peer.folder, name) or name in DRIVERS]
    told = {name: pins[name] for name in names}
    return Environment(folder, place / "bin", found, told)


def standing(peer: Peer) -> Path | None:
    """Return the commands of a peer's environment, `None` if it was not made or others are pinned.

    Raises:
        MissingEnvironmentError: There is no interpreter for it.
    """
    place = _place(peer, find_python(peer.python)[1])
    requirements = (HERE / peer.folder / "requirements.txt").read_text()
    return place / "bin" if _holds(place, requirements) else None


def _place(peer: Peer, python: str) -> Path:
    return CACHE / f"{peer.folder}-{python}"


def _holds(place: Path, requirements: str) -> bool:
    """Tell whether there is an environment with just these requirements."""
    done = place / "requirements.txt"
    return done.exists() and done.read_text() == requirements


def pinned(requirements: str) -> dict[str, str]:
    """Return the versions of what a file of requirements pins."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", requirements, re.MULTILINE))


def is_part(folder: str, package: str) -> bool:
    """Tell whether a package is of the project after which a folder is called."""
    return package.removeprefix("py").split("-")[0] == folder


def find_python(oldest: tuple[int, int]) -> tuple[Path, str]:
    """Return the interpreter that runs this, or else the oldest newer one, and its version.

    Raises:
        MissingEnvironmentError: There is none that is new enough.
    """
    if sys.version_info[:2] >= oldest:
        return Path(sys.executable), sys.version.split()[0]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for minor in range(oldest[1], oldest[1] + 4):
        name = f"{oldest[0]}.{minor}"
        places = sorted(home.glob(f"versions/{name}.*/bin/python"))
        on_path = shutil.which(f"python{name}")
        for place in [*places, *([Path(on_path)] if on_path else [])]:
            asked = [str(place), "-c", "import platform; print(platform.python_version())"]
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
            if answer.stdout.startswith(name):  # a name on the path may be a dead shim
                return place, answer.stdout.strip()
    message = f"it needs Python {oldest[0]}.{oldest[1]} or newer, and none was found"
    raise MissingEnvironmentError(message)


def _install(place: Path, python: Path, requirements: str) -> None:
    """Make an environment, unless it is there with just these requirements."""
    if _holds(place, requirements):
        return
    draft = place.with_name(f"{place.name}.txt")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(requirements)
    options = ["--quiet", "--no-config", "--python"]
    target = place / "bin" / "python"
    for command in (
        ["uv", "venv", "--clear", *options, str(python), str(place)],
        ["uv", "pip", "install", *options, str(target), "-r", str(draft)],
    ):
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            message = f"it cannot be installed: {said.strip().splitlines()[-1]}"
            raise MissingEnvironmentError(message) from error
    draft.replace(place / "requirements.txt")
