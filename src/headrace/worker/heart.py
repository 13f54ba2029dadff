"""The thread in which leases are renewed when the broker lives outside this process."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from headrace.broker import Broker
from headrace.plugins import broker_from_url
from headrace.worker.heartbeat import Heartbeat, Post
from headrace.worker.loopthread import LoopThread
from headrace.worker.source import Source
from headrace.worker.watch import Watch

logger: logging.Logger = logging.getLogger("headrace.worker")

STOP_TIME = 0.25
"""Seconds that the thread gets to close its clients. They hold nothing that could be lost."""


class Heart:
    """Renews the leases of a worker's queues from one thread, whatever its event loop does.

    The thread begins with the first queue that is opened here, and has a client of its own for
    each broker URL.

    Args:
        max_stall: Seconds for which the worker's event loop may be silent before leases are let go.
    """

    def __init__(self, max_stall: float) -> None:
        self._max_stall = max_stall
        self._clients: dict[str, Broker] = {}
        self._heartbeats: dict[Source, Heartbeat] = {}
        self._thread: LoopThread | None = None
        self._beating: asyncio.Task[None] | None = None

    def __contains__(self, source: Source) -> bool:
        """Whether it beats for a queue."""
        return source in self._heartbeats

    async def open(self, source: Source, url: str) -> None:
        """Connect a client for a queue. After an error, or cancelled: call it again, or `close`.

        Raises:
            BrokerError: As `Queue.open`.
        """
        if self._thread is None:
            self._thread = LoopThread("headrace-heart", self._disconnect)
        await self._thread.call(self._connect(source, url, self._thread.post))

    async def run(self) -> None:
        """Beat until cancelled for the queues that were opened; without one, return."""
        if self._thread is not None:
            held = [source.held for source in self._heartbeats]
            watch = Watch(self._max_stall, held, self._thread.post)
            await self._thread.call(self._beat(watch))

    async def close(self) -> None:
        """End the thread. Before `open`, or again: nothing. Cancelled: it ends all the same.

        What hangs in it is not waited for: it ends with the process.
        """
        thread, self._thread = self._thread, None
        if thread is not None and not await thread.end(STOP_TIME):
            logger.warning("heartbeat thread does not end")

    # in the thread

    async def _connect(self, source: Source, url: str, post: Post) -> None:
        queue = source.queue
        if url not in self._clients:
            self._clients[url] = broker_from_url(url)
        client = self._clients[url]
        await client.open()
        await client.declare(queue.spec)
        self._heartbeats[source] = Heartbeat(
            client, queue.name, queue.spec.lease, source.held, post
        )

    async def _beat(self, watch: Watch) -> None:
        self._beating = asyncio.current_task()
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.run(), name="headrace-watch")
            for source, heartbeat in self._heartbeats.items():
                name = f"headrace-heartbeat-{source.queue.name}"
                group.create_task(heartbeat.run(watch.bearable), name=name)

    async def _disconnect(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        for client in self._clients.values():
            with suppress(Exception):
                await client.close()
