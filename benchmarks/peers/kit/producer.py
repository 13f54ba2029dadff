"""The command line that the app of each peer has: it enqueues, and prints one line of JSON.

python app.py produce --way sequential|gathered|bulk --job noop|rest --jobs N
python app.py latency --load 200 --jobs N
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

GATHERED = 100
"""How many calls are under way at once in the way *gathered*."""

BULK = 1_000
"""How many jobs one call of the way *bulk* takes."""

WARM = 100
"""How many jobs are enqueued before the clock runs."""


@dataclass(frozen=True)
class Entrance:
    """How a peer takes jobs.

    Attributes:
        one: Enqueues one job: its name, and its only argument.
        many: Enqueues as many as there are arguments in one call, if the peer has such a call.
    """

    one: Callable[[str, int], Awaitable[object]]
    many: Callable[[str, Sequence[int]], Awaitable[object]] | None = None


async def _sequential(entrance: Entrance, job: str, jobs: int) -> None:
    for number in range(jobs):
        await entrance.one(job, number)


async def _gathered(entrance: Entrance, job: str, jobs: int) -> None:
    for start in range(0, jobs, GATHERED):
        numbers = range(start, min(start + GATHERED, jobs))
        await asyncio.gather(*(entrance.one(job, number) for number in numbers))


async def _bulk(entrance: Entrance, job: str, jobs: int) -> None:
    assert entrance.many is not None, "the catalogue names a way that the app has not"  # noqa: S101
    for start in range(0, jobs, BULK):
        await entrance.many(job, range(start, min(start + BULK, jobs)))


WAYS = {"sequential": _sequential, "gathered": _gathered, "bulk": _bulk}


async def produce(entrance: Entrance, way: str, job: str, jobs: int) -> dict[str, Any]:
    """Enqueue so many jobs, and tell how long those after the first few took, in seconds."""
    warm = min(WARM, jobs // 2)
    await WAYS[way](entrance, job, warm)
    cpu, began = time.process_time(), time.perf_counter()
    await WAYS[way](entrance, job, jobs - warm)
    seconds = time.perf_counter() - began
    return {"jobs": jobs - warm, "seconds": seconds, "cpu": time.process_time() - cpu}


async def offer(entrance: Entrance, load: float, jobs: int) -> dict[str, Any]:
    """Enqueue jobs at a steady load, and tell when each was due, in nanoseconds.

    A job is due at its place in the row, however long the one before kept the producer: a queue
    that blocks its producers does not hide what it does to the jobs behind. Only where nothing but
    the timer of the event loop was late, the moment is that at which the producer woke up.
    """
    due: list[int] = []
    await entrance.one("noop", 0)  # connects
    first = time.monotonic_ns() + 10_000_000
    for number in range(jobs):
        moment = first + round(number * 1e9 / load)
        ahead = moment - time.monotonic_ns()
        if ahead > 0:
            await asyncio.sleep(ahead / 1e9)
            moment = max(moment, time.monotonic_ns())
        due.append(moment)
        await entrance.one("mark", number)
    return {"jobs": jobs, "due": due}


def event_loop() -> Any:
    """Return the module that runs coroutines: uvloop, where a peer's environment has it."""
    return importlib.import_module("uvloop" if importlib.util.find_spec("uvloop") else "asyncio")


def main(entrance: Callable[[], AbstractAsyncContextManager[Entrance]]) -> None:
    """Do what the command line asks for.

    Args:
        entrance: Connects to the server, and disconnects in the end.
    """
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    producing = commands.add_parser("produce")
    producing.add_argument("--way", choices=sorted(WAYS), default="sequential")
    producing.add_argument("--job", choices=("noop", "rest"), default="noop")
    producing.add_argument("--jobs", type=int, required=True)
    offering = commands.add_parser("latency")
    offering.add_argument("--load", type=float, default=200.0)
    offering.add_argument("--jobs", type=int, required=True)
    given = parser.parse_args()

    async def act() -> dict[str, Any]:
        async with entrance() as opened:
            if given.command == "latency":
                return await offer(opened, given.load, given.jobs)
            return await produce(opened, given.way, given.job, given.jobs)

    print(json.dumps(event_loop().run(act())))
