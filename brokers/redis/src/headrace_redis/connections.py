"""Sends commands over the driver's connections, without the layers that it has above them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import hiredis
from redis import exceptions as driver

from headrace.deadlines import Deadlines

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
        self._free: list[Any] = []
        self._all: list[Any] = []
        self._failure: Exception | None = None
        self._again_at = 0.0

    async def execute_command(self, *args: bytes | str | float) -> Any:
        """Run one command and return the raw reply. Cancelled, the connection is given up.

        Raises:
            RedisError: Of the driver. Just after a vain try to connect it is the same once more.
        """
        connection = self._free.pop() if self._free else self._new()
        try:
            await self._connect(connection)
            return await self._ask(connection, _pack(args))
        finally:
            self._free.append(connection)

    def _new(self) -> Any:
        connection = self._client.connection_pool.make_connection()
        # The driver would start a task for each of its own timeouts.
        connection.socket_timeout = None
        self._all.append(connection)
        return connection

    async def _connect(self, connection: Any) -> None:
        """Make sure of a connection: it may have broken, or hold the rest of a reply."""
        try:
            if connection.is_connected and not await connection.can_read():
                return
        except (OSError, driver.ConnectionError):
            pass
        await connection.disconnect(nowait=True)
        now = asyncio.get_running_loop().time
        if self._failure is not None and now() < self._again_at:
            raise copy.copy(self._failure)
        try:
            await self._dial(connection)
        except (OSError, driver.RedisError) as error:
            self._failure, self._again_at = copy.copy(error), now() + BETWEEN_TRIES
            raise
        self._failure = None

    async def _dial(self, connection: Any) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await connection.connect()
        except TimeoutError:
            message = f"timeout connecting to the server: no greeting within {self._timeout} s"
            raise driver.TimeoutError(message) from None

    async def _ask(self, connection: Any, command: bytes) -> Any:
        number = self._deadlines.add(partial(_cut, connection))
        try:
            await connection.send_packed_command(command, check_health=False)
            return await connection.read_response()
        except (OSError, driver.ConnectionError):
            if self._deadlines.remove(number):
                raise
            message = f"no answer within {self._timeout} s"
            raise driver.TimeoutError(message) from None
        finally:
            self._deadlines.remove(number)

    async def aclose(self) -> None:
        """Let go of all connections."""
        for connection in self._all:
            await connection.disconnect()
        await self._client.aclose()


def _cut(connection: Any) -> None:
    """Break a connection: whoever reads from it, or writes to it, fails."""
    if connection.is_connected:
        connection._writer.transport.abort()  # noqa: SLF001 - all else it has waits for something
