"""`headrace worker`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from headrace.broker import Capability
from headrace.cli.arguments import given_arguments
from headrace.cli.logs import FORMATS, configure_logging
from headrace.cli.loop import run
from headrace.cli.target import load_queue
from headrace.queue import Queue
from headrace.supervisor.crew import Limits
from headrace.supervisor.leash import on_leash
from headrace.supervisor.supervisor import Supervisor
from headrace.worker.shutdown import Ending
from headrace.worker.worker import Worker

WORKER_EPILOG = """\b
Signals:
  SIGTERM, SIGINT  finish what runs within the grace and give the rest back
  the second       give everything back now
  the third        exit at once
  SIGHUP           with --processes: replace the workers one after the other,
                   each when the new one serves

\b
Exit codes:
  0    stopped in order
  1    stopped in a hurry: asked twice, or a job ignored its cancellation
  2    the command line or the tasks are wrong
  3    the broker refuses: credentials, settings, version
  130  the third signal

With --processes: 0 if all of them stopped in order, 1 if one did not; 2 or 3
if every one of them ended so before any was ready.
"""


@click.command(epilog=WORKER_EPILOG)
@click.argument("targets", nargs=-1, required=True, metavar="MODULE:QUEUE...")
@click.option("-c", "--concurrency", default=100, help="Jobs at a time.")
@click.option(
    "--grace",
    default=25.0,
    metavar="SECONDS",
    help="How long running jobs may go on after the first signal.",
)
@click.option("--prefetch", type=int, help="Jobs to claim beyond the free slots.  [default: auto]")
@click.option(
    "--max-stall",
    default=300.0,
    metavar="SECONDS",
    help="How long the event loop may be blocked before its jobs are let go.",
)
@click.option("--threads", type=int, help="Plain functions at a time.  [default: auto]")
@click.option(
    "--processes",
    default=1,
    type=click.IntRange(min=1),
    help="Run so many workers, each in a process, and keep them running; for brokers outside of "
    "this process.",
)
@click.option("--leash", type=int, hidden=True, allow_from_autoenv=False)
@click.option(
    "--log-level",
    default="info",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    help="Log from this level on.",
)
@click.option(
    "--log-format",
    default="text",
    type=click.Choice(sorted(FORMATS)),
    help="For people or for machines.",
)
@click.pass_context
def worker(
    context: click.Context,
    /,
    targets: tuple[str, ...],
    processes: int,
    leash: int | None,
    log_level: str,
    log_format: str,
    **settings: Any,
) -> None:
    """Run the jobs of one or more queues, the most important one first.

    Modules are looked for in the current folder too. uvloop is used where it is installed.
    """
    configure_logging(log_level, log_format)
    queues = [load_queue(target) for target in targets]
    # The other options bear the names of the worker's parameters.
    served = Worker(*queues, **settings)
    if processes == 1:
        code: int = run(_serve(served, leash))
    else:
        _check(queues)
        supervisor = _supervisor(context, Limits(processes=processes, grace=settings["grace"]))
        code = run(supervisor.run())
    sys.exit(code)


def _check(queues: Iterable[Queue]) -> None:
    """Find mistakes before any process is started.

    Raises:
        click.UsageError: A broker lives in one process.
        InvalidTask: A task's signature cannot travel.
    """
    for queue in queues:
        if Capability.SHARED not in queue.broker.capabilities:
            message = (
                f"--processes: the broker of queue {queue.name!r} lives in one process, "
                "others would not see its jobs: use a broker outside of it"
            )
            raise click.UsageError(message)
        queue.compile()


def _supervisor(context: click.Context, limits: Limits) -> Supervisor:
    """Make the supervisor of processes that do what this one was asked to do."""
    arguments = given_arguments(context, without=("processes", "leash"))
    # Written out, or a process would take its own number from the environment.
    own = [sys.executable, "-m", "headrace", "worker", "--processes=1"]
    return Supervisor([*own, *arguments], limits)


async def _serve(served: Worker, leash: int | None) -> Ending:
    if leash is None:
        ending = await served.run()
    else:
        with on_leash(leash, served.stop) as report:
            ending = await served.run(signals=False, started=report)
    if served.stuck:
        # Leaving the event loop would wait for code that nothing can stop; its jobs are given back.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(ending)
    return ending
