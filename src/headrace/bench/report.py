"""What a report says of a run, from top to bottom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from headrace.bench.comparison import (
    RELEVANT,
    SIGNIFICANT,
    Change,
    Verdict,
    by_chance,
    compare,
)
from headrace.bench.document import Block, Document, Grid, Heading, Mark, Paragraph, Plot
from headrace.bench.record import Record, Series
from headrace.bench.summary import tables
from headrace.bench.wording import (
    NOTHING,
    duration,
    moment,
    number,
    option,
    options,
    percent,
    spread,
)

_MARKS: dict[Verdict, Mark] = {
    Verdict.BETTER: "better",
    Verdict.WORSE: "worse",
    Verdict.TOO_FEW: "unsure",
}
_ORDER = (
    Verdict.WORSE,
    Verdict.BETTER,
    Verdict.TOO_FEW,
    Verdict.ADDED,
    Verdict.GONE,
    Verdict.NOISE,
)
_SIGNS = {Verdict.BETTER: "▲ ", Verdict.WORSE: "▼ "}


def report(record: Record, plots: Sequence[Plot], against: Record | None = None) -> Document:
    """Return what there is to say of a run.

    Args:
        record: The run, `presentable`.
        plots: Of it.
        against: An earlier run to compare it with, `presentable`.
    """
    blocks: list[Block] = [*_cautions(record)]
    if against is not None:
        blocks += _comparison(record, against)
    if plots:
        blocks += [Heading("Plots"), *plots]
    blocks += [Heading("Figures"), _how_to_read(record), *_figures(record)]
    blocks += [Heading("The run"), _facts(record)]
    return Document(f"Benchmarks of {moment(record.began)}", tuple(blocks))


def _cautions(record: Record) -> Iterator[Paragraph]:
    if not record.complete:
        yield Paragraph("The run was ended early: what is here is what was measured.", warning=True)
    for note in record.notes:
        yield Paragraph(f"Note: {note}")


def _comparison(record: Record, against: Record) -> Iterator[Block]:
    changes = compare(record, against)
    yield Heading(f"Against the run of {moment(against.began)}")
    yield Paragraph(_counted(changes))
    if differences := _differences(record, against):
        text = f"The runs differ in more than their figures: {'; '.join(differences)}."
        yield Paragraph(text, warning=True)
    noise = [change for change in changes if change.verdict is Verdict.NOISE]
    marked = [change for change in changes if change.verdict is not Verdict.NOISE]
    if marked:
        yield _changes(sorted(marked, key=lambda change: _ORDER.index(change.verdict)))
    if noise:
        yield Paragraph("Within noise:")
        yield _changes(noise)


def _counted(changes: Sequence[Change]) -> str:
    counts = Counter(change.verdict for change in changes)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in _ORDER if counts[verdict])
    return (
        f"Of {len(changes)} figures: {told or 'none'}. A figure is better or worse if the"
        " repetitions of the two runs do not overlap, if by chance that happens in less than"
        f" {percent(SIGNIFICANT)} of the cases (Mann-Whitney, exact), and if the medians differ by"
        f" more than {percent(RELEVANT)}. By chance alone at most"
        f" {number(by_chance(changes), 1)} of them would be."
    )


def _changes(changes: Iterable[Change]) -> Grid:
    changes = list(changes)
    head = ("workload", "variant", "subject", "metric", "verdict")
    return Grid(
        (*head, "before", "now", "change", "of its floor"),
        tuple(_change(change) for change in changes),
        words=len(head),
        marks=tuple(_MARKS.get(change.verdict, "") for change in changes),
    )


def _change(change: Change) -> tuple[str, ...]:
    series = change.series
    return (
        series.workload,
        options(series.variant),
        series.subject,
        f"{series.metric}, {series.unit}" if series.unit else series.metric,
        _SIGNS.get(change.verdict, "") + change.verdict.value,
        _found(change.old),
        _found(change.new),
        percent(change.relative, sign=True),
        percent(change.floor, sign=True),
    )


def _found(series: Series | None) -> str:
    return NOTHING if series is None else spread(series.values, series.middle, series.unit)


def _how_to_read(record: Record) -> Paragraph:
    text = "Each figure is the median of its repetitions, with the least and the greatest of them."
    if any(series.floor for series in record.series):
        text += (
            " “Of floor” is how near it comes to what the driver alone did in the same run:"
            " 100 % is all of it."
        )
    return Paragraph(text)


def _figures(record: Record) -> Iterator[Block]:
    for table in tables(record):
        yield Heading(table.workload, 3)
        yield Paragraph(f"Repetitions: {table.repetitions}.")
        yield table.grid


def _facts(record: Record) -> Grid:
    facts = {
        "began": moment(record.began),
        "took": duration(record.took),
        "command": record.command,
        "load": f"{record.load[0]:.2f} at the beginning, {record.load[1]:.2f} at the end",
        **_conditions(record),
    }
    return Grid(("", ""), tuple(facts.items()), words=2)


def _differences(record: Record, against: Record) -> list[str]:
    """Return under which conditions the two runs were not the same."""
    now, before = _conditions(record), _conditions(against)
    return [
        f"{name} {before.get(name, NOTHING)} → {now.get(name, NOTHING)}"
        for name in dict.fromkeys([*now, *before])
        if now.get(name) != before.get(name)
    ]


def _conditions(record: Record) -> dict[str, str]:
    """Return what a run can be repeated under, by name."""
    machine = record.machine
    return {
        "system": machine.system,
        "processor": machine.processor,
        "cores": number(machine.cores),
        "memory": f"{number(machine.memory / 2**30, 1)} GiB",
        "python": machine.python,
        "event loop": machine.event_loop,
        **{f"version of {name}": version for name, version in record.versions.items()},
        **{f"setting {name}": option(value) for name, value in record.settings.items()},
    }
