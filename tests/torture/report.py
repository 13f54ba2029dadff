"""What trials have shown, as a page shows it: `uv run python -m tests.torture.report FILE...`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from tests.torture.check import Report
from tests.torture.scenarios import SCENARIOS
from tests.torture.trial import Trial

COLUMNS = ("accepted", "recovered", "fenced", "rescheduled", "released", "dead letters")


class Held(Struct, frozen=True):
    """A trial and what became of it: a line of a file."""

    trial: Trial
    report: Report


def read(paths: Iterable[Path]) -> list[Held]:
    """Return what files say. Of a trial that was repeated the last one counts."""
    decode = msgspec.json.Decoder(Held).decode
    lines = (line for path in paths for line in path.read_bytes().splitlines())
    held = map(decode, lines)
    return [*{(one.trial.scenario, one.trial.broker, one.trial.seed): one for one in held}.values()]


def table(held: Sequence[Held]) -> str:
    """Return a table with a line for each scenario and broker."""
    groups: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for one in held:
        groups[one.trial.scenario, one.trial.broker].append(one)
    order = [*SCENARIOS]
    heads = ["scenario", "broker", "seeds", "violated", *COLUMNS]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|" + "--:|" * (len(heads) - 3)]
    for (scenario, broker), ones in sorted(
        groups.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
    ):
        counts = sum((Counter(one.report.counts) for one in ones), Counter[str]())
        seeds = ", ".join(str(seed) for seed in sorted({one.trial.seed for one in ones}))
        violated = sum(bool(one.report.violations) for one in ones)
        cells = [scenario, broker, seeds, violated, *(f"{counts[name]:,}" for name in COLUMNS)]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(paths: tuple[Path, ...]) -> None:
    """Print a table of what trials have shown."""
    click.echo(table(read(paths)))


if __name__ == "__main__":
    main()
