"""A sheet to draw on: one look for all plots, and the same bytes for the same figures."""

# matplotlib leaves the types of its **kwargs open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import StringIO

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from headrace.bench.document import Plot
from headrace.bench.palette import INK, LINE, PAPER, QUIET
from headrace.bench.rows import Rows
from headrace.bench.svg import inlined
from headrace.bench.wording import number

WIDTH = 8.0
"""Inches, of which each has 72 points."""

LEAST, MOST = 1e-9, 1e15
"""Between these numbers, and at zero, an axis can be drawn."""

_LOOK = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINE.light,
    "axes.facecolor": PAPER.light,
    "axes.labelcolor": QUIET.light,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": PAPER.light,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": LINE.light,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "savefig.facecolor": PAPER.light,
    "svg.fonttype": "none",
    "svg.hashsalt": "headrace",
    "text.color": INK.light,
    "text.parse_math": False,
    "xtick.color": LINE.light,
    "xtick.labelcolor": QUIET.light,
    "ytick.color": LINE.light,
    "ytick.labelcolor": INK.light,
}


@contextmanager
def look() -> Generator[None]:
    """Give what is drawn in the block one look, whatever the user's settings of matplotlib are."""
    with style.context(_LOOK, after_reset=True), warnings.catch_warnings():
        # The reader's fonts will have what the one that is measured with has not.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def panels(sizes: Sequence[float], *, beside: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a sheet and its panels: beside each other, or below, and then on one scale.

    No pyplot: a figure of its own leaves nothing behind and asks for no display.

    Args:
        sizes: The height of each panel in inches.
        beside: The panels stand in one line, and the highest counts.
    """
    height = max(sizes) if beside else sum(sizes)
    figure = Figure(figsize=(WIDTH, height + 0.6))
    if beside:
        return figure, [figure.add_subplot(1, len(sizes), n + 1) for n in range(len(sizes))]
    grid = figure.add_gridspec(len(sizes), 1, height_ratios=sizes)
    first = figure.add_subplot(grid[0, 0])
    others = [figure.add_subplot(grid[n, 0], sharex=first) for n in range(1, len(sizes))]
    return figure, [first, *others]


def plot(figure: Figure, name: str, title: str, caption: str) -> Plot:
    """Return what was drawn on a sheet."""
    drawn = StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(drawn, format="svg", metadata=nothing)
    return Plot(name, title, caption, inlined(drawn.getvalue(), name, title))


def count_from_zero(axis: Axis, axes: Axes) -> None:
    """Scale an axis evenly, from zero on, so that lengths are to each other as the figures are."""
    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(_tick))
    axes.margins(0.02)
    if axis is axes.xaxis:
        axes.set_xlim(0, max(axes.get_xlim()[1], LEAST))
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], LEAST))


def count_by_powers(axes: Axes) -> None:
    """Scale the horizontal axis by powers of ten, with ticks at 1, 2 and 5 of each."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def label_rows(axes: Axes, rows: Rows) -> None:
    """Write the names of rows at the left, and their headings where no row is."""
    axes.set_yticks([row.place for row in rows.rows], [row.label for row in rows.rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(rows.height - 0.4, -0.6)
    axes.grid(axis="x")
    for heading, place in rows.headings:
        at = axes.get_yaxis_transform()
        axes.text(0, place, heading, transform=at, va="center", weight="bold", color=QUIET.light)


def note_row(axes: Axes, place: float, *texts: str) -> None:
    """Write something at the right of a row, in columns."""
    for column, text in enumerate(texts):
        axes.annotate(
            text,
            (1, place),
            (55 + 40 * column, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="center",
            annotation_clip=False,
        )


def _tick(value: float, _place: int | None = None) -> str:
    return number(value) if abs(value) >= 1000 else f"{value:g}"
