"""The plots of a run, of whatever it has the figures for."""

# matplotlib leaves the types of its **kwargs open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from headrace.bench.canvas import (
    LEAST,
    MOST,
    count_by_powers,
    count_from_zero,
    label_rows,
    look,
    note_row,
    panels,
    plot,
)
from headrace.bench.document import Plot
from headrace.bench.palette import INK, PAPER, QUIET, SUBJECTS
from headrace.bench.record import Record, Series
from headrace.bench.rows import LONGEST, ROW, Row, Rows, lay_out, without
from headrace.bench.summary import figures, floor_of, ordered, share
from headrace.bench.wording import number, option, options, percent, shown, spread

PERCENTILES = {"p50": "o", "p90": "s", "p99": "D", "p99.9": "^", "max": "X"}
"""With their markers."""

STAGES = ("claim", "decode", "run", "settle")
"""In the order in which a job goes through them."""

MOST_PANELS = 4
MOST_LINES = 30
"""Of one plot; what is more is in the tables alone."""

_MARKERS = "osD^vPX*"
_SAFE = re.compile(r"[a-z][a-z0-9-]{0,30}")

_Colours: TypeAlias = dict[str, str]


def plots(record: Record) -> list[Plot]:
    """Return the plots that the record has the figures for."""
    found = [series for series in figures(record) if _can_be_drawn(series)]
    colours = _cycled(dict.fromkeys(series.subject for series in found))
    drawn: list[Plot | None] = []
    with look():
        for place, workload in enumerate(dict.fromkeys(series.workload for series in found)):
            its = ordered(series for series in found if series.workload == workload)
            name = workload if _SAFE.fullmatch(workload) else f"workload_{place}"
            if workload == "scaling":
                drawn.append(_scaling(name, its, colours))
            else:
                drawn.append(_throughput(name, its, colours))
            drawn += [_percentiles(name, its, colours), _stages(name, its)]
    return [one for one in drawn if one is not None]


def _throughput(name: str, found: Sequence[Series], colours: _Colours) -> Plot | None:
    """Draw bars, with the least and the greatest value and what the driver alone did."""
    found = _of_one_unit(found, ["throughput"])
    if not found:
        return None
    rows = lay_out(found)
    figure, [axes] = panels([rows.height * ROW])
    for row in rows.rows:
        _bar(axes, row, colours)
    label_rows(axes, rows)
    count_from_zero(axes.xaxis, axes)
    axes.set_xlabel(found[0].unit)
    caption = "Median of the repetitions; the thin line goes from the least to the greatest."
    if any(series.floor for series in found):
        caption += (
            " The upright mark is what the driver alone did in the same run,"
            " the percentage the share of it that is reached."
        )
    caption += _what_is_left_out([rows])
    return plot(figure, f"{name}-throughput", f"Throughput: {found[0].workload}", caption)


def _bar(axes: Axes, row: Row, colours: _Colours) -> None:
    series = row.found[0]
    axes.barh(row.place, series.middle, height=0.7, color=colours[series.subject])
    axes.plot(series.spread, [row.place, row.place], color=INK.light, linewidth=1.2)
    if floor := floor_of(series):
        ends = row.place - 0.42, row.place + 0.42
        axes.vlines(floor.middle, *ends, color=INK.light, linewidth=2.4)
    reached = [percent(share(series))] if series.floor else []
    note_row(axes, row.place, spread([series.middle], series.middle), *reached)


def _scaling(name: str, found: Sequence[Series], colours: _Colours) -> Plot | None:
    """Draw throughput over worker processes, and what it were if each brought as much."""
    grouped: dict[str, dict[str, list[Series]]] = {}
    found = [s for s in _of_one_unit(found, ["throughput"]) if 0 < _workers(s) <= MOST]
    for series in found:
        panel = grouped.setdefault(options(without(series.variant, ["workers"])), {})
        panel.setdefault(series.subject, []).append(series)
    chosen = {
        heading: dict(list(lines.items())[:MOST_LINES])
        for heading, lines in list(grouped.items())[:MOST_PANELS]
    }
    if not any(len(line) > 1 for lines in chosen.values() for line in lines.values()):
        return None
    subjects = dict.fromkeys(subject for lines in chosen.values() for subject in lines)
    legend = [_handle(colours[subject], _marker(subject, colours)) for subject in subjects]
    legend.append(Line2D([], [], color=QUIET.light, linestyle="--", linewidth=1))
    names = [*(shown(subject, LONGEST) for subject in subjects), "ideal"]
    figure, sheets = panels([2.9 + len(names) // 5 * 0.2] * len(chosen), beside=True)
    for axes, (heading, lines) in zip(sheets, chosen.items(), strict=True):
        for subject, line in lines.items():
            _line(axes, sorted(line, key=_workers), colours[subject], _marker(subject, colours))
        ticks = _apart(sorted({_workers(series) for line in lines.values() for series in line}))
        axes.set_xticks(ticks, [number(count) for count in ticks])
        axes.set_title(shown(heading, LONGEST))
        axes.set_xlabel("worker processes")
        axes.grid(axis="y")
        count_from_zero(axes.yaxis, axes)
    sheets[0].set_ylabel(found[0].unit)
    figure.legend(legend, names, loc="outside upper left", ncols=min(5, len(names)))
    caption = (
        "Median of the repetitions, with the least and the greatest. Dashed: what it were if each"
        " process brought as much as those of the first point."
    )
    return plot(figure, f"{name}-workers", "Throughput over worker processes", caption)


def _line(axes: Axes, line: Sequence[Series], colour: str, marker: str) -> None:
    counts = [_workers(series) for series in line]
    for count, series in zip(counts, line, strict=True):
        axes.vlines(count, *series.spread, color=colour, linewidth=1.2)
    axes.plot(counts, [series.middle for series in line], color=colour, marker=marker)
    ideal = [line[0].middle / counts[0] * count for count in counts]
    axes.plot(counts, ideal, color=colour, linestyle="--", linewidth=1)


def _percentiles(name: str, found: Sequence[Series], colours: _Colours) -> Plot | None:
    """Draw a row of marks, one for each percentile, from the moment that `of` names."""
    found = _of_one_unit(found, PERCENTILES)
    if len({series.metric for series in found}) < 2:
        return None
    moments = list(dict.fromkeys(series.variant.get("of", "") for series in found))[:MOST_PANELS]
    laid = [
        lay_out([s for s in found if s.variant.get("of", "") == moment], within=["of"])
        for moment in moments
    ]
    figure, sheets = panels([rows.height * ROW + 0.5 for rows in laid])
    for axes, moment, rows in zip(sheets, moments, laid, strict=True):
        for row in rows.rows:
            _marks(axes, row, colours)
        label_rows(axes, rows)
        if all(min(series.values) > 0 for row in rows.rows for series in row.found):
            count_by_powers(axes)
        axes.set_title(shown(f"until the {moment}", LONGEST) if moment else "")
        axes.set_xlabel(found[0].unit)
    seen = [metric for metric in PERCENTILES if any(s.metric == metric for s in found)]
    legend = [_handle(QUIET.light, PERCENTILES[metric]) for metric in seen]
    figure.legend(legend, seen, loc="outside upper left", ncols=len(seen))
    return plot(
        figure,
        f"{name}-percentiles",
        f"Percentiles: {found[0].workload}",
        "Medians of the repetitions; the thin lines go from the least to the greatest."
        + _what_is_left_out(laid),
    )


def _marks(axes: Axes, row: Row, colours: _Colours) -> None:
    middles = [series.middle for series in row.found]
    colour = colours[row.found[0].subject]
    axes.plot([min(middles), max(middles)], [row.place] * 2, color=colour, alpha=0.35, linewidth=3)
    for series in row.found:
        axes.plot(series.spread, [row.place] * 2, color=INK.light, linewidth=1)
        axes.plot(series.middle, row.place, PERCENTILES[series.metric], color=colour, markersize=5)


def _stages(name: str, found: Sequence[Series]) -> Plot | None:
    """Draw what a job costs as a bar of which each stage is a part."""
    found = [s for s in _of_one_unit(found, ["cost"]) if "stage" in s.variant]
    if not found:
        return None
    seen = dict.fromkeys(_stage(series) for series in found)
    stages = [stage for stage in dict.fromkeys([*STAGES, *seen]) if stage in seen]
    colours = _cycled(stages)
    rows = lay_out(found, within=["stage"])
    figure, [axes] = panels([rows.height * ROW + 0.3])
    longest = max(sum(series.middle for series in row.found) for row in rows.rows)
    for row in rows.rows:
        left = 0.0
        for series in sorted(row.found, key=lambda s: stages.index(_stage(s))):
            width, colour = series.middle, colours[_stage(series)]
            axes.barh(row.place, width, left=left, height=0.7, color=colour)
            if width > 0.06 * longest:
                _write(axes, left + width / 2, row.place, number(width, 1))
            left += width
        note_row(axes, row.place, number(left, 1))
    label_rows(axes, rows)
    count_from_zero(axes.xaxis, axes)
    axes.set_xlabel(found[0].unit)
    legend = [_handle(colours[stage], "s") for stage in stages]
    names = [shown(stage, LONGEST) for stage in stages]
    figure.legend(legend, names, loc="outside upper left", ncols=min(6, len(stages)))
    caption = "Medians of the repetitions; at the right their sum." + _what_is_left_out([rows])
    return plot(figure, f"{name}-cost", "What a job costs, by stage", caption)


def _stage(series: Series) -> str:
    return option(series.variant["stage"])


def _what_is_left_out(laid: Sequence[Rows]) -> str:
    return "" if all(rows.complete for rows in laid) else " What is not drawn is in the tables."


def _can_be_drawn(series: Series) -> bool:
    return all(value == 0 or LEAST <= value <= MOST for value in series.values + series.floor)


def _of_one_unit(found: Sequence[Series], metrics: Collection[str]) -> list[Series]:
    """Return the figures of some metrics; if there are several units, only those of the first."""
    chosen = [series for series in found if series.metric in metrics]
    return [series for series in chosen if series.unit == chosen[0].unit]


def _cycled(names: Iterable[str]) -> _Colours:
    return {name: SUBJECTS[place % len(SUBJECTS)].light for place, name in enumerate(names)}


def _marker(subject: str, colours: _Colours) -> str:
    place = list(colours).index(subject)
    # One colour has another marker each time that it comes round.
    return _MARKERS[(place + place // len(SUBJECTS)) % len(_MARKERS)]


def _handle(colour: str, marker: str) -> Line2D:
    return Line2D([], [], color=colour, marker=marker, linestyle="none")


def _write(axes: Axes, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, ha="center", va="center", color=PAPER.light, fontsize=8)


def _workers(series: Series) -> float:
    """Return how many processes worked, or 0 if that is unknown."""
    workers = series.variant.get("workers", 0)
    return 0 if isinstance(workers, str) else workers


def _apart(counts: Sequence[float]) -> list[float]:
    """Return those of rising numbers whose labels do not touch on an axis."""
    chosen: list[float] = []
    for count in reversed(counts):
        if not chosen or chosen[-1] - count >= counts[-1] / 20:
            chosen.append(count)
    return chosen[::-1]
