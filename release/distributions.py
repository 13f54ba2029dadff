"""The three distributions: built, and built again to see that the bytes are the same."""

from __future__ import annotations

import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from release.command import run

PROJECTS = {
    "headrace": Path(),
    "headrace_redis": Path("brokers/redis"),
    "headrace_nats": Path("brokers/nats"),
}
"""Where each project stands in the repository, by the name of its package."""

HATCHLING = (sys.executable, "-m", "hatchling", "build")

_ELSEWHERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "7", "HOME": "/nowhere"}


def build(project: Path, out: Path, epoch: int, *targets: str) -> None:
    """Build a project's wheel and source distribution.

    Args:
        project: Its folder.
        out: Where the files go.
        epoch: The time that is written into them, in seconds since the epoch.
        targets: `sdist` or `wheel`; if none is given, both.
    """
    chosen = [word for target in targets for word in ("-t", target)]
    run(*HATCHLING, "-d", out, *chosen, cwd=project, SOURCE_DATE_EPOCH=str(epoch))


def build_elsewhere(project: Path, out: Path, epoch: int) -> None:
    """Build as another machine would: files of another age and other rights, another everything."""
    for path in project.rglob("*"):
        os.utime(path, (0, 0))
        path.chmod(0o700 if path.is_dir() else 0o600)
    command = ("sh", "-c", 'umask 077; exec "$@"', "sh", *HATCHLING, "-d", out)
    run(*command, cwd=project, SOURCE_DATE_EPOCH=str(epoch), **_ELSEWHERE)


def build_from_sdist(sdist: Path, folder: Path, out: Path, epoch: int) -> None:
    """Build the wheel from a source distribution, which is unpacked below a folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    build(folder / sdist.name.removesuffix(".tar.gz"), out, epoch, "wheel")


def differing(first: Path, second: Path, pattern: str = "*") -> Iterator[str]:
    """Yield the names of files that only one of two folders has, or with other bytes."""
    names = {path.name for folder in (first, second) for path in folder.glob(pattern)}
    for name in sorted(names):
        pair = (first / name, second / name)
        if not all(path.exists() for path in pair) or len({path.read_bytes() for path in pair}) > 1:
            yield name
