"""Try mutants: `uv run --no-sync nice -n 19 python -m tests.mutation --area worker`."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import click
import msgspec

from tests.mutation.areas import AREAS, ROOT, Target
from tests.mutation.lua_source import lua_mutants
from tests.mutation.mutant import Mutant
from tests.mutation.python_source import python_mutants
from tests.mutation.trial import Fate, fate_of

PATIENCE = 4
"""How many times as long as without a mistake the tests may take."""

LONGEST = 600
"""Seconds that they may take without one."""


def mutants_of(target: Target, sample: int, seed: int) -> list[Mutant]:
    """Return the mutants of a file, or so many of them, chosen by a seed."""
    source = (ROOT / target.path).read_text()
    made = lua_mutants if target.path.endswith(".lua") else python_mutants
    mutants = list(made(source))
    if sample and sample < len(mutants):
        chosen = random.Random(seed).sample(range(len(mutants)), sample)
        return [mutants[number] for number in sorted(chosen)]
    return mutants


def time_limit(target: Target) -> int:
    """Return the seconds that a trial of a file may take.

    Raises:
        RuntimeError: The tests fail without any mistake.
    """
    began = time.perf_counter()
    if fate_of(target, (ROOT / target.path).read_text(), LONGEST) is not Fate.SURVIVED:
        message = f"the tests of {target.path} fail without a mutant"
        raise RuntimeError(message)
    return max(10, round(PATIENCE * (time.perf_counter() - began)))


def tried(target: Target, mutants: list[Mutant], report: Path | None) -> Counter[Fate]:
    """Try the mutants of a file, and say which survive."""
    limit, fates = time_limit(target), Counter[Fate]()
    for mutant in mutants:
        fate = fate_of(target, mutant.text, limit)
        fates[fate] += 1
        if fate is Fate.SURVIVED:
            click.echo(f"{target.path}:{mutant.line}: {mutant.what}")
        if report is not None:
            row = {"path": target.path, "line": mutant.line, "what": mutant.what, "fate": fate}
            with report.open("ab") as file:
                file.write(msgspec.json.encode(row) + b"\n")
    return fates


def line_of(name: str, fates: Counter[Fate]) -> str:
    """Return what became of the mutants of a file."""
    count = fates.total()
    killed = count - fates[Fate.SURVIVED]
    share = 100 * killed / count if count else 100.0
    return f"{name:55} {count:4} mutants, {killed:4} killed, {share:5.1f} %"


@click.command()
@click.option("--area", "areas", multiple=True, type=click.Choice([*AREAS]), help="All of them.")
@click.option("--only", default="", help="Files whose path contains this.")
@click.option("--line", "lines", multiple=True, type=int, help="Mutants of these lines.")
@click.option("--sample", default=0, help="So many mutants of each file at most.")
@click.option("--seed", default=7, help="Of the sample.")
@click.option("--report", type=click.Path(path_type=Path), help="Append a line of JSON for each.")
def main(
    areas: tuple[str, ...],
    only: str,
    lines: tuple[int, ...],
    sample: int,
    seed: int,
    report: Path | None,
) -> None:
    """Try mutants, and say which survive."""
    for area in areas or AREAS:
        total = Counter[Fate]()
        for target in AREAS[area]:
            if only in target.path:
                mutants = mutants_of(target, sample, seed)
                chosen = [one for one in mutants if not lines or one.line in lines]
                fates = tried(target, chosen, report)
                click.echo(line_of(target.path, fates))
                total += fates
        click.echo(line_of(area, total))


if __name__ == "__main__":
    main()
