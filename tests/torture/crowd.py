"""Many clients on one way to the broker, which lose it all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from headrace import Queue
from headrace.errors import BrokerError
from tests.torture.ledger import CLOCK

PATIENCE = 20.0
"""Seconds in which each of them must have an answer when all is well again."""


class Crowd:
    """Clients that ask now and then.

    Args:
        clients: Opened.
    """

    def __init__(self, clients: list[Queue]) -> None:
        self._clients = clients

    async def run(self) -> None:
        """Ask, all at once, once a second."""
        while True:
            await asyncio.gather(*map(self._ask, self._clients))
            await CLOCK.sleep(1.0)

    async def _ask(self, client: Queue) -> bool:
        try:
            await client.stats()
        except BrokerError:
            return False
        return True

    async def silent(self) -> list[str]:
        """Return who has no answer although all is well."""

        async def answered(client: Queue) -> bool:
            try:
                async with asyncio.timeout(PATIENCE):
                    while not await self._ask(client):
                        pass
            except TimeoutError:
                return False
            return True

        answers = await asyncio.gather(*map(answered, self._clients))
        return [f"client {number} has no answer" for number, yes in enumerate(answers) if not yes]


@asynccontextmanager
async def gathered(url: str, name: str, lease: float, size: int) -> AsyncGenerator[Crowd]:
    """Open so many clients of a queue, and close them in the end."""
    async with AsyncExitStack() as stack:
        clients = [Queue(url, name=name, lease=lease) for _ in range(size)]
        for client in clients:
            await stack.enter_async_context(client)
        yield Crowd(clients)
