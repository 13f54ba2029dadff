"""Fresh servers, each with what can be asked of it behind the broker's back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.floors.nats import NatsFloor
from benchmarks.floors.redis import RedisFloor
from headrace.bench.floors import EventLoopFloor
from headrace.bench.subject import Subject
from headrace.bench.tally import Tally
from tests.servers import (
    REDIS_SERVERS,
    NatsCluster,
    NatsServer,
    RedisServer,
    nats_server,
    redis_on_path,
)

SERVERS = ("memory", "redis", "nats", "nats-cluster")

QUICK_JOBS = 5_000
FULL_JOBS = 100_000


class NoServer(Exception):
    """There is no server of this kind here."""


class Site:
    """Where a subject is measured.

    Args:
        folder: Where servers keep their files.
        tally: Where workers count.
        quick: Whether floors are measured with few jobs.
        server: The cores of servers; `None`: any.
        workers: Those of worker processes; `None`: any.
    """

    def __init__(
        self,
        folder: Path,
        tally: Tally,
        *,
        quick: bool,
        server: Collection[int] | None,
        workers: Collection[int] | None,
    ) -> None:
        self._folder = folder
        self._tally = tally
        self._jobs = QUICK_JOBS if quick else FULL_JOBS
        self._server = server
        self._workers = workers

    @contextmanager
    def subject(self, name: str) -> Generator[Subject]:
        """Start a fresh server, and stop it behind the block.

        Args:
            name: One of `SERVERS`, with options of the broker's URL behind it: `redis?track=no`.

        Raises:
            NoServer: There is none of this kind here.
        """
        kind, _, options = name.partition("?")
        made: dict[str, Callable[[str, str], Generator[Subject]]] = {
            "memory": self._memory,
            "redis": self._redis,
            "nats": self._nats,
            "nats-cluster": self._cluster,
        }
        yield from made[kind](name, options)

    def _memory(self, name: str, options: str) -> Generator[Subject]:
        url = _with("memory://", options)
        yield Subject(name, url, self._tally, floor=EventLoopFloor(self._jobs))

    def _redis(self, name: str, options: str) -> Generator[Subject]:
        binary = redis_on_path() or REDIS_SERVERS["valkey-9.1"]()
        if binary is None:
            raise NoServer
        server = RedisServer(binary, self._folder / name).start()
        self._pin(server.pid)

        async def storage() -> int:
            with server.client() as client:
                return int(client.info("memory")["used_memory"])

        try:
            yield Subject(
                name,
                _with(server.url, options),
                self._tally,
                floor=RedisFloor(server.url, self._jobs),
                storage=storage,
                cores=self._workers,
            )
        finally:
            server.stop()

    def _nats(self, name: str, options: str) -> Generator[Subject]:
        server = NatsServer(_nats_binary(), self._folder / name).start()
        self._pin(server.pid)

        async def storage() -> int:
            told = await asyncio.to_thread(server.ask, "jsz")
            return int(told["storage"]) + int(told["memory"])

        try:
            yield Subject(
                name,
                _with(server.url, options),
                self._tally,
                floor=NatsFloor(server.url, self._jobs),
                storage=storage,
                cores=self._workers,
            )
        finally:
            server.stop()

    def _cluster(self, name: str, options: str) -> Generator[Subject]:
        cluster = NatsCluster(_nats_binary(), self._folder / name).start()
        for node in cluster.nodes:
            self._pin(node.pid)
        url = _with(cluster.url, options or "replicas=3")
        try:
            yield Subject(name, url, self._tally, cores=self._workers)
        finally:
            cluster.stop()

    def _pin(self, pid: int) -> None:
        if self._server is not None:
            os.sched_setaffinity(pid, self._server)


def _with(url: str, options: str) -> str:
    return f"{url}?{options}" if options else url


def _nats_binary() -> Path:
    binary = nats_server()
    if binary is None:
        raise NoServer
    return binary
