"""`headrace pause`, `headrace resume`, `headrace purge`."""

from __future__ import annotations

import click

from headrace.broker import QueueStats
from headrace.cli.failure import EXIT_CODES
from headrace.cli.loop import run
from headrace.cli.parameters import queue_option, target_argument, yes_option
from headrace.cli.target import Target


@click.command(epilog=EXIT_CODES)
@target_argument
@queue_option
def pause(target: str, queue: str | None) -> None:
    """Hand out no more jobs of a queue, on any worker, until it is resumed.

    TARGET is module:queue, or a broker's URL. Running jobs go on. Restarts of workers change
    nothing. Once more is harmless.
    """
    click.echo(f"queue {run(_pause(Target(target, queue)))!r} is paused")


@click.command(epilog=EXIT_CODES)
@target_argument
@queue_option
def resume(target: str, queue: str | None) -> None:
    """Hand out the jobs of a queue again.

    TARGET is module:queue, or a broker's URL.
    """
    click.echo(f"queue {run(_resume(Target(target, queue)))!r} hands out jobs")


@click.command(epilog=EXIT_CODES)
@target_argument
@queue_option
@yes_option
def purge(target: str, queue: str | None, *, yes: bool) -> None:
    """Drop the jobs that wait, for a worker or for their time.

    TARGET is module:queue, or a broker's URL. It says how many. Running jobs and dead letters stay.
    """
    place = Target(target, queue)
    if not yes:
        # Not inside of the event loop, which would keep Ctrl-C from ending the question.
        name, stats = run(_count(place))
        waiting = f"{sum(stats.ready):,} ready, {stats.delayed:,} delayed"
        click.confirm(f"Drop what waits in {name!r} ({waiting})?", abort=True, err=True)
    click.echo(f"jobs dropped: {run(_purge(place)):,}")


async def _pause(target: Target) -> str:
    async with target.queue() as queue:
        await queue.pause()
        return queue.name


async def _resume(target: Target) -> str:
    async with target.queue() as queue:
        await queue.resume()
        return queue.name


async def _count(target: Target) -> tuple[str, QueueStats]:
    async with target.queue() as queue:
        return queue.name, await queue.stats()


async def _purge(target: Target) -> int:
    async with target.queue() as queue:
        return await queue.purge()
