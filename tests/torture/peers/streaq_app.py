"""streaq as its documentation has it: `StreaqRetry` for retries, `idle_timeout`, `grace_period`.

`max_tries` caps deliveries too, so that it is both the number of attempts and the poison rule.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from streaq import StreaqRetry, TaskStatus, Worker

from tests.torture.peers.kit.client import Answers, Entrance, main
from tests.torture.peers.kit.jobs import ATTEMPTS, RESULT_TTL, Execution, OnPurpose
from tests.torture.peers.kit.witness import Witness

worker = Worker(
    redis_url=os.environ["TORTURE_URL"],
    concurrency=int(os.environ["TORTURE_CONCURRENCY"]),
    idle_timeout=float(os.environ["TORTURE_LEASE"]),
    grace_period=int(os.environ["TORTURE_GRACE"]),
)
witness = Witness.here()
options = {"max_tries": ATTEMPTS, "ttl": RESULT_TTL, "timeout": None}


@worker.task(name="work", **options)
async def work(seconds: float, failures: int) -> Any:
    """Take a while, and fail so many times before."""
    tries = work.context.tries
    try:
        return await Execution(witness, work.context.task_id, "work", tries).work(seconds, failures)
    except OnPurpose:
        raise StreaqRetry(delay=timedelta(seconds=0.2 * 2 ** (tries - 1))) from None


@worker.task(name="block", **options)
async def block(seconds: float) -> Any:
    """Block the event loop."""
    context = block.context
    return await Execution(witness, context.task_id, "block", context.tries).block(seconds)


@worker.task(name="poison", **options)
async def poison(death: str) -> Any:
    """Take the worker down."""
    context = poison.context
    return await Execution(witness, context.task_id, "poison", context.tries).poison(death)


TASKS = {"work": work, "block": block, "poison": poison}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def enqueue(job: str, task: str, arguments: Sequence[Any], delay: float) -> None:
        asked = TASKS[task].enqueue(*arguments)
        asked.id = job
        await (asked.start(delay=timedelta(seconds=delay)) if delay else asked)

    async def settled(jobs: Collection[str]) -> Answers:
        answers = await asyncio.gather(*map(answer, jobs))
        return {job: told for job, told in zip(jobs, answers, strict=True) if told}

    async def answer(job: str) -> Any:
        if await worker.status_by_id(job) is not TaskStatus.DONE:
            return None
        told = await worker.result_by_id(job, timeout=2)
        return [told.success, told.result if told.success else repr(told.exception)]

    async with worker:
        yield Entrance(enqueue, settled)


if __name__ == "__main__":
    main(entrance)
