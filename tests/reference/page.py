"""A page of the reference, as its headings and the tables below them."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "docs" / "reference"


def sections(name: str) -> dict[str, str]:
    """Return the text below each heading of a page, up to the next one."""
    parts = re.split(r"^#+ (.+)$", (FOLDER / name).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without their heads."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|---"):
            found.pop()
        elif line.startswith("|"):
            found.append([cell.strip() for cell in line[1:-1].split("|")])
    return found


def column(text: str, number: int) -> dict[str, str]:
    """Return the cells of a column by the code that stands in the first one."""
    return {row[0].strip("`"): row[number] for row in rows(text)}
