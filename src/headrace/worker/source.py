"""One queue as a worker serves it: its services, and the leases taken from it."""

from __future__ import annotations

from headrace.faultpoint import reach
from headrace.job import JobState, Lease
from headrace.outcome import Done, Outcome, Release
from headrace.queue import Queue
from headrace.worker.attempt import Attempt
from headrace.worker.backoff import Backoff
from headrace.worker.executor import Executor
from headrace.worker.heartbeat import Heartbeat
from headrace.worker.limits import TaskLimits
from headrace.worker.maintenance import Maintenance
from headrace.worker.pulse import Pulse
from headrace.worker.run import CancelReason, Run
from headrace.worker.scheduler import Scheduler
from headrace.worker.settler import Settler
from headrace.worker.tally import Tally
from headrace.worker.threads import Threads


class Source:
    """A queue, with the services that belong to it alone.

    Args:
        queue: What is served.
        worker: The worker's id.
        threads: For plain functions, shared by all queues.
        limits: For tasks with a concurrency of their own.
        tally: Where outcomes are counted.
        changed: Beaten when outcomes were settled.

    Attributes:
        held: The runs whose leases this worker holds, from claim to settlement.
        heartbeat: Renews in the worker's event loop: all of it, or only what a job must catch up
            with before it starts, where the `Heart` does the rest.
    """

    def __init__(
        self,
        queue: Queue,
        worker: str,
        threads: Threads,
        limits: TaskLimits,
        tally: Tally,
        changed: Pulse,
    ) -> None:
        self.queue = queue
        self.held: set[Run] = set()
        self._worker = worker
        self._broker = queue.broker
        self._tally = tally
        self._backoff = Backoff("consumer", queue.name)
        self._retry_at = 0.0
        self._failures = 0
        self.scheduler: Scheduler = Scheduler(queue)
        self.settler: Settler = Settler(queue.broker, queue.name, self.held, tally, changed)
        self.heartbeat: Heartbeat = Heartbeat(queue.broker, queue.name, queue.spec.lease, self.held)
        self.maintenance: Maintenance = Maintenance(queue.broker, queue.name, worker)
        self.executor: Executor = Executor(
            queue, queue.broker.clock, threads, limits, self._arrived
        )

    @property
    def well(self) -> bool:
        """Whether the last claim reached the broker."""
        return self._backoff.well

    async def claim(self, limit: int, wait: float) -> list[Run]:
        """Lease up to `limit` jobs, waiting for the first. In trouble, wait and return none."""
        clock = self._broker.clock
        pause = self._retry_at - clock.monotonic()
        if pause > 0:
            await clock.sleep(min(pause, wait))
            return []
        try:
            # A link that breaks under large replies may carry small ones.
            asked = max(1, limit >> self._failures)
            leases = await self._broker.claim(self.queue.name, self._worker, asked, wait)
        except Exception as error:  # noqa: BLE001 - a plug-in that leaks must not end the worker
            self._retry_at = clock.monotonic() + self._backoff.failed(error)
            self._failures += 1
            return []
        self._backoff.succeeded()
        self._failures = max(0, self._failures - 1)
        if leases:
            reach("worker.claimed")
        return self._take(leases)

    def _take(self, leases: list[Lease]) -> list[Run]:
        runs = [Run(lease) for lease in leases]
        self.held.update(runs)
        self._tally.claimed += len(runs)
        return runs

    async def _arrived(self, attempt: Attempt) -> bool:
        """Let a tick arrive, with a lease that is renewed if that took as long as the lease."""
        wanted = await self.scheduler.arrived(attempt)
        if attempt.lease.deadline <= self._broker.clock.monotonic():
            await self.heartbeat.catch_up()
        return wanted

    def give_back(self, run: Run) -> None:
        """Settle a run that never started or does not end, by the reason it was stopped for."""
        outcome: Outcome | None = Release(run.lease)
        if run.reason is CancelReason.LEASE_LOST:
            outcome = None
        elif run.reason is CancelReason.CANCELLED:
            outcome = Done(run.lease, None, self.queue.result_ttl, JobState.CANCELLED)
        self.settler.put(run, outcome)
