"""What is done to workers and servers: a schedule that a seed makes, and that always heals."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from tests.servers import Server
from tests.torture.crew import Crew
from tests.torture.ledger import Ledger


class Strike(Struct, frozen=True):
    """One fault.

    Attributes:
        at: Seconds from the start.
        fault: Its name.
        share: A number from 0 up to 1, for what else is to be chosen.
    """

    at: float
    fault: str
    share: float


Fault: TypeAlias = Callable[[float], Awaitable[None]]


def schedule(
    seed: int, faults: Sequence[str], duration: float, apart: tuple[float, float]
) -> list[Strike]:
    """Return strikes that are so many seconds apart, the same for the same seed."""
    chance, at, strikes = random.Random(seed), 0.0, list[Strike]()
    while faults:
        at += chance.uniform(*apart)
        if at >= duration:
            break
        strikes.append(Strike(at, chance.choice(faults), chance.random()))
    return strikes


class Nemesis:
    """Strikes.

    Args:
        crew: The workers.
        server: The broker's.
        ledger: Where it writes.
        lease: Seconds.
        workers: How many there are to be again after each strike.
    """

    def __init__(
        self, crew: Crew, server: Server, ledger: Ledger, lease: float, workers: int
    ) -> None:
        self._crew = crew
        self._server = server
        self._ledger = ledger
        self._lease = lease
        self._workers = workers
        self._faults: dict[str, Fault] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "terminate": self._terminate,
            "server": self._restart_server,
        }

    async def run(self, strikes: Sequence[Strike]) -> None:
        """Strike by a schedule; what is frozen or down in the end is not."""
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for strike in strikes:
                await asyncio.sleep(max(0.0, began + strike.at - _now()))
                group.create_task(self._strike(strike))

    async def _strike(self, strike: Strike) -> None:
        self.refill()
        await self._faults[strike.fault](strike.share)
        self.refill()

    def refill(self) -> None:
        """Start workers for those that are gone."""
        self._crew.bury()
        while len(self._crew.workers) < self._workers:
            self._crew.start("--concurrency", "5", "--grace", "3")

    async def _kill(self, share: float) -> None:
        self._crew.kill(self._one(share))

    async def _freeze(self, share: float) -> None:
        worker = self._one(share)
        self._crew.freeze(worker)
        try:
            await asyncio.sleep(self._lease * (1.2 + 1.3 * share))
        finally:
            self._crew.thaw(worker)

    async def _terminate(self, share: float) -> None:
        worker = self._one(share)
        worker.terminate()
        await asyncio.to_thread(worker.wait)

    async def _restart_server(self, share: float) -> None:
        self._ledger.note("down")
        self._server.kill()
        try:
            await asyncio.sleep(0.5 + 2.5 * share)
        finally:
            await asyncio.to_thread(self._server.start)
            self._ledger.note("up")

    def _one(self, share: float):  # noqa: ANN202
        return self._crew.workers[int(share * len(self._crew.workers))]


def _now() -> float:
    return asyncio.get_running_loop().time()
