"""Sends commands over the driver's connections, without the layers that it has above them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis import exceptions as driver

from headrace.deadlines import Deadlines
from headrace_redis.line import Line

# Its stubs know commands of one word only.
_pack: Callable[[tuple[bytes | str | float, ...]], bytes] = cast("Any", hiredis).pack_command

BETWEEN_TRIES = 0.15
"""Seconds after a vain try to connect in which there is no other: what all callers of a worker try
when the server is gone would be twenty a second."""


class Connections:
    """Connections to one server: as many as there are callers at once.

    The driver's own way to do this takes a lock twice, starts a task and keeps statistics for each
    command, and packs it in Python: 60 of its 130 µs, measured.

    Args:
        client: Of the driver; it knows the server, its connections are of its kind.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, client: Any, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._deadlines = Deadlines(timeout)
        self._free: list[Line] = []
        self._all: list[Line] = []
        self._failure: Exception | None = None
        self._again_at = 0.0

    async def execute_command(self, *args: bytes | str | float) -> Any:
        """Run one command and return the raw reply. Cancelled, the connection is given up.

        Raises:
            RedisError: Of the driver. Just after a vain try to connect it is the same once more.
        """
        line = self._free.pop() if self._free else self._new()
        try:
            if not line.is_open:
                await self._dial(line)
            return await self._ask(line, _pack(args))
        finally:
            self._free.append(line)

    def _new(self) -> Line:
        line = Line(self._client.connection_pool.make_connection())
        self._all.append(line)
        return line

    async def _dial(self, line: Line) -> None:
        now = asyncio.get_running_loop().time
        if self._failure is not None and now() < self._again_at:
            raise copy.copy(self._failure)
        try:
            async with asyncio.timeout(self._timeout):
                await line.open()
        except TimeoutError:
            message = f"timeout connecting to the server: no greeting within {self._timeout} s"
            self._failure, self._again_at = driver.TimeoutError(message), now() + BETWEEN_TRIES
            raise self._failure from None
        except (OSError, driver.RedisError) as error:
            self._failure, self._again_at = copy.copy(error), now() + BETWEEN_TRIES
            raise
        self._failure = None

    async def _ask(self, line: Line, command: bytes) -> Any:
        number = self._deadlines.add(line.cut)
        try:
            return await line.ask(command)
        except driver.ConnectionError:
            if self._deadlines.remove(number):
                raise
            message = f"no answer within {self._timeout} s"
            raise driver.TimeoutError(message) from None
        finally:
            self._deadlines.remove(number)

    async def aclose(self) -> None:
        """Let go of all connections."""
        for line in self._all:
            await line.close()
        await self._client.aclose()
