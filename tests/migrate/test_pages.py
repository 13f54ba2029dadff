"""Each migration page shows a program twice. Both are run as a reader would run them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest

pytest.importorskip("headrace_redis")
pytest.importorskip("headrace_nats")

from headrace.cli.main import main
from tests.migrate.ground import commands_of, running_server
from tests.migrate.page import Side, Step, read_page
from tests.migrate.peers import TABS, version_of
from tests.migrate.terminal import Terminal

ROOT = Path(__file__).parent.parent.parent
PAGES = ROOT / "docs" / "migrate"
OURS = "Headrace"
SERVER = "redis://localhost:6379/0"
PINNED = Path(sys.executable).parent
WORD = re.compile("[A-Za-z][A-Za-z_]+")
EXAMPLES = {"app", "mail", "receipt", "reports", "shop"}
"""Words in tables that are somebody's own."""

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


def page_of(peer: str) -> Path:
    return PAGES / f"{peer}.md"


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
                    assert terminal.enter(step.command.replace(SERVER, url)) == step.output
            assert terminal.early == 0, terminal.log.read_text()
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


def codes(peer: str, column: int) -> list[str]:
    """Return what is set as code in one column of the tables of names."""
    tables = page_of(peer).read_text().split("## Names")[1].split("## What bites")[0]
    rows = [line.split("|") for line in tables.splitlines() if line.startswith("| ")]
    return [code for row in rows for code in re.findall("`([^`]+)`", row[column])]


def unknown_words(codes: list[str], folders: list[Path]) -> set[str]:
    """Return which words of some code are nowhere in the sources of some folders."""
    sources = [path.read_text(errors="replace") for one in folders for path in one.rglob("*.py")]
    text = "\n".join(sources).replace("-", "_")
    bare = [re.sub('"[^"]*"', "", code).replace("-", "_") for code in codes]
    words = {word.strip("_") for code in bare for word in WORD.findall(code)}
    return {word for word in words - EXAMPLES if word not in text}


@pytest.mark.parametrize("peer", TABS)
def test_names_of_ours_are_there(peer: str) -> None:
    known = {
        option
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    ours = codes(peer, 2)
    assert {found for code in ours for found in re.findall("--[a-z-]+", code)} <= known
    assert unknown_words(ours, [ROOT / "src"]) == set()
    assert len(ours) > 20


@pytest.mark.parametrize("peer", TABS)
def test_names_of_the_other_one_are_there(peer: str) -> None:
    packages = commands_of(peer).parent / "lib"
    [place] = packages.glob("python3.*/site-packages")
    names = ("celery", "kombu", "arq", "taskiq", "taskiq_redis", "saq")
    folders = [place / name for name in names if (place / name).is_dir()]
    assert unknown_words(codes(peer, 1), folders) == set()
    assert len(codes(peer, 1)) > 20


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
        "import os\nwhile not os.path.exists('up'): pass\nraise SystemExit(os.environ['WHAT'])"
    )
    with Terminal(place, PINNED, tmp_path / "log") as terminal:
        assert terminal.enter("export WHAT=luck") == ""
        assert terminal.enter("python beside.py &") == ""
        with pytest.raises(AssertionError, match=r"(?s)luck.*worker"):
            terminal.enter("python fails.py")
    assert len(terminal.codes) == 1
