"""Celery on Redis, by its user guide ("Optimizing", "Workers", "Concurrency with gevent").

Tuned: hiredis, gevent with 100 greenlets, results ignored, ten jobs fetched ahead for each of them,
no gossip, mingle, heartbeat or events. As its defaults have it, a job is acknowledged before it
runs: a worker that dies loses it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from celery import Celery

from benchmarks.peers.kit import jobs
from benchmarks.peers.kit.producer import Entrance, main

app = Celery("app", broker=os.environ["PEER_URL"])
app.conf.task_ignore_result = True
app.conf.worker_prefetch_multiplier = 10


@app.task(name="noop")
def noop(number: int) -> None:
    """Count."""
    jobs.noop()


@app.task(name="mark")
def mark(number: int) -> None:
    """Keep the moment."""
    jobs.mark(number)


@app.task(name="rest")
def rest(number: int) -> None:
    """Wait."""
    jobs.rest_in_thread()


TASKS = {"noop": noop, "mark": mark, "rest": rest}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def one(job: str, number: int) -> None:
        TASKS[job].delay(number)

    yield Entrance(one)
    app.close()


if __name__ == "__main__":
    main(entrance)
