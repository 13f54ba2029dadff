"""`headrace dead`: the dead letters of a queue."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import click

from headrace.cli.failure import EXIT_CODES, Failure
from headrace.cli.letter import as_list, as_text, sheet
from headrace.cli.loop import run
from headrace.cli.parameters import json_option, queue_option, target_argument, yes_option
from headrace.cli.target import Target
from headrace.cli.text import json_line
from headrace.letter import DeadLetter
from headrace.queue import Queue
from headrace.supervisor.exit_code import ExitCode

LISTED = 100
"""Dead letters in a list."""

PAGE = 100
"""Dead letters that are sent back with one call."""


@click.group()
def dead() -> None:
    """Read dead letters, send them back, drop them.

    A dead letter is a job that was given up. TARGET is module:queue, or a broker's URL.
    """


@dead.command("list", epilog=EXIT_CODES)
@target_argument
@queue_option
@click.option("--limit", default=LISTED, type=click.IntRange(min=1), help="So many at most.")
@json_option
def list_letters(target: str, queue: str | None, limit: int, *, json: bool) -> None:
    """List the dead letters, oldest first: id, task, reason, failed attempts, when, last error.

    --json prints the objects of `headrace dead show --json`.
    """
    letters, total = run(_oldest(Target(target, queue), limit))
    if json:
        for letter in letters:
            click.echo(json_line(sheet(letter)))
    elif letters:
        click.echo(as_list(letters))
    if not letters or len(letters) < total:
        click.echo(f"dead letters listed: {len(letters):,} of {total:,}", err=True)


@dead.command(epilog=EXIT_CODES)
@target_argument
@click.argument("ids", nargs=-1, required=True)
@queue_option
@json_option
def show(target: str, ids: tuple[str, ...], queue: str | None, *, json: bool) -> None:
    """Show all that is known of dead letters: arguments, headers, failures, traceback.

    No broker finds a dead letter by its id, so they are read from the oldest on. --json prints id,
    task, args, kwargs, settings, enqueued_at, reason, died_at, attempts, deliveries, failures,
    traceback and body (base64).
    """
    found = run(_named(Target(target, queue), ids))
    for number, letter in enumerate(found):
        if json:
            click.echo(json_line(sheet(letter)))
        else:
            click.echo(("\n" if number else "") + as_text(sheet(letter)))
    missing = set(ids) - {letter.id for letter in found}
    if missing:
        message = f"no dead letters: {', '.join(sorted(missing))}"
        raise Failure(message)


@dead.command(epilog=EXIT_CODES)
@target_argument
@click.argument("ids", nargs=-1)
@click.option(
    "--all",
    "every",
    is_flag=True,
    envvar="HEADRACE_DEAD_REQUEUE_ALL",
    help="All those that are dead when it begins, oldest first.",
)
@click.option("--limit", type=click.IntRange(min=1), help="With --all: so many at most.")
@queue_option
def requeue(
    target: str, ids: tuple[str, ...], limit: int | None, queue: str | None, *, every: bool
) -> None:
    """Send dead letters back to be run again, with no failure counted.

    One whose unique key another job holds stays where it is (exit code 1). With --all, what dies
    again meanwhile is not sent back a second time.
    """
    if every == bool(ids) or (limit and not every):
        message = "give the IDS to send back, or --all, and --limit only with that"
        raise click.UsageError(message)
    place = Target(target, queue)
    if every:
        count, asked = run(_requeue_all(place, limit))
        click.echo(f"dead letters sent back: {count:,} of {asked:,}")
        return
    asked = len(set(ids))
    count, staying = run(_requeue(place, set(ids)))
    click.echo(f"dead letters sent back: {count:,} of {asked:,}")
    if count < asked:
        raise _shortfall(asked, count, staying)


@dead.command("purge", epilog=EXIT_CODES)
@target_argument
@queue_option
@yes_option
def purge_letters(target: str, queue: str | None, *, yes: bool) -> None:
    """Drop all dead letters of a queue, for good, and say how many."""
    place = Target(target, queue)
    if not yes:
        # Not inside of the event loop, which would keep Ctrl-C from ending the question.
        name, total = run(_count(place))
        click.confirm(f"Drop the dead letters of {name!r} ({total:,})?", abort=True, err=True)
    click.echo(f"dead letters dropped: {run(_purge(place)):,}")


async def _oldest(target: Target, limit: int) -> tuple[list[DeadLetter], int]:
    letters: list[DeadLetter] = []
    async with target.queue() as queue:
        total = (await queue.stats()).dead
        async for letter in queue.dead_letters():
            letters.append(letter)
            if len(letters) == limit:
                break
    return letters, total


async def _named(target: Target, ids: Sequence[str]) -> list[DeadLetter]:
    """Find dead letters by their ids. No broker looks them up by id, so all may be read."""
    found: dict[str, DeadLetter] = {}
    async with target.queue() as queue:
        async for letter in queue.dead_letters():
            if letter.id in ids:
                found[letter.id] = letter
            if len(found) == len(set(ids)):
                break
    return [found[job_id] for job_id in dict.fromkeys(ids) if job_id in found]


async def _requeue(target: Target, ids: Collection[str]) -> tuple[int, list[str]]:
    """Send back those that are named, and tell which of them stay."""
    async with target.queue() as queue:
        count = await queue.requeue(*ids)
        if count == len(ids):
            return count, []
        return count, [letter.id async for letter in queue.dead_letters() if letter.id in ids]


def _shortfall(asked: int, count: int, staying: Sequence[str]) -> Failure:
    missing = asked - count - len(staying)
    if missing > 0:
        return Failure(f"{missing} of {asked} ids: no such dead letter")
    message = f"another job holds the unique key of {', '.join(staying)}"
    return Failure(message, ExitCode.FAILED)


async def _requeue_all(target: Target, limit: int | None) -> tuple[int, int]:
    async with target.queue() as queue:
        total = (await queue.stats()).dead
        asked = total if limit is None else min(limit, total)
        return await _send_back(queue, asked), asked


async def _send_back(queue: Queue, number: int) -> int:
    """Send back so many of the oldest. What dies again meanwhile lies behind them and stays."""
    read, name = queue.broker.dead, queue.name
    count, after = 0, ""
    while number > 0 and (page := await read(name, after=after, limit=min(number, PAGE))):
        count += await queue.requeue(*(letter.id for letter in page))
        number, after = number - len(page), page[-1].cursor
    return count


async def _count(target: Target) -> tuple[str, int]:
    async with target.queue() as queue:
        return queue.name, (await queue.stats()).dead


async def _purge(target: Target) -> int:
    async with target.queue() as queue:
        return await queue.purge(dead=True)
