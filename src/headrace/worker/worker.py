"""The worker: it puts the services into one task group, and stops them in order."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, nullcontext
from functools import partial
from typing import Any

from headrace.broker import Capability
from headrace.durations import Duration
from headrace.errors import InvalidOption, OutcomeUnknown, Overloaded, Unavailable
from headrace.ids import new_id
from headrace.queue import Queue
from headrace.worker.backoff import Backoff
from headrace.worker.consumer import Consumer
from headrace.worker.heart import Heart
from headrace.worker.limits import TaskLimits
from headrace.worker.pulse import Pulse
from headrace.worker.settings import settings_from
from headrace.worker.shutdown import Ending, Shutdown
from headrace.worker.signals import Requests, listening
from headrace.worker.source import Source
from headrace.worker.tally import Tally
from headrace.worker.threads import Threads

logger: logging.Logger = logging.getLogger("headrace.worker")


class Worker:
    """Runs the jobs of one or more queues, until it is stopped. It starts only once.

    Args:
        *queues: What to serve, the most important one first. Each keeps its own lanes.
        concurrency: Jobs at a time.
        grace: Seconds for which running jobs may go on after the worker was asked to stop.
        prefetch: Jobs to claim beyond the free slots; if it is not given, none, or while jobs take
            less than 10 ms on average as many as run in 50 ms, sixteen for each slot at most.
        max_stall: Seconds for which the event loop may be blocked before leases are let go; for
            brokers outside this process whose queue was given a URL.
        threads: Plain functions at a time; if it is not given, as many as
            `concurrent.futures.ThreadPoolExecutor` has threads.

    Attributes:
        id: Its name in the broker, fresh for each worker.
        tally: What it did, counted.

    Raises:
        InvalidOption: A setting makes no sense, or there is no queue.

    Examples:
        >>> worker = Worker(queue, concurrency=100, grace=25)
        >>> running = asyncio.create_task(worker.run(signals=False))
        >>> worker.stop()
        >>> await running
        <Ending.DRAINED: 0>
    """

    def __init__(
        self,
        *queues: Queue,
        concurrency: int = 100,
        grace: Duration = 25.0,
        prefetch: int | None = None,
        max_stall: Duration = 300.0,
        threads: int | None = None,
    ) -> None:
        if not queues:
            message = "a worker serves at least one queue"
            raise InvalidOption(message)
        settings = settings_from(concurrency, grace, prefetch, max_stall, threads)
        self.id: str = _worker_id()
        self.tally: Tally = Tally()
        self._threads = Threads(settings.threads)
        limits = TaskLimits(max(1, settings.concurrency // 2))
        clock = queues[0].broker.clock
        changed = Pulse(clock)
        self._sources = [
            Source(queue, self.id, self._threads, limits, self.tally, changed) for queue in queues
        ]
        self._consumer = Consumer(self._sources, settings, clock, changed)
        self._shutdown = Shutdown(self._consumer, self._sources, settings.grace)
        self._heart = Heart(settings.max_stall)
        self._serving = False
        self._started: Callable[[], object] | None = None

    @property
    def ready(self) -> bool:
        """Whether it claims jobs: it runs, was not asked to stop, and its brokers answer."""
        return (
            self._serving
            and not self._shutdown.requested.is_set()
            and all(source.well for source in self._sources)
        )

    @property
    def stuck(self) -> int:
        """How many jobs run on after `run`: given back, but in threads or deaf to cancellation."""
        return self._threads.busy + self._consumer.abandoned

    def stop(self) -> None:
        """Ask it to stop: finish what runs within the grace, give the rest back.

        Asked again, it cancels what runs and gives it back at once. Harmless before and after it
        runs.
        """
        self._shutdown.request()

    async def run(
        self, *, signals: bool = True, started: Callable[[], object] | None = None
    ) -> Ending:
        """Serve until SIGTERM, SIGINT or `stop`.

        Cancelled, it does what a second request to stop does, within two seconds, and goes.

        Args:
            signals: Whether to heed signals. The third one ends the process at once.
            started: Called when it begins to serve.

        Returns:
            How it ended.

        Raises:
            ConfigMismatch: A queue is declared with another lease or other lanes.
            AuthFailed: The broker refuses the credentials.
            Unsupported: The broker cannot keep the contract.
            InvalidTask: A task's signature cannot travel.
        """
        for source in self._sources:
            source.queue.compile()
        with listening(Requests(self.stop)) if signals else nullcontext():
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self._heart.close)
                for source in self._sources:
                    queue = source.queue
                    if not await self._open("worker", queue, queue.open):
                        return Ending.DRAINED
                    stack.push_async_callback(queue.close)
                    if not await self._open_heart(source):
                        return Ending.DRAINED
                self._started = started
                return await self._serve()

    async def _open_heart(self, source: Source) -> bool:
        """Have leases renewed from a thread, if the broker lives on while the loop is blocked."""
        queue = source.queue
        if Capability.SHARED not in queue.broker.capabilities:
            return True
        if queue.url is None:
            logger.warning(
                "leases are renewed in the event loop, give the queue a URL to have a thread do it",
                extra={"queue": queue.name},
            )
            return True
        return await self._open("heartbeat", queue, partial(self._heart.open, source, queue.url))

    async def _open(
        self, service: str, queue: Queue, opening: Callable[[], Awaitable[None]]
    ) -> bool:
        """Open, trying for ever while the broker is in trouble, or until the worker is stopped."""
        backoff = Backoff(service, queue.name)
        requested = self._shutdown.requested
        while not requested.is_set():
            try:
                await opening()
            except (Unavailable, OutcomeUnknown, Overloaded) as error:
                await self._consumer.changed.until(requested.is_set, backoff.failed(error))
            else:
                backoff.succeeded()
                return True
        return False

    async def _serve(self) -> Ending:
        # asyncio's task group, not anyio's: anyio cancels again and again until a task has ended,
        # and would so cut off the cleaning up of a broker's verb.
        async with asyncio.TaskGroup() as group:
            services = [group.create_task(run, name=name) for name, run in self._services()]
            consumer = group.create_task(self._consumer.run(), name="headrace-consumer")
            self._serving = True
            logger.info("worker is serving", extra={"worker": self.id})
            if self._started is not None:
                self._started()
            try:
                await self._shutdown.requested.wait()
                await _end(consumer)
                ending = await self._shutdown.drain()
            except BaseException:
                await _end(consumer)
                await self._shutdown.cancel()
                raise
            finally:
                self._serving = False
                for service in services:
                    service.cancel()
        logger.info("worker has stopped", extra={"worker": self.id, **self.tally.facts()})
        return ending

    def _services(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        yield "headrace-heart", self._heart.run()
        for source in self._sources:
            name = source.queue.name
            if source not in self._heart:
                yield f"headrace-heartbeat-{name}", source.heartbeat.run()
            yield f"headrace-maintenance-{name}", source.maintenance.run()
            yield f"headrace-scheduler-{name}", source.scheduler.run()

    def __repr__(self) -> str:
        return f"<Worker {self.id}>"


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    await asyncio.wait([task])


def _worker_id() -> str:
    """Return a name that tells host and process, and that no other start of a process has."""
    host = re.sub(r"[^A-Za-z0-9]+", "-", platform.node())[:24].strip("-") or "host"
    return f"{host}-{os.getpid()}-{new_id()[-10:]}"
