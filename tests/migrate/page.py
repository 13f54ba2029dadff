"""A page that shows two programs side by side, in tabs: their files, and what a reader types."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from msgspec import Struct

TAB = re.compile(r'^=== "([^"]+)"\n\n((?: {4}.*\n|\n)+)', re.MULTILINE)
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
STEP = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


class Step(Struct, frozen=True):
    """A command, and what it prints.

    Attributes:
        command: As it is typed; one that ends in `&` runs beside those after it.
        output: As the page shows it.
    """

    command: str
    output: str


class Side(Struct, frozen=True):
    """One of the two programs.

    Attributes:
        files: By name. Blocks with the same title are parts of one file, in their order.
        sessions: What is typed in each block of commands.
    """

    files: dict[str, str]
    sessions: list[list[Step]]


def read_page(path: Path) -> dict[str, Side]:
    """Return the programs of a page by the names of their tabs."""
    sides: dict[str, Side] = {}
    for name, indented in TAB.findall(path.read_text()):
        side = sides.setdefault(name, Side({}, []))
        for language, title, text in FENCE.findall(textwrap.dedent(indented)):
            if title:
                above = side.files.get(title)
                side.files[title] = text if above is None else f"{above}\n\n{text}"
            elif language == "console":
                side.sessions.append([Step(*step) for step in STEP.findall(text)])
    return sides
