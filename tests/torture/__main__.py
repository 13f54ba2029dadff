"""Torture a queue: `uv run python -m tests.torture --broker nats --scenario M1 --seed 7`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import click
import msgspec
import uvloop
from msgspec import Struct

from tests.torture.check import Report
from tests.torture.places import PLACES
from tests.torture.scenarios import SCENARIOS
from tests.torture.trial import Trial, held

TOLD = ("accepted", "recovered", "fenced", "rescheduled", "released", "dead letters")


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be run, as the command line has it."""

    brokers: tuple[str, ...]
    scenarios: tuple[str, ...]
    everything: bool
    seeds: tuple[int, ...]
    duration: float
    lease: float
    report: Path | None
    verbose: bool


def trials(plan: Plan) -> Iterator[Trial]:
    """Return the trials of a plan: each scenario with each seed on each broker that it is for."""
    scenarios = [*SCENARIOS] if plan.everything else plan.scenarios or ("mixed",)
    for broker, scenario, seed in product(
        plan.brokers or ("redis-path", "nats"), scenarios, plan.seeds
    ):
        if applicable(broker, scenario):
            yield Trial(
                broker=broker,
                scenario=scenario,
                seed=seed,
                duration=plan.duration,
                lease=plan.lease,
            )


def brief(trial: Trial, report: Report) -> str:
    """Return what became of a trial, in a line for the trial and one for each violation."""
    counts = "  ".join(f"{name} {report.counts.get(name, 0)}" for name in TOLD)
    verdict = "VIOLATED" if report.violations else "ok"
    lines = [f"{trial.broker:10} {trial.scenario:6} {trial.seed:3}  {verdict:8}  {counts}"]
    for name, shown in report.violations.items():
        lines.append(f"    {name}: {len(shown)}, such as {', '.join(shown[:4])}")
    return "\n".join(lines)


def applicable(broker: str, scenario: str) -> bool:
    """Tell whether a scenario is for such a broker."""
    only = SCENARIOS[scenario].only
    return not only or (only == "nats") == (broker == "nats")


@click.command()
@click.option("--broker", "brokers", multiple=True, type=click.Choice([*PLACES]))
@click.option("--scenario", "scenarios", multiple=True, type=click.Choice([*SCENARIOS]))
@click.option("--all", "everything", is_flag=True, help="Every scenario, on every broker named.")
@click.option("--seed", "seeds", multiple=True, default=[7], help="May be given more than once.")
@click.option("--duration", default=20.0, help="Seconds of load.")
@click.option("--lease", default=2.0, help="Seconds.")
@click.option("--report", type=click.Path(path_type=Path), help="Append a line of JSON for each.")
@click.option("--verbose", is_flag=True, help="Show all counts.")
def main(**options: Any) -> None:
    """Torture queues, and exit with 1 if anything was violated."""
    plan = Plan(**options)
    violated = 0
    for trial in trials(plan):
        try:
            found = uvloop.run(held(trial))
        except Exception:  # noqa: BLE001 - the others are to be held all the same
            traceback.print_exc()
            violated += 1
            continue
        violated += bool(found.violations)
        click.echo(brief(trial, found))
        if plan.verbose:
            click.echo(msgspec.json.format(msgspec.json.encode(found.counts)))
        if plan.report is not None:
            with plan.report.open("ab") as file:
                file.write(msgspec.json.encode({"trial": trial, "report": found}) + b"\n")
    sys.exit(min(violated, 1))


if __name__ == "__main__":
    main()
