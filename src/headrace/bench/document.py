"""What a report says, whatever language it is written in."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Mark = Literal["", "better", "worse", "unsure"]


class Heading(Struct, frozen=True):
    """The beginning of a section.

    Attributes:
        text: Its name.
        level: 2 for a section, 3 for a part of one.
    """

    text: str
    level: Literal[2, 3] = 2


class Paragraph(Struct, frozen=True):
    """A sentence or more.

    Attributes:
        text: Begins with a word of ours, never with one from the record.
        warning: Whether a reader must not miss it.
    """

    text: str
    warning: bool = False


class Grid(Struct, frozen=True):
    """A table.

    Attributes:
        head: The names of the columns.
        rows: As many cells each as the head.
        words: So many columns, from the left, hold words; the others hold numbers.
        marks: What each row is to be seen as; empty: nothing.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int
    marks: tuple[Mark, ...] = ()


class Plot(Struct, frozen=True):
    """A drawing.

    Attributes:
        name: A word for files and anchors.
        title: What it shows.
        caption: How to read it.
        svg: An `<svg>` element in the colours of a light page, to be read with `palette.dark_css`.
    """

    name: str
    title: str
    caption: str
    svg: str


Block = Heading | Paragraph | Grid | Plot


class Document(Struct, frozen=True):
    """A report.

    Attributes:
        title: Of the whole.
        blocks: From top to bottom.
    """

    title: str
    blocks: tuple[Block, ...]
