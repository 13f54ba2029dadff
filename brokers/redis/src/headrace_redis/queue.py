"""One declared queue on a server."""

from __future__ import annotations

import logging
from typing import Any

from msgspec import structs

from headrace.broker import QueueSpec
from headrace.errors import ConfigMismatch
from headrace_redis.errors import QueueLost
from headrace_redis.keys import GROUP, lane, queue_prefix, queues
from headrace_redis.scripts import DECLARE, RENEW, Script
from headrace_redis.server import Server
from headrace_redis.wire import milliseconds, text_of

logger: logging.Logger = logging.getLogger("headrace.redis")


class RedisQueue:
    """Runs scripts on a queue, and declares it again when the server has lost it.

    Args:
        server: Where it is.
        prefix: What all keys begin with, of every queue.
        spec: As it was declared.
        track: Whether jobs are found by their ids.
    """

    def __init__(self, server: Server, prefix: str, spec: QueueSpec, *, track: bool) -> None:
        self._server = server
        self._track = track
        self._register = queues(prefix)
        self.prefix: str = queue_prefix(prefix, spec.name)
        self.spec: QueueSpec = spec

    async def declare(self) -> bool:
        """Create the queue, or verify that it is what the spec says.

        Returns:
            Whether the server did not have it, or not all of it.

        Raises:
            ConfigMismatch: It is there with other settings.
        """
        spec = self.spec
        wanted = [str(spec.lanes), str(milliseconds(spec.lease)), "1" if self._track else "0"]
        keep = milliseconds(spec.result_ttl)
        reply = await self._server.run(DECLARE, self.prefix, *wanted, keep)
        held = [text_of(value or b"") for value in reply[:3]]
        if held != wanted:
            lanes, lease, track = held
            seconds = int(lease) / 1000 if lease.isdecimal() else lease
            message = (
                f"queue {spec.name!r} exists with lease={seconds} lanes={lanes} "
                f"track={'yes' if track == '1' else 'no'}, not lease={spec.lease} "
                f"lanes={spec.lanes} track={'yes' if self._track else 'no'}: its users must agree"
            )
            raise ConfigMismatch(message)
        self.spec = structs.replace(spec, lease=int(held[1]) / 1000)
        await self._server.command("SADD", self._register, spec.name)
        return bool(reply[3])

    async def run(self, script: Script, *args: bytes | str | float) -> Any:
        """Run a script and return the raw reply.

        Raises:
            BrokerError: See `errors`.
        """
        try:
            return await self._server.run(script, self.prefix, *args)
        except QueueLost as error:
            await self.restore(error)
            return await self._server.run(script, self.prefix, *args)

    async def renew(self, *args: bytes | str | float) -> Any:
        """Run the script for renewals on its own connection."""
        try:
            return await self._server.renew(RENEW, self.prefix, *args)
        except QueueLost as error:
            await self.restore(error)
            return await self._server.renew(RENEW, self.prefix, *args)

    async def read(self, consumer: str, seconds: float) -> list[Any]:
        """Wait for a job that comes to any lane. Never cancel it: the job would be lost.

        Returns:
            As `claim.lua`: lane, jobs, lane, jobs and so on, where several lanes had one already;
            nothing when the time is up.
        """
        streams = [lane(self.prefix, number) for number in range(self.spec.lanes)]
        block = max(1, int(seconds * 1000))
        command = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", 1, "BLOCK", block, "STREAMS")
        try:
            reply = await self._server.read(*command, *streams, *[">"] * len(streams))
        except QueueLost as error:
            await self.restore(error)
            return []
        told: list[Any] = []
        for stream, jobs in reply or ():
            told += [streams.index(stream.decode()), jobs]
        return told

    async def restore(self, error: QueueLost) -> None:
        """Declare the queue again after somebody took it away.

        Of all clients that notice, the one that restores it says so.
        """
        if await self.declare():
            logger.error(
                "the server had lost the queue, it is declared again",
                extra={"queue": self.spec.name, "error_message": str(error)},
            )
