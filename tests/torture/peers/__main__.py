"""Torture peers: `uv run python -m tests.torture.peers --subject streaq --scenario M1 --seed 1`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import msgspec
import uvloop

from tests.torture.check import Report
from tests.torture.peers.subjects import COURSE, SUBJECTS, applicable
from tests.torture.peers.trial import Trial, held

TOLD = ("accepted", "unknown", "start", "end", "failed", "recovered", "lives lost")


def brief(trial: Trial, report: Report) -> str:
    """Return what became of a trial, in a line for the trial and one for each violation."""
    counts = "  ".join(f"{name} {report.counts.get(name, 0)}" for name in TOLD)
    verdict = "VIOLATED" if report.violations else "ok"
    lines = [f"{trial.subject:8} {trial.scenario:8} {trial.seed:3}  {verdict:8}  {counts}"]
    for name, shown in report.violations.items():
        lines.append(f"    {name}: {len(shown)}, such as {', '.join(shown[:4])}")
    return "\n".join(lines)


@click.command()
@click.option("--subject", "subjects", multiple=True, type=click.Choice([*SUBJECTS]))
@click.option("--broker", default="redis-path", help="A Redis, by its name in `PLACES`.")
@click.option("--scenario", "scenarios", multiple=True, type=click.Choice([*COURSE]))
@click.option("--seed", "seeds", multiple=True, default=[1], help="May be given more than once.")
@click.option("--duration", default=20.0, help="Seconds of load.")
@click.option("--report", type=click.Path(path_type=Path), help="Append a line of JSON for each.")
def main(
    subjects: tuple[str, ...],
    broker: str,
    scenarios: tuple[str, ...],
    seeds: tuple[int, ...],
    duration: float,
    report: Path | None,
) -> None:
    """Torture peers, and say what their runs showed."""
    for scenario in scenarios or COURSE:
        for subject in subjects or SUBJECTS:
            for seed in seeds if applicable(subject, scenario) else ():
                trial = Trial(
                    subject=subject,
                    broker=broker,
                    scenario=scenario,
                    seed=seed,
                    duration=duration,
                )
                found, place = uvloop.run(held(trial))
                click.echo(brief(trial, found))
                if found.violations:
                    click.echo(f"    kept: {place}")
                else:
                    shutil.rmtree(place)
                if report is not None:
                    with report.open("ab") as file:
                        file.write(msgspec.json.encode({"trial": trial, "report": found}) + b"\n")


if __name__ == "__main__":
    main()
