"""Tells of jobs, and wakes those who wait for the end of one."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from headrace.batcher import Batcher
from headrace.clock import Clock
from headrace.errors import BrokerError
from headrace.ids import new_id
from headrace.job import JobInfo
from headrace_redis.address import Address
from headrace_redis.errors import mapped
from headrace_redis.keys import channel
from headrace_redis.queue import RedisQueue
from headrace_redis.scripts import LOOKUP
from headrace_redis.server import subscriber
from headrace_redis.wire import info_from, pack, text_of

logger: logging.Logger = logging.getLogger("headrace.redis")

BATCH = 500
"""Jobs in one call."""

POLL = 1.0
"""Seconds after which one who waits asks again although no message came: messages can be lost."""

LONGEST_PAUSE = 5.0

Query: TypeAlias = tuple[str, "asyncio.Future[JobInfo | None]"]


class Lookups:
    """Asks about jobs in batches, over all who ask at the same time.

    Who waits leaves the name of this client's channel with the job. The script that ends the job
    publishes its id there; one subscription serves the whole client.

    Args:
        address: Where the server is.
        clock: For waiting.
        find: Returns a queue by its name.
    """

    def __init__(self, address: Address, clock: Clock, find: Callable[[str], RedisQueue]) -> None:
        self._address = address
        self._clock = clock
        self._find = find
        self._channel = channel(address.prefix, new_id())
        self._batchers: dict[tuple[str, bool], Batcher[Query]] = {}
        self._waiting: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._listening: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()

    async def lookup(self, queue: str, ids: Sequence[str], wait: float) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`."""
        if wait <= 0:
            return await self._ask(queue, ids, wait=False)
        until = self._clock.monotonic() + wait
        await self._subscribe(wait)
        event = asyncio.Event()
        for job_id in ids:
            self._waiting[job_id].append(event)
        try:
            while True:
                event.clear()
                infos = await self._ask(queue, ids, wait=True)
                left = until - self._clock.monotonic()
                if left <= 0 or any(info is None or info.state.final for info in infos):
                    return infos
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, POLL)):
                        await event.wait()
        finally:
            for job_id in ids:
                self._waiting[job_id].remove(event)
                if not self._waiting[job_id]:
                    del self._waiting[job_id]

    # asking

    async def _ask(self, queue: str, ids: Sequence[str], *, wait: bool) -> list[JobInfo | None]:
        batcher = self._batchers.get((queue, wait))
        if batcher is None:
            batcher = self._batchers[queue, wait] = Batcher(
                lambda queries: self._flush(queue, queries, wait=wait),
                limit=BATCH,
                name=f"headrace-lookups-{queue}",
            )
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[JobInfo | None]] = [loop.create_future() for _ in ids]
        for query in zip(ids, futures, strict=True):
            batcher.add(query)
        return await asyncio.gather(*futures)

    async def _flush(self, queue: str, queries: list[Query], *, wait: bool) -> None:
        ids = [job_id for job_id, _ in queries]
        try:
            reply = await self._find(queue).run(LOOKUP, pack(ids), self._channel if wait else "")
        except BrokerError as error:
            for _, future in queries:
                if not future.done():
                    future.set_exception(type(error)(*error.args))
        else:
            for (job_id, future), told in zip(queries, reply, strict=True):
                if not future.done():
                    future.set_result(info_from(job_id, told))

    # being told

    async def _subscribe(self, wait: float) -> None:
        """Listen, and wait a moment until that is so; without it there is still asking again."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="headrace-redis-listener")
        if not self._subscribed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait, POLL)):
                    await self._subscribed.wait()

    async def _listen(self) -> None:
        pause = 0.0
        while True:
            try:
                with mapped():
                    await self._follow()
            except BrokerError as error:
                if self._subscribed.is_set():
                    pause = 0.05
                logger.debug("subscription ended", extra={"error_message": str(error)})
            self._subscribed.clear()
            pause = min(2 * pause or 0.05, LONGEST_PAUSE)
            await self._clock.sleep(pause * random.uniform(0.5, 1.0))

    async def _follow(self) -> None:
        """Subscribe, and hand on what is told until the connection breaks."""
        client = subscriber(self._address)
        try:
            async with client.pubsub() as pubsub:
                await pubsub.subscribe(self._channel)
                while True:
                    self._heed(await pubsub.get_message(timeout=POLL))
        finally:
            await client.aclose()

    def _heed(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        if message["type"] == "subscribe":
            self._subscribed.set()
        elif message["type"] == "message":
            for event in self._waiting.get(text_of(message["data"]), ()):
                event.set()

    async def close(self) -> None:
        """Listen no more, and let go of the connection."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
        for batcher in self._batchers.values():
            await batcher.drain()
