"""`headrace bench`: what a broker carries."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import click
from msgspec import Struct

from headrace.bench.floors import EventLoopFloor
from headrace.bench.machine import load, this_machine, versions
from headrace.bench.record import Record, Series, write_record
from headrace.bench.subject import Floor, Subject
from headrace.bench.suite import NAMES, Suite, full, quick
from headrace.bench.tally import SLOTS, Tally, new_tally
from headrace.bench.tasks import QUEUE
from headrace.cli.loop import run
from headrace.cli.progress import progress_bar
from headrace.cli.text import table
from headrace.clock import SystemClock
from headrace.urls import split_url

HEAD = ("subject", "workload", "variant", "metric", "median", "min - max", "unit", "of floor")
REPETITIONS = 5
QUICK_FLOOR = EventLoopFloor(5_000)
FLOOR_NOTE = "floor: an asyncio task under a semaphore for each job, without a broker"

BENCH_EPILOG = """\b
Example:
  headrace bench redis://localhost:6379/0 nats://localhost:4222 --repetitions 3

\b
Exit codes:
  0  everything was measured
  1  it was interrupted: what is done is kept
  2  the command line is wrong, the queue is in use, or jobs were not run
  3  the broker refuses: credentials, settings, version
  4  the broker cannot be reached
"""


class Plan(Struct, frozen=True, kw_only=True):
    """What to measure, as the command line has it.

    Attributes:
        workload: The names; none: all of them.
        repetitions: How often; `None`: as is usual.
        quick: Few jobs and few variants.
        workers: Worker processes at most.
        out: The file; `None`: one with the date, here.
    """

    workload: tuple[str, ...]
    repetitions: int | None
    quick: bool
    workers: int
    out: Path | None

    @property
    def times(self) -> int:
        """How often everything is measured."""
        return self.repetitions or (1 if self.quick else REPETITIONS)

    def suite(self, subjects: Sequence[Subject]) -> Suite:
        """Return what measures these subjects."""
        made = (quick if self.quick else full)(self.workers)
        chosen = [each for each in made if not self.workload or each.name in self.workload]
        return Suite(subjects, chosen, self.times)

    def words(self) -> list[str]:
        """Return it as a command line."""
        words = [f"--workload={name}" for name in self.workload]
        words += [f"--repetitions={self.times}", f"--workers={self.workers}"]
        return [*words, *(["--quick"] if self.quick else [])]


def _there(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a folder that is missing before anything is measured, not after."""
    if path is not None and not path.parent.is_dir():
        message = f"there is no folder {str(path.parent)!r}"
        raise click.BadParameter(message)
    return path


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that make a `Plan`."""
    options = [
        click.option(
            "--workload",
            multiple=True,
            type=click.Choice(NAMES),
            help="Only this one; may be repeated.  [default: all]",
        ),
        click.option(
            "--repetitions",
            type=click.IntRange(min=1),
            help=f"How often everything is measured.  [default: {REPETITIONS}, 1 with --quick]",
        ),
        click.option("--quick", is_flag=True, help="Few jobs and few variants: to see it work."),
        click.option(
            "--workers",
            type=click.IntRange(1, SLOTS),
            default=min(SLOTS, os.cpu_count() or 1),
            show_default="one for each core",
            help="Worker processes at most, for the workload scaling.",
        ),
        click.option(
            "--out",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            callback=_there,
            help="Where to keep the figures.  [default: headrace-bench-DATE.json]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


class WithDefault(click.Group):
    """A group that takes what is no command of its own for arguments of `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `run` before arguments that name no command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=WithDefault, subcommand_metavar="URL... | COMMAND [ARGS]...")
def bench() -> None:
    """Measure what a broker carries.

    `headrace bench URL` is short for `headrace bench run URL`.
    """


@bench.command(name="run", epilog=BENCH_EPILOG)
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@plan_options
def measure(urls: tuple[str, ...], **options: Any) -> None:
    """Measure brokers by their URLs, in turns, and keep the figures in a file.

    It works on a queue of its own, headrace-bench, which is emptied before and after; one in which
    jobs run, or whose dead letters are of other tasks, is refused. Ctrl-C ends it and keeps what is
    done. The file holds the URLs without users, passwords and the values of their options.
    """
    plan = Plan(**options)
    with new_tally() as tally:
        subjects = named(urls, tally, QUICK_FLOOR if plan.quick else EventLoopFloor())
        command = ["headrace", "bench", *(subject.place for subject in subjects), *plan.words()]
        sys.exit(conduct(subjects, plan, shlex.join(command), [FLOOR_NOTE]))


def named(urls: Sequence[str], tally: Tally, floor: Floor) -> list[Subject]:
    """Return subjects that are named after the schemes of their URLs.

    Raises:
        PluginError: A URL leads to no broker.
    """
    seen: Counter[str] = Counter()
    subjects: list[Subject] = []
    for url in urls:
        scheme = split_url(url).scheme
        seen[scheme] += 1
        name = scheme if seen[scheme] == 1 else f"{scheme}-{seen[scheme]}"
        subjects.append(Subject(name, url, tally, floor=floor))
    return subjects


def conduct(subjects: Sequence[Subject], plan: Plan, command: str, notes: Sequence[str]) -> int:
    """Measure, keep what was found in a file, and print it: also after Ctrl-C and after an error.

    Args:
        subjects: What is measured.
        plan: How.
        command: What repeats it.
        notes: For those who read the record.

    Returns:
        The exit code.

    Raises:
        HeadraceError: What ended it early.
    """
    clock, suite = SystemClock(), plan.suite(subjects)
    began, load_before = clock.time(), load()
    for subject in subjects:
        click.echo(f"queue {QUEUE!r} at {subject.place} is emptied before and after", err=True)
    try:
        with progress_bar(len(suite.plan), "measuring") as advance:
            run(suite.run(advance))
    except KeyboardInterrupt:
        click.echo("interrupted: what is done is kept", err=True)
    finally:
        if suite.series:
            record = Record(
                began=began,
                took=clock.time() - began,
                complete=suite.complete,
                command=command,
                machine=this_machine(),
                versions={**versions([subject.url for subject in subjects]), **suite.servers},
                settings={"repetitions": plan.times, "quick": str(plan.quick).lower()},
                load=(load_before, load()),
                series=suite.series,
                notes=list(notes),
            )
            _keep(record, plan.out or _dated(began))
    return 0 if suite.complete else 1


def _dated(began: float) -> Path:
    return Path(f"headrace-bench-{datetime.fromtimestamp(began, UTC):%Y%m%d-%H%M%S}.json")


def _keep(record: Record, path: Path) -> None:
    write_record(record, path)
    click.echo(table([HEAD, *map(_row, record.series)]))
    click.echo(f"kept in {path}", err=True)


def _row(series: Series) -> tuple[str, ...]:
    least, greatest = series.spread
    variant = " ".join(f"{name}={value}" for name, value in series.variant.items())
    return (
        series.subject,
        series.workload,
        variant or "-",
        series.metric,
        _number(series.middle),
        f"{_number(least)} - {_number(greatest)}",
        series.unit,
        f"{series.middle / median(series.floor):.0%}" if series.floor else "-",
    )


def _number(value: float) -> str:
    """Return a number with three digits that mean something."""
    size = abs(value)
    return f"{value:,.{0 if size >= 100 or value == 0 else 1 if size >= 10 else 2}f}"
