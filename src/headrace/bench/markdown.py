"""A report as a Markdown page, with its plots as files beside it."""

from __future__ import annotations

from headrace.bench.document import Block, Document, Grid, Heading, Paragraph, Plot

_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*_[]"} | {
    ord(char): f"&#{ord(char)};" for char in "<>&|~$"
}


def markdown(document: Document) -> str:
    """Return a report as Markdown that GitHub and MkDocs show alike.

    It expects each plot in a file of its name beside the page: `drain-throughput.svg`.
    """
    blocks = (_block(block) for block in document.blocks)
    return "\n\n".join([f"# {_text(document.title)}", *blocks]) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_text(block.text)}"
        case Paragraph():
            text = _text(block.text)
            return f"**{text}**" if block.warning else text
        case Grid():
            return _grid(block)
        case Plot():
            image = f"![{_text(block.title)}]({block.name}.svg)"
            return f"**{_text(block.title)}.** {_text(block.caption)}\n\n{image}"


def _grid(grid: Grid) -> str:
    sides = [":--" if column < grid.words else "--:" for column in range(len(grid.head))]
    rows = [[_text(cell) for cell in row] for row in (grid.head, *grid.rows)]
    lines = [f"| {' | '.join(row)} |" for row in [rows[0], sides, *rows[1:]]]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Return a text in which nothing is markup, in whichever dialect."""
    return text.translate(_ESCAPES)
