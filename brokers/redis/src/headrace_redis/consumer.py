"""One worker as a consumer of one queue: it claims, waits, and loses track of nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from headrace.broker import FAIR_EVERY
from headrace.clock import Clock
from headrace.errands import Errands
from headrace.errors import BrokerError, OutcomeUnknown
from headrace.job import Lease
from headrace_redis.doorbell import Doorbell
from headrace_redis.queue import RedisQueue
from headrace_redis.scripts import ADOPT, BURY, CLAIM
from headrace_redis.wire import (
    Place,
    leases_from,
    milliseconds,
    pack_places,
    text_of,
    token_of,
)

logger: logging.Logger = logging.getLogger("headrace.redis")

LONGEST_READ = 1.0
"""Seconds for which one blocking read waits at most: how long closing can take."""

PAUSED = 0.2
"""Seconds between two looks at a paused queue."""

LONGEST_SWEEP = 2.5
"""Seconds between two sweeps for abandoned jobs at most."""

DOUBT = 10.0
"""Seconds for which a request whose reply was lost may still reach the server."""


class Consumer:
    """Claims jobs for one worker.

    It knows each lease that it handed out. After a lost reply it asks the server for all that it
    holds, and hands out what it did not know of.

    Args:
        queue: Where from.
        name: The worker's id.
        clock: For deadlines.
        release: Gives leases back that nobody takes.
    """

    def __init__(
        self,
        queue: RedisQueue,
        name: str,
        clock: Clock,
        release: Callable[[list[Lease]], Coroutine[Any, Any, Any]],
    ) -> None:
        self._queue = queue
        self._name = name
        self._clock = clock
        self._release = release
        self._doorbell = Doorbell(self._read, lambda lease: self._give_back([lease]))
        self._held: dict[Place, Lease] = {}
        self._claims = 0
        self._turn = asyncio.Lock()
        self._reading = False
        self._doubt_until = 0.0
        self._asked_at = 0.0
        self._errands = Errands("headrace-redis-claim")

    async def claim(self, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`. What a cancelled call had taken is given back."""
        until = self._clock.monotonic() + wait
        while True:
            claim = self._errands.finish(self._claim_now(limit), self._give_back_claimed)
            leases, sweep = await claim
            left = until - self._clock.monotonic()
            if leases or left <= 0:
                return leases
            if sweep < 0:
                await self._clock.sleep(min(left, PAUSED))
            elif lease := await self._doorbell.ring(min(left, self._longest_read, sweep)):
                return [lease]

    @property
    def _longest_read(self) -> float:
        # A job that a read brings is leased for what is left since the read began.
        return min(LONGEST_READ, self._queue.spec.lease / 4)

    def _give_back_claimed(self, claimed: tuple[list[Lease], float]) -> None:
        leases, _ = claimed
        if leases:
            self._give_back(leases)

    def _give_back(self, leases: list[Lease]) -> None:
        self._errands.start(self._release(leases))

    async def _claim_now(self, limit: int) -> tuple[list[Lease], float]:
        """Return what is there, and the seconds until the next sweep; negative: it is paused."""
        async with self._turn:
            if leases := await self._adopt(limit):
                return leases, 0.0
            sweep = min(LONGEST_SWEEP, self._queue.spec.lease / 4)
            return await self._ask(CLAIM, limit, self._first_lane(), milliseconds(sweep))

    async def _adopt(self, limit: int) -> list[Lease]:
        """Ask, if a reply was lost, for what it held.

        Never while another request is under way: its reply would hand out the same once more.
        """
        now = self._clock.monotonic()
        if self._reading or now >= self._doubt_until or now < self._asked_at + 1.0:
            return []
        self._asked_at = now
        leases, _ = await self._ask(ADOPT, limit, pack_places(self._known(now)))
        return leases

    async def _ask(
        self, script: Any, limit: int, *args: bytes | float
    ) -> tuple[list[Lease], float]:
        deadline = self._clock.monotonic() + self._queue.spec.lease
        try:
            sweep, *reply = await self._queue.run(script, self._name, limit, *args)
        except OutcomeUnknown:
            self._doubt()
            raise
        return await self._take(reply, deadline), sweep / 1000

    async def _take(self, reply: list[Any], deadline: float) -> list[Lease]:
        leases, strangers = leases_from(reply, self._queue.spec.name, self._name, deadline)
        for lease in leases:
            self._held[token_of(lease).place] = lease
        if strangers:
            await self._bury(strangers)
        return leases

    async def _bury(self, places: list[Place]) -> None:
        """Make dead letters of entries that are no jobs. If that fails they come once more."""
        with suppress(BrokerError):
            for job_id, entry in await self._queue.run(BURY, pack_places(places)):
                logger.error(
                    "an entry is no job, it is among the dead letters",
                    extra={
                        "queue": self._queue.spec.name,
                        "job_id": text_of(job_id),
                        "entry": text_of(entry),
                    },
                )

    async def _read(self, seconds: float) -> Lease | None:
        async with self._turn:
            self._reading = True
        deadline = self._clock.monotonic() + self._queue.spec.lease
        try:
            reply = await self._queue.read(self._name, seconds)
        except OutcomeUnknown:
            self._doubt()
            raise
        finally:
            self._reading = False
        leases = await self._take(reply, deadline)
        if len(leases) > 1:
            # Where several lanes have jobs already, each of them gives one.
            self._give_back(leases[1:])
        return leases[0] if leases else None

    def _first_lane(self) -> int:
        """Begin at lane 0, but every so often at each of the others in turn."""
        self._claims += 1
        turn, rest = divmod(self._claims, FAIR_EVERY)
        lanes = self._queue.spec.lanes
        return 0 if rest or lanes == 1 else 1 + turn % (lanes - 1)

    def _doubt(self) -> None:
        self._doubt_until = self._clock.monotonic() + DOUBT
        self._asked_at = 0.0

    def _known(self, now: float) -> list[Place]:
        """Return what it holds, and forget what it cannot hold any more.

        A reply may be late: then the lease of the server ends that much later than ours.
        """
        old = now - self._queue.spec.lease - DOUBT
        self._held = {place: held for place, held in self._held.items() if held.deadline > old}
        return list(self._held)

    def forget(self, lease: Lease) -> None:
        """Say that a lease is settled or lost. A later one of the same entry is kept."""
        place = token_of(lease).place
        held = self._held.get(place)
        if held is not None and held.deliveries == lease.deliveries:
            del self._held[place]

    async def close(self) -> None:
        """Wait for what is under way, and give back what nobody took."""
        await self._doorbell.close()
        await self._errands.ended()
