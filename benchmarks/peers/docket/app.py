"""docket, by its documentation: a program that runs a `Worker`, for the command takes no `Docket`.

Tuned: uvloop, hiredis, `execution_ttl=0`, which keeps nothing of a job that has ended, a
`minimum_check_interval` of 5 ms, for which a full worker sleeps, and a pool that its 100 jobs and
its own reads fit into: without that redis-py refuses the 101st connection and the worker starts
over.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import uvloop
from docket import Docket, Worker

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

URL = f"{os.environ['PEER_URL']}?max_connections=500"


async def noop(number: int) -> None:
    """Count."""
    jobs.noop()


async def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


async def rest(number: int) -> None:
    """Wait."""
    await jobs.rest()


TASKS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def connected() -> AsyncIterator[Docket]:
    """Connect, and make the tasks known."""
    async with Docket("peers", URL, execution_ttl=timedelta(0)) as docket:
        for task in TASKS.values():
            docket.register(task)
        yield docket


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""
    async with connected() as docket:

        async def one(job: str, number: int) -> None:
            await docket.add(TASKS[job])(number)

        yield Entrance(one)


def _worker(docket: Docket) -> Worker:
    return Worker(docket, concurrency=100, minimum_check_interval=timedelta(milliseconds=5))


async def work() -> None:
    """Run a worker."""
    async with connected() as docket, _worker(docket) as worker:
        await worker.run_forever()


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)
    if sys.argv[1:] == ["work"]:
        uvloop.run(work())
    else:
        main(entrance)
