"""`headrace enqueue`."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from headrace.cli.failure import EXIT_CODES, Failure
from headrace.cli.loop import run
from headrace.cli.parameters import queue_option, target_argument
from headrace.cli.target import Target
from headrace.cli.text import json_line
from headrace.queue import Queue
from headrace.task import Task

EXAMPLE = """\b
Example:
  headrace enqueue app:queue send_email a@b.c hi -k html=true --delay 60
"""


@click.command(epilog=f"{EXAMPLE}\n{EXIT_CODES}")
@target_argument
@click.argument("task")
@click.argument("args", nargs=-1)
@click.option("--kwargs", metavar="JSON", help="Arguments by name, as one JSON object.")
@click.option(
    "-k", "named", multiple=True, metavar="NAME=JSON", help="One argument by name; again for more."
)
@click.option("--delay", type=float, metavar="SECONDS", help="Do not start before.  [default: 0]")
@click.option(
    "--priority",
    type=int,
    help="The lane, 0 is first.  [default: the task's, else the middle one]",
)
@click.option("--unique", metavar="KEY", help="A key that at most one job of the queue has.")
@click.option(
    "--job-id",
    metavar="ID",
    help="The job's id: enqueued twice, it is stored once.  [default: made up]",
)
@click.option("--expires", type=float, metavar="SECONDS", help="Do not start later.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait so long for the result.",
)
@queue_option
def enqueue(
    target: str,
    task: str,
    args: tuple[str, ...],
    kwargs: str | None,
    named: tuple[str, ...],
    wait: float | None,
    queue: str | None,
    **options: Any,
) -> None:
    """Store a job and print its id; with --wait its result as well, as JSON.

    TARGET is module:queue, or a broker's URL. Through module:queue the arguments are checked here,
    and a task that the queue has not is an error, if it has any; through a URL the worker checks
    them. If the job was there already, its id is printed and standard error says so.

    ARGS are JSON. What is no valid JSON is taken as a string: hello is "hello", 42 is a number,
    '"42"' is a string. Put -- before arguments that begin with a dash. What -k names goes before
    what --kwargs names.
    """
    positional = tuple(map(_value, args))
    by_name = {**_object(kwargs), **dict(map(_pair, named))}
    given = {key: value for key, value in options.items() if value is not None}
    run(_enqueue(Target(target, queue), task, (positional, by_name), given, wait))


async def _enqueue(
    target: Target,
    task: str,
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
    options: dict[str, Any],
    wait: float | None,
) -> None:
    async with target.queue() as queue:
        args, kwargs = arguments
        call = _task(queue, task).options(**options).call(*args, **kwargs)
        [handle] = await queue.enqueue_many([call])
        click.echo(handle.id)
        if handle.duplicate:
            click.echo("this job was there already", err=True)
        if wait is not None:
            # As plain data: what the task's annotation would make of it need not fit into JSON.
            click.echo(json_line(await queue.job(handle.id).result(timeout=wait)))


def _task(queue: Queue, name: str) -> Task[..., Any]:
    """Return the task of a name. A queue that has tasks must have this one: names get mistyped."""
    if not (name and name.isprintable()):
        message = f"a task has a name that can be printed, not {name!r}"
        raise Failure(message)
    found = queue.tasks.get(name)
    if found is None and queue.tasks:
        message = f"queue {queue.name!r} has no task {name!r}; there are: {sorted(queue.tasks)}"
        raise Failure(message)
    return queue.remote(name) if found is None else found


def _value(text: str) -> Any:
    """Return what a text says in JSON, or else the text itself."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text


def _object(text: str | None) -> dict[str, Any]:
    try:
        return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        message = f"--kwargs takes a JSON object: {error}"
        raise click.UsageError(message) from error


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        message = f"-k takes name=value, not {text!r}"
        raise click.UsageError(message)
    return key, _value(value)
