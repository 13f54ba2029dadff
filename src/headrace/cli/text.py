"""Text for a terminal: what comes from jobs and servers cannot speak to it or forge a line."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
from msgspec import Raw


def escaped(line: str) -> str:
    """Return a text with everything escaped that is not printable, line ends too."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def plain(value: object) -> str:
    """Return a value as one word: quoted if it has spaces or cannot be printed."""
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)


def cut(text: str, length: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equal length as columns, escaped."""
    cells = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def raw_json(value: object) -> Raw:
    """Return a value as JSON. One that JSON cannot hold becomes the text of its representation."""
    try:
        return Raw(msgspec.json.encode(value, enc_hook=repr))
    except RecursionError:
        return Raw(b'"nested too deeply to be shown"')
    except (TypeError, ValueError):
        return Raw(msgspec.json.encode(repr(value)))


def json_line(value: object) -> str:
    """Return a value as one line of JSON, with what is not printable escaped as JSON has it."""
    text = bytes(raw_json(value)).decode()
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
