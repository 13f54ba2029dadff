"""Fuzz by coverage: `uv run --group fuzz nice -n 19 python -m tests.fuzz --seconds 60`."""

from __future__ import annotations

import re
import subprocess
import sys
from tempfile import TemporaryDirectory

import click

from tests.fuzz.targets import MODULES, properties

DONE = re.compile(r"Done (\d+) runs")
COVERED = re.compile(r"cov: (\d+)")


@click.command()
@click.option("--only", default="", help="Those whose names hold this text.")
@click.option("--seconds", default=60, show_default=True, help="For each property.")
@click.option("--seed", default=7, show_default=True)
def main(only: str, seconds: int, seed: int) -> None:
    """Try each property on bytes that reach further and further, until one of them fails."""
    targets = [target for module in MODULES for target in properties(module) if only in target]
    broken = [target for target in targets if not holds(target, seconds, seed)]
    if broken:
        sys.exit(f"{len(broken)} of {len(targets)} properties do not hold")
    click.echo(f"{len(targets)} properties hold")


def holds(target: str, seconds: int, seed: int) -> bool:
    """Fuzz one property in a process of its own, which ends with the fuzzer. Print what it did."""
    with TemporaryDirectory() as folder:
        flags = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=8192", "-timeout=30"]
        command = [sys.executable, "-m", "tests.fuzz.fuzzer", target, *flags]
        ended = subprocess.run(
            [*command, f"-artifact_prefix={folder}/"], check=False, capture_output=True, text=True
        )
    runs, covered = DONE.search(ended.stderr), COVERED.findall(ended.stderr)
    if ended.returncode or runs is None:
        click.echo(f"BROKEN {target}\n{ended.stdout}\n{ended.stderr}")
        return False
    click.echo(f"{int(runs[1]):>9,} runs {covered[-1] if covered else '-':>6} branches  {target}")
    return True


if __name__ == "__main__":
    main()
