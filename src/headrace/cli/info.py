"""`headrace info`."""

from __future__ import annotations

from datetime import timedelta

import click
from msgspec import structs

from headrace.broker import QueueStats
from headrace.cli.failure import EXIT_CODES
from headrace.cli.loop import run
from headrace.cli.parameters import json_option, target_argument
from headrace.cli.target import Target
from headrace.cli.text import json_line, table

HEAD = ("queue", "ready", "lanes", "delayed", "running", "dead", "oldest", "paused")

EXAMPLE = """\b
Example:
  headrace info app:queue
  queue    ready  lanes   delayed  running  dead  oldest   paused
  default  12     0 12 0  3        4        1     0:00:41  no
"""


@click.command(epilog=f"{EXAMPLE}\n{EXIT_CODES}")
@target_argument
@click.option(
    "-q",
    "--queue",
    metavar="NAME",
    help="Where TARGET is a broker's URL: which queue.  [default: all]",
)
@json_option
def info(target: str, queue: str | None, *, json: bool) -> None:
    """Count the jobs of TARGET: module:queue, or a broker's URL.

    Ready jobs are counted for each lane too, lane 0 first; "oldest" is how long the oldest of them
    has been ready. --json prints queue, ready (a number for each lane), delayed, running, dead,
    paused and oldest (seconds, or null).
    """
    counted = run(_stats(Target(target, queue)))
    if json:
        for name, stats in counted.items():
            click.echo(json_line({"queue": name, **structs.asdict(stats)}))
    elif counted:
        click.echo(table([HEAD, *(_row(name, stats) for name, stats in counted.items())]))
    else:
        click.echo("no queue is declared there", err=True)


async def _stats(target: Target) -> dict[str, QueueStats]:
    async with target.queues() as queues:
        return {queue.name: await queue.stats() for queue in queues}


def _row(name: str, stats: QueueStats) -> tuple[str, ...]:
    return (
        name,
        str(sum(stats.ready)),
        " ".join(map(str, stats.ready)),
        str(stats.delayed),
        str(stats.running),
        str(stats.dead),
        "-" if stats.oldest is None else str(timedelta(seconds=round(stats.oldest))),
        "yes" if stats.paused else "no",
    )
