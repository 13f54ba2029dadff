"""The examples run on each kind of server, a fresh one for each test, from terminals of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.examples.terminal import Terminal
from tests.faults.site import KINDS, Site, kind_of

ROOT = Path(__file__).parents[2]

Open: TypeAlias = Callable[..., Terminal]


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    kind = kind_of(request.param)
    # A server that keeps jobs safely gives nobody a reason to warn.
    site = kind(tmp_path / "server", **kind.durable)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def url(site: Site) -> str:
    return site.url


@pytest.fixture
def terminal(url: str) -> Iterator[Open]:
    """Open terminals in the folder of the repository, with the broker's URL set."""
    with ExitStack() as stack:

        def opened(folder: Path = ROOT, **environment: str) -> Terminal:
            terminal = Terminal(folder, {"HEADRACE_URL": url, **environment})
            stack.callback(terminal.close)
            return terminal

        yield opened


@pytest.fixture
def worker(terminal: Open) -> Iterator[Callable[..., Terminal]]:
    """Start `headrace worker` in a terminal, and see in the end that it stops in order."""
    working: list[Terminal] = []

    def started(command: str, **environment: str) -> Terminal:
        opened = terminal(**environment)
        opened.type(f"headrace worker {command}")
        opened.read_until("worker is serving")
        working.append(opened)
        return opened

    yield started
    for opened in working:
        if opened.busy:
            code, lines = opened.interrupt()
            assert code == 0, lines
