"""A report as one HTML file that asks nobody for anything."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from itertools import repeat

from headrace.bench.document import Block, Document, Grid, Heading, Paragraph, Plot
from headrace.bench.palette import BETTER, INK, LINE, PAPER, QUIET, WORSE, dark_css
from headrace.bench.svg import FONT

_COLOURS = {
    "paper": PAPER,
    "ink": INK,
    "quiet": QUIET,
    "line": LINE,
    "better": BETTER,
    "worse": WORSE,
}

_RULES = """
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 FONT}
main{max-width:64rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.7rem;line-height:1.2}
h2{font-size:1.3rem;margin:2.5rem 0 .75rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .25rem}
p{max-width:46rem;margin:.5rem 0;overflow-wrap:anywhere}
.warning{border-left:.25rem solid var(--worse);padding-left:.75rem}
figure{margin:1.5rem 0;overflow-x:auto}
figure svg{display:block;width:100%;min-width:40rem;height:auto}
figcaption{max-width:46rem;color:var(--quiet);font-size:.9rem}
figcaption b{color:var(--ink)}
.grid{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);text-align:left}
th{color:var(--quiet);font-weight:600;vertical-align:bottom}
.number{text-align:right;white-space:nowrap}
.better{color:var(--better)}
.worse{color:var(--worse)}
.unsure{font-style:italic}
"""


def html(document: Document) -> str:
    """Return a report as a page: its styles and plots are in it, and it may load nothing else."""
    css = _css()
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escape(document.title)
    body = "\n".join(_block(block) for block in document.blocks)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{escape(block.text)}</h{block.level}>"
        case Paragraph():
            return f"<p{_class('warning' if block.warning else '')}>{escape(block.text)}</p>"
        case Grid():
            return _grid(block)
        case Plot():
            caption = f"<b>{escape(block.title)}.</b> {escape(block.caption)}"
            return f"<figure>\n<figcaption>{caption}</figcaption>\n{block.svg}\n</figure>"


def _grid(grid: Grid) -> str:
    head = _cells("th", grid.head, grid.words)
    rows = "\n".join(
        f"<tr{_class(mark)}>{_cells('td', row, grid.words)}</tr>"
        for row, mark in zip(grid.rows, grid.marks or repeat(""), strict=False)
    )
    return (
        '<div class="grid">\n<table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _cells(tag: str, cells: Sequence[str], words: int) -> str:
    return "".join(
        f"<{tag}{_class('' if column < words else 'number')}>{escape(cell)}</{tag}>"
        for column, cell in enumerate(cells)
    )


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _css() -> str:
    light = "".join(f"--{name}:{colour.light};" for name, colour in _COLOURS.items())
    dark = "".join(f"--{name}:{colour.dark};" for name, colour in _COLOURS.items())
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"{_RULES.replace('FONT', FONT)}{dark_css()}"
    )
