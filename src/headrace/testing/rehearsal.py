"""One job, run by hand: what a worker does with it, without a queue."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from headrace.codec import decode_failure, decode_history
from headrace.context import CurrentJob
from headrace.errors import JobFailed
from headrace.job import Lease
from headrace.middleware import CallNext
from headrace.outcome import Dead, Done, Outcome, Reschedule
from headrace.queue import Queue
from headrace.task import Call
from headrace.testing.twin import Twin
from headrace.worker.attempt import Attempt
from headrace.worker.executor import Executor
from headrace.worker.limits import TaskLimits
from headrace.worker.run import CancelReason, Run
from headrace.worker.threads import Threads

R = TypeVar("R")

FOREVER = float("inf")


class _Witness:
    """Middleware that keeps what its job returns or raises."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None

    async def __call__(self, job: CurrentJob, call_next: CallNext) -> Any:
        try:
            self.value = await call_next(job)
        except BaseException as error:
            self.error = error
            raise
        return self.value


async def rehearse(
    queue: Queue,
    call: Call[R],
    *,
    attempt: int = 1,
    deliveries: int = 1,
    middleware: bool = True,
) -> R:
    """Run a call as a worker does; see `Harness.run_job`."""
    witness = _Witness()
    twin = Twin(queue, queue.broker, witness, middleware=middleware)
    clock = queue.broker.clock
    executor = Executor(twin, clock, Threads(1), TaskLimits(1), _arrived)
    job = queue.draft(call, call.task.effective, call.task.settings)
    lease = Lease(
        queue.name, job.id, job.body, b"", job.priority, attempt - 1, deliveries, 1, FOREVER, None
    )
    run = Run(lease)
    outcome = await _executed(executor, run)
    if run.reason is CancelReason.TIMEOUT and isinstance(outcome, Reschedule | Dead):
        raise TimeoutError(decode_history(outcome.meta).failures[-1].message)
    if witness.error is not None:
        raise witness.error
    if isinstance(outcome, Dead):
        failure = decode_failure(outcome.result)
        raise JobFailed(job.id, failure.reason, failure.error, failure.message, failure.traceback)
    if isinstance(outcome, Done) and outcome.result is not None:
        return call.task.decode_result(outcome.result)
    value: R = witness.value
    return value


async def _executed(executor: Executor, run: Run) -> Outcome | None:
    """Execute a run in an asyncio task of its own, as a worker does."""
    outcome: Outcome | None = None

    async def execute() -> None:
        nonlocal outcome
        outcome = await executor.execute(run)

    task = asyncio.create_task(execute(), name=run.lease.id)
    run.start(task)
    run.begin()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        run.cancel(CancelReason.SHUTDOWN)
        await asyncio.wait([task])
        raise
    return outcome


async def _arrived(_: Attempt) -> bool:
    """Let a tick arrive: it runs because somebody asked for it."""
    return True
