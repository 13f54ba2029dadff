"""`headrace worker`."""

from __future__ import annotations

import logging
import os
import sys

import click

from headrace.cli.logs import FORMATS, configure_logging
from headrace.cli.loop import run
from headrace.cli.target import load_queue
from headrace.worker.shutdown import Ending
from headrace.worker.worker import Worker

WORKER_EXIT_CODES = """\b
Exit codes:
  0    stopped in order
  1    stopped in a hurry: asked twice, or a job ignored its cancellation
  2    the command line or the tasks are wrong
  3    the broker refuses: credentials, settings, version
  130  the third signal
"""


@click.command(epilog=WORKER_EXIT_CODES)
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
def worker(targets: tuple[str, ...], log_level: str, log_format: str, **settings: Any) -> None:
    """Run the jobs of one or more queues, the most important one first.

    SIGTERM or SIGINT: finish what runs within the grace and give the rest back. Again: give
    everything back now. A third time: exit at once.
    """
    configure_logging(log_level, log_format)
    # The other options bear the names of the worker's parameters.
    served = Worker(*map(load_queue, targets), **settings)
    sys.exit(run(_serve(served)))


async def _serve(served: Worker) -> Ending:
    ending = await served.run()
    if served.stuck:
        # Leaving the event loop would wait for code that nothing can stop; its jobs are given back.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(ending)
    return ending
