"""Processes of a simulation: real workers, each with a client of its own to one memory broker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from msgspec import Struct

from headrace import Queue, Worker
from headrace.clock import Clock
from headrace.errors import OutcomeUnknown, Unavailable
from headrace.job import Lease
from headrace.memory import MemoryBroker
from headrace.outcome import Release
from headrace.signature import Signature
from headrace.testing import FaultyBroker
from headrace.testing.faults import Verb
from headrace.worker.shutdown import Ending
from tests.torture.app import Tasks, witnessed
from tests.torture.ledger import Ledger
from tests.torture.virtual_time import OUTSIDE, Life, VirtualLoop

T = TypeVar("T")

NAME, LEASE, RESULT_TTL = "simulated", 3.0, 7200.0
CONCURRENCY, GRACE = 50, 1.0
SILENCE = 0.5
"""Seconds after which a client gives up a call that nobody answers."""


class Weather(Struct, frozen=True):
    """What becomes of calls: each is a chance, but for the last.

    Attributes:
        refused: It is refused.
        unheard: It is not done, and nobody says so.
        lost: It is done, and nobody says so.
        slow: Seconds that either way takes at most.
    """

    refused: float = 0.0
    unheard: float = 0.0
    lost: float = 0.0
    slow: float = 0.02


class Sky:
    """What all clients of a simulation share.

    Args:
        loop: Theirs.
        chance: Of all that happens to calls.
    """

    def __init__(self, loop: VirtualLoop, chance: random.Random) -> None:
        self.loop = loop
        self.chance = chance
        self.weather = Weather()

    def outside(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have something done by the world outside: it goes on whatever happens to its caller."""
        return self.loop.create_task(work, context=OUTSIDE)


class Client(FaultyBroker):
    """A way to the broker, which serves by itself: it does not know how its callers are.

    Args:
        broker: What does the work.
        sky: What happens to calls.

    Attributes:
        cut: Whether it is cut off.
        gone: Whether its process is.
    """

    def __init__(self, broker: MemoryBroker, sky: Sky) -> None:
        super().__init__(broker)
        self._sky = sky
        self._calls: set[asyncio.Task[Any]] = set()
        self.cut = False
        self.gone = False

    def hang_up(self) -> None:
        """Say no more, and hear nothing: the process is gone."""
        self.gone = True
        for call in sorted(self._calls, key=lambda call: call.get_name()):
            call.cancel()

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """See `Broker.claim`. Cancelled: what was taken goes back."""
        taken: list[Lease] = []

        async def take() -> list[Lease]:
            taken[:] = await self._broker.claim(queue, worker, limit, wait)
            return taken

        try:
            return await self._do("claim", take)
        except asyncio.CancelledError:
            if taken and not self.gone:
                await self._broker.settle([Release(lease) for lease in taken])
            raise

    async def _do(self, verb: Verb, call: Callable[[], Awaitable[T]]) -> T:
        self.calls[verb] += 1
        if self.gone:
            await asyncio.Future()
        serving = self._sky.outside(self._serve(call))
        self._calls.add(serving)
        try:
            return await serving
        finally:
            self._calls.discard(serving)

    async def _serve(self, call: Callable[[], Awaitable[T]]) -> T:
        await self._travel()
        fate, weather = self._sky.chance.random(), self._sky.weather
        if fate < weather.refused:
            raise Unavailable("refused")
        await self._silence(self.cut or fate < weather.refused + weather.unheard)
        answer = await call()
        await self._travel()
        weather = self._sky.weather
        await self._silence(self.cut or self._sky.chance.random() < weather.lost)
        return answer

    async def _travel(self) -> None:
        chance = self._sky.chance
        if chance.random() < 0.3:
            await self.clock.sleep(chance.uniform(0, self._sky.weather.slow))

    async def _silence(self, holds: bool) -> None:
        if holds:
            await self.clock.sleep(SILENCE)
            raise OutcomeUnknown("no answer")


class ProcessLedger(Ledger):
    """A ledger of a process that the machine knows nothing of."""

    def __init__(self, write: Callable[[bytes], object], clock: Clock, pid: int) -> None:
        super().__init__(write, clock.monotonic)
        self._pid = pid


SIGNATURES: dict[str, Signature] = {}
"""Those of the tasks of all workers, which differ in nothing but whose ledger they write."""


class SimulatedTasks(Tasks):
    """The tasks of a tortured queue, of which one takes down a process that is none."""

    def __init__(self, queue: Queue, ledger: Ledger, die: Callable[[], None]) -> None:
        super().__init__(queue, ledger)
        self._die = die
        for name, task in queue.tasks.items():
            # To look at a signature takes as long as to run ten jobs.
            code = task.implementation
            code.signature = SIGNATURES.get(name) or SIGNATURES.setdefault(name, code.signature)

    async def _poison(self, death: str) -> None:
        """Take the worker down."""
        self._note("start")
        self._die()
        await asyncio.Future()


class SimulatedWorker:
    """A worker process.

    Args:
        pid: Its number.
        broker: What it works for.
        sky: What happens to its calls.
        lines: Where its ledger's lines go.
        world: The ledger of what is done to it.
        gone: Called when it is.

    Attributes:
        whole: Whether nothing was done to it.
        ended: Whether it is gone.
    """

    def __init__(
        self,
        pid: int,
        broker: MemoryBroker,
        sky: Sky,
        lines: list[bytes],
        world: Ledger,
        gone: Callable[[], object],
    ) -> None:
        self.life = Life(pid)
        self.whole = True
        self.ended = False
        self._asked = 0
        self._loop = sky.loop
        self._world = world
        self._gone = gone
        self._client = Client(broker, sky)
        self.queue = Queue(self._client, name=NAME, lease=LEASE, result_ttl=RESULT_TTL)
        ledger = ProcessLedger(lines.append, broker.clock, pid)
        SimulatedTasks(self.queue, ledger, self.die)
        witnessed(self._client, ledger)
        self._worker = Worker(self.queue, concurrency=CONCURRENCY, grace=GRACE)
        run = self._worker.run(signals=False)
        self._task = self._loop.create_task(run, context=self.life.context)
        self._task.add_done_callback(self._exit, context=OUTSIDE)

    def _exit(self, task: asyncio.Task[Ending]) -> None:
        if not self.ended:
            self._end()
            forced = self._asked > 1 or self._worker.stuck
            code = 0 if forced else int(task.result())
            self._world.note("exited", victim=self.life.pid, outcome=str(code))

    def _end(self) -> None:
        self.whole, self.ended = False, True
        self.life.alive = False
        self._client.hang_up()
        self._gone()

    def die(self) -> None:
        """Run no more, from now on: as by SIGKILL."""
        if not self.ended:
            self._end()
            self._world.note("killed", victim=self.life.pid)

    def freeze(self) -> None:
        """Stand still, as by SIGSTOP."""
        self.whole = self.life.alive = False
        self._world.note("stopped", victim=self.life.pid)

    def cut_off(self) -> None:
        """Lose the way to the broker, without being told."""
        self.whole, self._client.cut = False, True
        self._world.note("cut off", victim=self.life.pid)

    def heal(self) -> None:
        """Go on, with a way to the broker, unless it is gone or ends anyway."""
        if self.ended or self.whole or self._asked:
            return
        if self._client.cut:
            self._client.cut = False
            self._world.note("reached", victim=self.life.pid)
        if not self.life.alive:
            self._world.note("continued", victim=self.life.pid)
            self._loop.resume(self.life)
        self.whole = True

    def ask_to_end(self, times: int = 1) -> None:
        """Ask it to end, so many times."""
        if not self.ended:
            self.whole = False
            self._world.note("asked to end", victim=self.life.pid)
            for _ in range(times):
                self._asked += 1
                self._worker.stop()

    def cancel(self) -> None:
        """Cancel its `run`."""
        self.whole = False
        self._asked += 2
        self._world.note("asked to end", victim=self.life.pid)
        self._task.cancel()

    def bury(self) -> None:
        """Let what is left of it come to its end, which nobody sees."""
        self.ended = self._client.gone = True
        self._loop.resume(self.life)
