"""Each migration page shows a program twice. Both are run as a reader would run them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

pytest.importorskip("headrace_redis")

from benchmarks.peers.environment import MissingEnvironmentError, standing
from headrace.cli.main import main
from tests.migrate.page import Side, Step, read_page
from tests.migrate.peers import TABS, peer_of, version_of
from tests.migrate.terminal import Terminal
from tests.servers import REDIS_SERVERS, RedisServer

ROOT = Path(__file__).parent.parent.parent
PAGES = ROOT / "docs" / "migrate"
OURS = "Headrace"
SERVER = "redis://localhost:6379/0"
PINNED = Path(sys.executable).parent

SAMPLE = """\
=== "One"

    ```python title="a.py"
    first = 1
    ```

    Words.

    ```console
    $ worker &
    $ python a.py
    1
    2
    ```

=== "Two"

    ```python title="a.py"
    if 2:

        print(2)
    ```

Words again.

=== "One"

    ```python title="a.py"
    second = 2
    ```
"""


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, folder).start()
    try:
        yield server.url
    finally:
        server.stop()


def page_of(peer: str) -> Path:
    return PAGES / f"{peer}.md"


def commands_of(peer: str) -> Path:
    """Where the commands of a peer are, or skip the test visibly."""
    try:
        found = standing(peer_of(peer))
    except MissingEnvironmentError as error:
        pytest.skip(str(error))
    if found is None:
        pytest.skip(f"{peer} is not here: uv run python -m tests.migrate.peers")
    return found


def play(side: Side, folder: Path, binaries: Path) -> list[Terminal]:
    """Do what one side of a page shows, each block of commands on an empty server."""
    place = folder / "empty"
    place.mkdir()
    terminals: list[Terminal] = []
    for number, session in enumerate(side.sessions):
        with running_server(folder / f"server-{number}") as url:
            for name, text in side.files.items():
                (place / name).write_text(text.replace(SERVER, url))
            with Terminal(place, binaries, folder / f"session-{number}.log") as terminal:
                for step in session:
                    assert terminal.type(step.command.replace(SERVER, url)) == step.output
            terminals.append(terminal)
    return terminals


def outputs(side: Side) -> list[list[str]]:
    return [[step.output for step in session if step.output] for session in side.sessions]


@pytest.mark.parametrize("peer", TABS)
@pytest.mark.timeout(300)
def test_what_headrace_is_said_to_do_it_does(peer: str, tmp_path: Path) -> None:
    side = read_page(page_of(peer))[OURS]
    terminals = play(side, tmp_path, PINNED)
    assert {code for terminal in terminals for code in terminal.codes} == {0}
    assert any(" begins" in terminal.log.read_text() for terminal in terminals)


@pytest.mark.parametrize("peer", TABS)
@pytest.mark.timeout(300)
def test_what_the_other_one_is_said_to_do_it_does(peer: str, tmp_path: Path) -> None:
    binaries = commands_of(peer)
    side = read_page(page_of(peer))[TABS[peer]]
    assert any(terminal.codes for terminal in play(side, tmp_path, binaries))


@pytest.mark.parametrize("peer", TABS)
def test_both_print_the_same(peer: str) -> None:
    sides = read_page(page_of(peer))
    assert sides.keys() == {TABS[peer], OURS}
    assert outputs(sides[OURS]) == outputs(sides[TABS[peer]])
    assert outputs(sides[OURS])


@pytest.mark.parametrize("peer", TABS)
def test_a_page_is_about_the_version_that_it_runs_with(peer: str) -> None:
    assert f"{TABS[peer]} {version_of(peer)}" in page_of(peer).read_text()


@pytest.mark.parametrize("peer", TABS)
def test_options_that_are_named_are_there(peer: str) -> None:
    ours = [line.split("|")[-2] for line in page_of(peer).read_text().splitlines() if "|" in line]
    known = {
        option
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    named = set(re.findall(r"`(--[a-z-]+)", "\n".join(ours)))
    assert named
    assert named <= known


def test_a_page_is_read_tab_by_tab(tmp_path: Path) -> None:
    (tmp_path / "sample.md").write_text(SAMPLE)
    sides = read_page(tmp_path / "sample.md")
    assert sides["One"].files == {"a.py": "first = 1\n\n\nsecond = 2\n"}
    assert sides["One"].sessions == [[Step("worker &", ""), Step("python a.py", "1\n2\n")]]
    assert sides["Two"].files == {"a.py": "if 2:\n\n    print(2)\n"}


def test_a_command_that_fails_is_told_with_what_ran_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "empty"
    place.mkdir()
    (place / "beside.py").write_text("print('worker')\nopen('up', 'w').close()\ninput()\n")
    (place / "fails.py").write_text(
        "import os, sys\nwhile not os.path.exists('up'): pass\nsys.exit(f'no {os.environ[\"WHAT\"]}')"
    )
    with Terminal(place, PINNED, tmp_path / "log") as terminal:
        assert terminal.type("export WHAT=luck") == ""
        assert terminal.type("python beside.py &") == ""
        with pytest.raises(AssertionError, match=r"(?s)no luck.*worker"):
            terminal.type("python fails.py")
    assert len(terminal.codes) == 1
