"""The command `headrace`."""

from __future__ import annotations

import logging
import sys
from io import TextIOWrapper
from typing import Any

import click

from headrace import __version__
from headrace.cli.bench import bench
from headrace.cli.control import pause, purge, resume
from headrace.cli.dead import dead
from headrace.cli.demo import demo
from headrace.cli.doctor import doctor
from headrace.cli.enqueue import enqueue
from headrace.cli.failure import EXIT_CODES, failures
from headrace.cli.info import info
from headrace.cli.report import report
from headrace.cli.worker import worker


class Commands(click.Group):
    """Commands of which none ends in a traceback for what Headrace itself raises."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was given."""
        out: Any = sys.stdout
        if isinstance(out, TextIOWrapper):
            # The text of a job may hold what the terminal's encoding does not.
            out.reconfigure(errors="backslashreplace")
        with failures():
            return super().invoke(ctx)


@click.group(
    cls=Commands,
    context_settings={"auto_envvar_prefix": "HEADRACE", "show_default": True},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="headrace", allow_from_autoenv=False)
def main() -> None:
    """Run workers and look after queues.

    TARGET is module:queue, as for a worker, or a broker's URL; then -q names the queue. A module
    declares its queue as a worker would. Through a URL, a queue that was never declared is an error
    that lists those that are: no command creates one by a wrong name.

    A URL on the command line can be read by others on the same machine. Where it holds a password,
    name module:queue and give the URL to the module as $HEADRACE_URL.

    --json prints objects, each on one line. Text that comes from jobs is escaped, in tables and in
    JSON: it cannot speak to the terminal.

    Every option can be set by an environment variable: HEADRACE_DEAD_LIST_LIMIT=5 is
    `headrace dead list --limit 5`. One that may be repeated takes its values with blanks between.
    """
    # A command for people shows no log; those that serve set up their own.
    logging.getLogger("headrace").addHandler(logging.NullHandler())


bench.add_command(report)
for _command in (bench, dead, demo, doctor, enqueue, info, pause, purge, resume, worker):
    main.add_command(_command)
