"""The face: a queue takes jobs, tells of them, and is what a worker serves."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any, ParamSpec, Self, TypeAlias, TypeVar, overload

from headrace.broker import Broker, Control, QueueSpec, QueueStats
from headrace.codec import VERSION, Envelope, Settings, encode
from headrace.durations import Duration, seconds
from headrace.errors import InvalidOption, Rejected, UnknownTask
from headrace.handle import JobHandle
from headrace.ids import new_id
from headrace.job import NewJob
from headrace.letter import DeadLetter, read_letter
from headrace.link import Link
from headrace.options import Options
from headrace.registry import Registry
from headrace.task import Call, LocalTask, Task
from headrace.urls import redact_url

P = ParamSpec("P")
R = TypeVar("R")

_Chunk: TypeAlias = tuple[list[Call[R]], list[NewJob], "asyncio.Task[list[str | None]]"]

DEFAULT_URL = "memory://"
URL_VARIABLE = "HEADRACE_URL"
CHUNK = 200
"""Calls that `enqueue_many` sends at once."""

CHUNKS = 5
"""Of these are under way, at most, before it takes more from its iterator."""

_unseen: Task[..., Any] = Task("")


class Queue(Registry):
    """A named queue on a broker, with the tasks that run from it.

    Args:
        url: Any broker's URL, or a `Broker`; if it is not given `$HEADRACE_URL`, else `memory://`.
            A `Broker` stays the caller's: the queue opens it, and leaves closing it to its owner.
        name: 1 to 64 of `A-Z a-z 0-9 _ -`.
        lanes: How many priorities there are, 1 to 16; 0 is served first.
        lease: Seconds after which the jobs of a worker that died start again, at least 0.1.
        max_deliveries: How often in a row a job may be handed out without any outcome, because its
            worker died, before it is dead-lettered; 1 or more.
        result_ttl: Seconds for which results are kept; 0 keeps none.
        max_payload: Bytes of an encoded job or result at most.
        unknown_ttl: Seconds for which a job whose task no worker knows is given back, for a
            rolling deploy to bring the task, before it is dead-lettered.

    Attributes:
        name: The queue's name.
        broker: Where its jobs are.
        result_ttl: Seconds.
        spec: What `open` declares.
        max_deliveries: As it was given.
        max_payload: Bytes.
        unknown_ttl: Seconds.

    Raises:
        InvalidOption: A setting makes no sense.
        PluginError: The URL leads to no broker.

    Examples:
        >>> queue = Queue("memory://", name="mail", lease=60)
        >>> async with queue:
        ...     await queue.enqueue("send_email", "a@b.c", "hi")
        ...     (await queue.stats()).ready
        <JobHandle ...>
        (0, 1, 0)
    """

    def __init__(  # noqa: PLR0913 - each is a setting that stands by itself
        self,
        url: str | Broker | None = None,
        *,
        name: str = "default",
        lanes: int = 3,
        lease: Duration = 30.0,
        max_deliveries: int = 3,
        result_ttl: Duration = 600.0,
        max_payload: int = 1 << 20,
        unknown_ttl: Duration = 3600.0,
    ) -> None:
        super().__init__()
        if max_deliveries < 1 or max_payload < 1:
            message = "max_deliveries and max_payload are 1 or more"
            raise InvalidOption(message)
        url = (os.environ.get(URL_VARIABLE) or DEFAULT_URL) if url is None else url
        self.name = name
        self.link: Link = Link(url, name)
        self.result_ttl: float = seconds(result_ttl, name="result_ttl")
        self.spec: QueueSpec = QueueSpec(
            name=name,
            lanes=lanes,
            lease=seconds(lease, name="lease"),
            result_ttl=self.result_ttl,
        )
        self.max_deliveries = max_deliveries
        self.max_payload = max_payload
        self.unknown_ttl: float = seconds(unknown_ttl, name="unknown_ttl")

    @property
    def broker(self) -> Broker:
        """Where its jobs are."""
        return self.link.broker

    @property
    def url(self) -> str | None:
        """The broker's URL with its secrets, `None` for a `Broker`. Show `redact_url` of it."""
        return self.link.url

    async def open(self) -> None:
        """Connect to the broker and declare the queue. Each `open` wants its `close`.

        A cancelled call leaves the queue closed.

        Raises:
            BrokerError: The broker cannot be reached or refuses, or the queue is declared with
                another lease or other lanes (`ConfigMismatch`).
            QueueClosed: It is open in another event loop.
        """
        await self.link.open(self.spec)

    async def close(self) -> None:
        """Send what is still to be sent, and let go of the broker. Once more is harmless.

        A cancelled call leaves the queue open: call it again.

        Raises:
            BrokerError: The broker did not let go in order.
        """
        await self.link.close()

    async def __aenter__(self) -> Self:
        """Open the queue."""
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the queue."""
        await self.close()

    @overload
    async def enqueue(
        self, task: Task[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...

    @overload
    async def enqueue(self, task: str, /, *args: Any, **kwargs: Any) -> JobHandle[Any]: ...

    async def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Store a job. When this returns, it is kept.

        Many calls at the same time travel together. A cancelled call leaves it open whether the
        job is stored; with a `job_id` it can be repeated safely.

        Args:
            task: A task of this queue, or the name of one that only the workers have.
            *args: Its arguments.
            **kwargs: Its arguments.

        Returns:
            A handle on the job: on the one that was there already, if `handle.duplicate`.

        Raises:
            InvalidArguments: They do not fit the task.
            Rejected: The job is too large, or has a priority that the queue has not.
            UnknownTask: The task belongs to another queue.
            QueueClosed: The queue is not open here.
            BrokerError: The broker did not take it in time. After `OutcomeUnknown` it may be
                stored all the same.

        Examples:
            >>> job = await queue.enqueue(send_email, "a@b.c", "hi", html=True)
            >>> await job.result(timeout=10)
            2
        """
        target: Task[..., Any] = task
        if isinstance(task, str):
            target = self._tasks.get(task) or self.remote(task)
        call = target.call(*args, **kwargs)
        job = self._draft(call)
        return self._handle(call, job, await self.link.outbox.send(job))

    async def enqueue_many(self, calls: Iterable[Call[R]]) -> list[JobHandle[R]]:
        """Store many jobs, a batch at a time. A cancelled call leaves it open which are stored.

        Args:
            calls: From `Task.call`; a generator is read as it is sent.

        Returns:
            A handle on each, in the order of the calls.

        Raises:
            HeadraceError: As `enqueue`; the first one. Jobs before and behind it may be stored.

        Examples:
            >>> jobs = await queue.enqueue_many(send_email.call(to, "hello") for to in "abc")
            >>> [await job.result(timeout=10) for job in jobs]
            [5, 5, 5]
        """
        handles: list[JobHandle[R]] = []
        remaining, sending = iter(calls), deque[_Chunk[R]]()
        try:
            while True:
                chunk = list(islice(remaining, CHUNK))
                if chunk:
                    jobs = [self._draft(call) for call in chunk]
                    sent = asyncio.create_task(
                        self.link.outbox.send_many(jobs), name="headrace-send"
                    )
                    sending.append((chunk, jobs, sent))
                    # It is on its way while the next one is made.
                    await self.broker.clock.sleep(0)
                elif not sending:
                    return handles
                if len(sending) == CHUNKS or not chunk:
                    # Taken out only when it is over: what is under way is cancelled below.
                    handles += map(self._handle, *sending[0][:2], await sending[0][2])
                    sending.popleft()
        finally:
            for _, _, sent in sending:
                sent.cancel()
            await asyncio.gather(*(sent for _, _, sent in sending), return_exceptions=True)

    def _handle(self, call: Call[R], job: NewJob, existing: str | None) -> JobHandle[R]:
        return JobHandle(
            self.broker,
            self.name,
            existing or job.id,
            call.task.decode_result,
            duplicate=existing is not None,
            largest=self.max_payload,
        )

    def _draft(self, call: Call[Any]) -> NewJob:
        """Make the job of a call, or say why it cannot be one."""
        self.link.check()
        task = call.task
        if isinstance(task, LocalTask):
            known = self._tasks.get(task.name)
            if known is None or known.implementation is not task.implementation:
                message = f"task {task.name!r} does not belong to queue {self.name!r}"
                raise UnknownTask(message)
        return self.draft(call, task.effective, task.settings)

    def draft(self, call: Call[Any], options: Options, settings: Settings | None) -> NewJob:
        """Return the job of a call without sending it.

        Raises:
            Rejected: It is too large, or its priority is no lane of this queue.
        """
        now = self.broker.clock.time()
        job_id = options.job_id or new_id()
        body = encode(
            Envelope(VERSION, call.task.name, call.args, call.kwargs, int(now * 1000), settings)
        )
        lanes = self.spec.lanes
        priority = (lanes - 1) // 2 if options.priority is None else options.priority
        if priority >= lanes:
            raise Rejected(job_id, f"priority {priority}: the queue has lanes 0 to {lanes - 1}")
        if len(body) > self.max_payload:
            raise Rejected(
                job_id,
                f"{len(body):,} bytes are more than max_payload ({self.max_payload:,}): "
                "store the data elsewhere and pass a reference, or raise max_payload",
            )
        delay = options.delay if options.at is None else max(0.0, options.at.timestamp() - now)
        return NewJob(
            id=job_id,
            body=body,
            priority=priority,
            delay=delay,
            unique=options.unique,
            unique_for=options.unique_for,
            expires=options.expires,
        )

    def remote(self, name: str) -> Task[..., Any]:
        """Return a task that only other processes implement, to enqueue it with options.

        Examples:
            >>> job = await queue.enqueue(queue.remote("ship").options(delay=60), 42, express=True)
            >>> await job.status()
            <JobState.DELAYED: 'delayed'>
        """
        return Task(name)

    def job(self, job_id: str) -> JobHandle[Any]:
        """Return a handle on a job by its id, such as one that another process enqueued.

        Examples:
            >>> await queue.job("no-such-job").status()
            <JobState.UNKNOWN: 'unknown'>
        """
        decode, largest = _unseen.decode_result, self.max_payload
        return JobHandle(self.broker, self.name, job_id, decode, largest=largest)

    async def stats(self) -> QueueStats:
        """Count the jobs of this queue. A cancelled call leaves nothing behind.

        Raises:
            BrokerError: The broker could not be asked.
        """
        return await self.broker.stats(self.name)

    async def pause(self) -> None:
        """Hand out no more jobs, on any worker. Those running go on.

        A cancelled call leaves it open whether the queue is paused; call it again.

        Raises:
            BrokerError: The broker could not be told.
        """
        await self.broker.control(self.name, Control.PAUSE)

    async def resume(self) -> None:
        """Hand out jobs again; cancelled and failing as `pause`.

        Raises:
            BrokerError: The broker could not be told.
        """
        await self.broker.control(self.name, Control.RESUME)

    async def purge(self, *, dead: bool = False) -> int:
        """Drop the jobs that wait: those ready and those delayed. Running jobs go on.

        A cancelled call has dropped some of them, or none, or all.

        Args:
            dead: Drop the dead letters instead.

        Returns:
            How many were dropped.

        Raises:
            BrokerError: The broker could not be told, or broke off; some may be dropped.
        """
        if dead:
            return await self.broker.control(self.name, Control.PURGE_DEAD)
        delayed = await self.broker.control(self.name, Control.PURGE_DELAYED)
        return delayed + await self.broker.control(self.name, Control.PURGE_READY)

    async def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Iterate over the dead letters, oldest first. Cancelled, it has changed nothing.

        Raises:
            BrokerError: The broker could not be asked.

        Examples:
            >>> [letter.task async for letter in queue.dead_letters()]
            ['call_api']
        """
        after = ""
        while page := await self.broker.dead(self.name, after=after):
            for dead in page:
                yield read_letter(dead)
            after = page[-1].cursor

    async def requeue(self, *job_ids: str) -> int:
        """Send dead letters back to be run again, with no failure counted.

        A cancelled call leaves it open which went back; call it again.

        Returns:
            How many went back. One whose unique key another job holds stays.

        Raises:
            BrokerError: The broker could not be told; some may be back.

        Examples:
            >>> ids = [letter.id async for letter in queue.dead_letters()]
            >>> await queue.requeue(*ids)
            1
        """
        return await self.broker.redrive(self.name, job_ids)

    def __repr__(self) -> str:
        place = repr(self.broker) if self.url is None else redact_url(self.url)
        return f"<Queue {self.name!r} on {place}>"
