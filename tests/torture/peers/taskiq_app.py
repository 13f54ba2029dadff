"""taskiq on Redis streams: acknowledged when the result is saved, which is its default.

`idle_timeout` is longer than the jobs of all scenarios but those that are about long ones, for no
message is renewed. One message is read at a time, so that none waits in a batch until it is idle.
The lock of recoveries has the timeout for killed workers. Retries are at once: delays, as of
delayed jobs, need a scheduler, a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from taskiq import Context, SimpleRetryMiddleware, TaskiqDepends
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from tests.torture.peers.kit.client import Answers, Entrance, main
from tests.torture.peers.kit.jobs import ATTEMPTS, RESULT_TTL, Execution
from tests.torture.peers.kit.witness import Witness

URL = os.environ["TORTURE_URL"]
LEASE = float(os.environ["TORTURE_LEASE"])

broker = (
    RedisStreamBroker(
        URL,
        consumer_id="0",
        idle_timeout=int(LEASE * 1000),
        xread_count=1,
        unacknowledged_batch_size=int(os.environ["TORTURE_CONCURRENCY"]),
        unacknowledged_lock_timeout=LEASE,
    )
    .with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=RESULT_TTL))
    .with_middlewares(SimpleRetryMiddleware(default_retry_count=ATTEMPTS, default_retry_label=True))
)
witness = Witness.here()
Here = Annotated[Context, TaskiqDepends()]


def _execution(context: Context) -> Execution:
    message = context.message
    attempt = int(message.labels.get("_retries", 0)) + 1
    return Execution(witness, message.task_id, message.task_name, attempt)


@broker.task(task_name="work")
async def work(seconds: float, failures: int, context: Here) -> Any:
    """Take a while, and fail so many times before."""
    return await _execution(context).work(seconds, failures)


@broker.task(task_name="block")
async def block(seconds: float, context: Here) -> Any:
    """Block the event loop."""
    return await _execution(context).block(seconds)


@broker.task(task_name="poison")
async def poison(death: str, context: Here) -> Any:
    """Take the worker down."""
    return await _execution(context).poison(death)


TASKS = {"work": work, "block": block, "poison": poison}


@asynccontextmanager
async def entrance() -> AsyncIterator[Entrance]:
    """Connect."""

    async def enqueue(job: str, task: str, arguments: Sequence[Any], _: float) -> None:
        await TASKS[task].kicker().with_task_id(job).kiq(*arguments)

    async def settled(jobs: Collection[str]) -> Answers:
        results, found = broker.result_backend, {}
        for job in jobs:
            if await results.is_result_ready(job):
                told = await results.get_result(job)
                found[job] = [
                    not told.is_err,
                    repr(told.error) if told.is_err else told.return_value,
                ]
        return found

    await broker.startup()
    try:
        yield Entrance(enqueue, settled)
    finally:
        await broker.shutdown()


if __name__ == "__main__":
    main(entrance)
