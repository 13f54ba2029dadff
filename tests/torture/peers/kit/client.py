"""Enqueues by a plan through a peer's client, then waits for what becomes of the jobs.

The harness writes the plan, tells by a line on the standard input when all is healed, and reads the
answer from a file.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio import sleep  # by the plan
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tests.torture.peers.kit.witness import Witness

PATIENCE = 5.0
"""Seconds for which a call may take."""
PAUSE = 0.5
TICK = 1.0
PAGE = 20

Answers: TypeAlias = Mapping[str, Any]
"""Of jobs that are over, by id: whether it succeeded, and what it returned."""


class Entrance(NamedTuple):
    """A peer's client.

    Attributes:
        enqueue: Takes a job's id, task, arguments, and the seconds that it is to wait.
        settled: Returns what it knows of those of some jobs that are over.
    """

    enqueue: Callable[[str, str, Sequence[Any], float], Awaitable[None]]
    settled: Callable[[Collection[str]], Awaitable[Answers]]


class Client:
    """Plays a plan.

    Args:
        entrance: The peer's client.
        witness: Who writes down what is asked for.
    """

    def __init__(self, entrance: Entrance, witness: Witness) -> None:
        self._entrance = entrance
        self._witness = witness
        self._accepted: set[str] = set()

    async def play(self, plan: Sequence[Mapping[str, Any]]) -> None:
        """Enqueue each job at its time, whatever became of the others."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for job in plan:
                await sleep(max(0.0, began + job["at"] - time.monotonic()))
                group.create_task(
                    self._enqueue(job["id"], job["task"], job["arguments"], job["delay"])
                )

    async def _enqueue(self, job: str, task: str, arguments: Sequence[Any], delay: float) -> None:
        """Ask once: not every peer can tell whether it has a job already."""
        due = time.monotonic() + delay if delay else 0.0
        self._witness.note("try", job=job, task=task, due=due)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._entrance.enqueue(job, task, arguments, delay)
        except Exception as error:  # noqa: BLE001 - whatever the peer's client raises
            print(repr(error), file=sys.stderr, flush=True)  # noqa: T201
            self._witness.note("unknown", job=job)
        else:
            self._witness.note("accepted", job=job)
            self._accepted.add(job)

    async def tick(self) -> None:
        """Enqueue a job each second until cancelled: some workers recover others as they read."""
        for number in count():
            await self._enqueue(f"tick-{number}", "work", [0.0, 0], 0.0)
            await sleep(TICK)

    async def wait(self, seconds: float) -> Answers:
        """Wait until all is over that was accepted so far.

        Returns:
            What is known; of what has not ended in time, nothing.
        """
        found: dict[str, Any] = {}
        end = time.monotonic() + seconds
        left = set(self._accepted)
        while left and time.monotonic() < end:
            await sleep(PAUSE)
            found |= await self._settled(sorted(left))
            left -= found.keys()
        return found

    async def _settled(self, jobs: Sequence[str]) -> Answers:
        """Ask for jobs in pages: some clients need a connection for each result."""
        found: dict[str, Any] = {}
        for start in range(0, len(jobs), PAGE):
            try:
                async with asyncio.timeout(PATIENCE):
                    found |= await self._entrance.settled(jobs[start : start + PAGE])
            except Exception as error:  # noqa: BLE001 - whatever the peer's client raises
                print(repr(error), file=sys.stderr, flush=True)  # noqa: T201
        return found


def main(entrance: Callable[[], AbstractAsyncContextManager[Entrance]]) -> None:
    """Play the plan that the first argument names; the second one names the file of answers."""
    plan, answers, patience = sys.argv[1:4]
    jobs = json.loads(Path(plan).read_bytes())
    found = asyncio.run(_run(entrance, jobs, float(patience)))
    Path(answers).write_text(json.dumps(found, default=repr))


async def _run(
    entrance: Callable[[], AbstractAsyncContextManager[Entrance]],
    plan: Sequence[Mapping[str, Any]],
    patience: float,
) -> Answers:
    async with entrance() as opened:
        client = Client(opened, Witness.here())
        await client.play(plan)
        await asyncio.to_thread(sys.stdin.readline)
        ticking = asyncio.create_task(client.tick())
        await client.wait(patience)
        ticking.cancel()
        return await client.wait(PATIENCE)
