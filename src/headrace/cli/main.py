"""The command `headrace`."""

from __future__ import annotations

import click

from headrace import __version__
from headrace.cli.demo import demo
from headrace.cli.worker import worker


@click.group(context_settings={"auto_envvar_prefix": "HEADRACE", "show_default": True})
@click.version_option(__version__, prog_name="headrace")
def main() -> None:
    """Run workers and look after queues.

    Every option can be set by an environment variable: HEADRACE_WORKER_CONCURRENCY for
    `headrace worker --concurrency`.
    """


main.add_command(demo)
main.add_command(worker)
