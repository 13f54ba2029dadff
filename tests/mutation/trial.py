"""One mutant against its tests, in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.mutation.areas import ROOT, Target
from tests.mutation.redis_url import VARIABLE
from tests.mutation.swap import swap
from tests.servers import REDIS_SERVERS, RedisServer

FLAGS = (
    "-x",
    "-q",
    "-p",
    "no:asyncio",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:benchmark",
)
# Nobody reads why a test fails.
PLAIN = ("--assert=plain", "--tb=no")
SETTINGS = ("-o", "addopts=--import-mode=importlib", "-o", "timeout=0")
BROKEN = 70
"""The exit code of a trial in which pytest did not come to run."""

SELECTED = "not bounds and not cluster"


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


def fate_of(target: Target, text: str, limit: int) -> Fate:
    """Run the tests of a file on another text of it.

    Args:
        target: The file.
        text: What takes its place.
        limit: Seconds after which the mutant counts as one that hangs.

    Raises:
        RuntimeError: pytest did not run.
    """
    with _server(target) as url:
        child = os.fork()
        if child == 0:
            _run(target, text, limit, url)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        return Fate.TIMED_OUT
    if code == BROKEN:
        message = f"pytest did not run for {target.path}"
        raise RuntimeError(message)
    return Fate.KILLED if code else Fate.SURVIVED


def _run(target: Target, text: str, limit: int, url: str) -> None:
    """Be the child: it never returns."""
    code = BROKEN
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.dup2(silence, sys.stderr.fileno())
        os.environ[VARIABLE] = url
        swap(ROOT / target.path, text)
        signal.alarm(limit)
        chosen = ("-k", target.only, "-m", SELECTED)
        code = pytest.main([*FLAGS, *PLAIN, *SETTINGS, *chosen, *target.tests])
    finally:
        os._exit(code)


@contextmanager
def _server(target: Target) -> Generator[str]:
    """Have a server of the trial's own: a mutant may leave a script in it that never ends."""
    if not target.server:
        yield ""
        return
    binary = REDIS_SERVERS["valkey-9.1"]()
    assert binary is not None, "there is no Valkey here"
    with TemporaryDirectory() as folder:
        server = RedisServer(binary, Path(folder)).start()
        try:
            yield server.url
        finally:
            server.kill()
