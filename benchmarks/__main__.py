"""The suite on servers of its own, with what the drivers alone can do beside it.

    uv run python -m benchmarks [memory] [redis] [nats] [--quick]
    uv run python -m benchmarks peers

`redis?track=no` gives the broker's URL an option, `nats-cluster` starts three servers.
"""

from __future__ import annotations

import logging
import os
import runpy
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from benchmarks.placement import UNPINNED, own_cores, placement
from benchmarks.site import SERVERS, NoServer, Site
from headrace.bench.subject import Subject
from headrace.bench.tally import new_tally
from headrace.cli.bench import Plan, conduct, plan_options
from headrace.cli.failure import failures

USUAL = ("memory", "redis", "nats")
FLOOR_NOTE = (
    "floor: the driver alone in the same minutes (reads, tasks under a semaphore and "
    "acknowledgements, all in batches); on memory tasks under a semaphore"
)


@click.command(context_settings={"show_default": True})
@click.argument("names", nargs=-1, metavar="[SERVER]...")
@plan_options
def measure(names: tuple[str, ...], **options: Any) -> None:
    """Measure SERVERs, each started fresh: memory, redis, nats or nats-cluster.

    Options of a broker's URL stand behind: redis?track=no. Without any: memory, redis and nats.
    """
    logging.getLogger("headrace").addHandler(logging.NullHandler())
    plan, cores = Plan(**options), placement(own_cores())
    command = ["python", "-m", "benchmarks", *names, *plan.words()]
    notes = [UNPINNED if cores is None else cores.note, FLOOR_NOTE]
    with ExitStack() as stack:
        stack.enter_context(failures())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        site = Site(
            folder,
            stack.enter_context(new_tally()),
            quick=plan.quick,
            server=None if cores is None else cores.server,
            workers=None if cores is None else cores.workers,
        )
        if cores is not None:
            os.sched_setaffinity(0, cores.producer)
        subjects: list[Subject] = []
        for name in names or USUAL:
            if name.partition("?")[0] not in SERVERS:
                message = f"{name!r}: there are {', '.join(SERVERS)}"
                raise click.UsageError(message)
            try:
                subjects.append(stack.enter_context(site.subject(name)))
            except NoServer:
                notes.append(f"{name} was left out: there is no such server here")
        code = conduct(subjects, plan, shlex.join(command), notes)
    sys.exit(code)


if __name__ == "__main__":
    if sys.argv[1:2] == ["peers"]:
        del sys.argv[1]
        runpy.run_module("benchmarks.peers", run_name="__main__", alter_sys=True)
    else:
        measure(prog_name="python -m benchmarks")
