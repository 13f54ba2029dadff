"""Thousands of tortures on memory in virtual time: `uv run python -m tests.torture.simulation`.

Real workers, the tasks and the checks of the torture of real servers, all in one event loop whose
time jumps. What happens is told by the seed alone.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import click
from msgspec import Struct

from headrace import JobState, Queue, ids
from headrace.clock import Clock
from headrace.errors import JobError
from headrace.job import JobInfo
from headrace.memory import MemoryBroker
from headrace.worker.run import Run as WorkerRun
from tests.torture.app import RETRY
from tests.torture.check import Report, judge
from tests.torture.ledger import ordered
from tests.torture.run import Promise, Run
from tests.torture.simulated import (
    GRACE,
    LEASE,
    NAME,
    RESULT_TTL,
    Client,
    ProcessLedger,
    SimulatedTasks,
    SimulatedWorker,
    Sky,
    Weather,
)
from tests.torture.virtual_time import OUTSIDE, Complaints, VirtualClock, VirtualLoop
from tests.torture.workload import Mix, Producer

WORKERS, DURATION, DRAIN = 3, 4.0, 40.0
STEP = 0.5
"""Seconds between two looks whether all is over."""

PROMISE = Promise(
    recovery=LEASE + 1.0,
    overlap=LEASE / 3 + 0.5,
    blind=LEASE / 2 + 0.5,
    blink=LEASE,
    late=1.5,
    shutdown=GRACE + 2.0,
    attempts=RETRY.attempts,
)
NEEDED = ("recovered", "fenced", "rescheduled", "released", "dead letters", "cancelled", "ticks")
"""What must have happened in all seeds together: else they have shown nothing."""

Brokers = Callable[..., MemoryBroker]
"""Makes a broker on a clock."""

STORMS = (
    Weather(refused=1.0),
    Weather(refused=0.5),
    Weather(unheard=0.5),
    Weather(lost=0.5),
    Weather(refused=0.2, unheard=0.2, lost=0.2, slow=0.5),
    Weather(slow=1.5),
)


class Simulation:
    """One run: load and faults, then heal, drain, read.

    Args:
        seed: Of everything.
        loop: In which it lives.
        brokers: Makes the broker.

    Attributes:
        lines: Those of all ledgers, in the order in which they were written.
    """

    def __init__(self, seed: int, loop: VirtualLoop, brokers: Brokers) -> None:
        self.lines: list[bytes] = []
        self._chance = random.Random(seed)
        self._clock: Clock = VirtualClock(loop)
        self._broker = brokers(clock=self._clock)
        self._sky = Sky(loop, self._chance)
        self._pids = count(1)
        self._world = ProcessLedger(self.lines.append, self._clock, 0)
        self._crew: list[SimulatedWorker] = []
        self._closing = False
        self._queue = Queue(
            Client(self._broker, self._sky), name=NAME, lease=LEASE, result_ttl=RESULT_TTL
        )
        tasks = SimulatedTasks(self._queue, self._world, lambda: None)
        self._producer = Producer(self._queue, tasks, self._world, self._mix(), seed)

    def _mix(self) -> Mix:
        chance = self._chance
        return Mix(
            rate=chance.choice((4, 10, 20)),
            seconds=chance.choice(((0.0, 0.02, 0.2, 1.0), (0.0, 0.1, 2.0, 5.0))),
            failing=chance.choice((0.1, 0.4)),
            delayed=chance.choice((0.1, 0.3)),
            unique=chance.choice((0.1, 0.6)),
            cancelled=chance.choice((0.05, 0.3)),
            poisonous=chance.choice((0.0, 0.0, 0.02)),
            stubborn=chance.choice((0.0, 0.0, 0.05)),
        )

    async def run(self) -> Run:
        """Run it."""
        await self._broker.open()
        async with self._queue:
            self._fill()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._producer.run(DURATION))
                group.create_task(self._strike())
            self._heal()
            await self._drained()
            left = await self._producer.claim_keys()
            await self._drained()
            await self._end()
            return await self._read(left)

    # what is done to the workers

    def _fill(self) -> None:
        """Start others for those that ended."""
        if self._closing:
            return
        for _ in range(WORKERS - sum(not one.ended for one in self._crew)):
            pid = next(self._pids)
            self._crew.append(
                SimulatedWorker(
                    pid, self._broker, self._sky, self.lines, self._world, self._replace
                )
            )

    def _replace(self) -> None:
        """Start another one soon."""
        if not self._closing:
            seconds = self._chance.uniform(0.0, 0.5)
            self._sky.loop.call_later(seconds, self._fill, context=OUTSIDE)

    async def _strike(self) -> None:
        chance = self._chance
        until = self._clock.monotonic() + DURATION
        apart = chance.choice((1.0, 2.0, 2 * DURATION))
        faults = (self._kill, self._freeze, self._cut_off, self._ask, self._cancel, self._storm)
        while self._clock.monotonic() < until:
            await self._clock.sleep(chance.uniform(0.0, apart))
            whole = [one for one in self._crew if one.whole]
            if len(whole) > 1:
                chance.choice(faults)(chance.choice(whole))

    def _later(self, seconds: float, do: Callable[[], object]) -> None:
        self._clock.call_later(seconds, do)

    def _kill(self, victim: SimulatedWorker) -> None:
        victim.die()

    def _freeze(self, victim: SimulatedWorker) -> None:
        victim.freeze()
        self._later(self._chance.choice((0.5, 1.0, 4.0, 6.0)), victim.heal)

    def _cut_off(self, victim: SimulatedWorker) -> None:
        victim.cut_off()
        self._later(self._chance.choice((0.5, 1.0, 4.0, 6.0)), victim.heal)

    def _ask(self, victim: SimulatedWorker) -> None:
        victim.ask_to_end(self._chance.choice((1, 1, 2)))

    def _cancel(self, victim: SimulatedWorker) -> None:
        victim.cancel()

    def _storm(self, _: SimulatedWorker) -> None:
        if self._sky.weather == Weather():
            self._sky.weather = self._chance.choice(STORMS)
            self._world.note("down")
            self._later(self._chance.uniform(0.3, 1.5), self._clear)

    def _clear(self) -> None:
        if self._sky.weather != Weather():
            self._sky.weather = Weather()
            self._world.note("up")

    def _heal(self) -> None:
        self._clear()
        for one in self._crew:
            one.heal()

    # what comes of it

    async def _drained(self) -> None:
        """Wait until all that was tried is over; give up when it takes too long."""
        until = self._clock.monotonic() + DRAIN
        left = self._producer.jobs
        while self._clock.monotonic() < until:
            infos = await self._broker.lookup(NAME, left)
            left = [info.id for info in infos if info is not None and not info.state.final]
            if not left:
                return
            await self._clock.sleep(STEP)

    async def _end(self) -> None:
        self._closing = True
        for one in self._crew:
            one.ask_to_end()
        until = self._clock.monotonic() + 2 * PROMISE.shutdown
        while not all(one.ended for one in self._crew) and self._clock.monotonic() < until:
            await self._clock.sleep(STEP)

    async def _read(self, left: list[str]) -> Run:
        events = ordered(self.lines)
        jobs = sorted({event.job for event in events if event.kind in ("try", "start")})
        infos = [info for info in await self._broker.lookup(NAME, jobs) if info is not None]
        store = self._broker._queues[NAME].store
        kept = [job for job in store._live if not job.startswith("cron-")]
        return Run(
            events,
            {info.id: info.state for info in infos},
            {letter.id: letter.reason async for letter in self._queue.dead_letters()},
            await self._results(infos),
            [*left, *kept, *store._holders],
        )

    async def _results(self, infos: Iterable[JobInfo]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for info in infos:
            if info.state is JobState.SUCCEEDED:
                try:
                    found[info.id] = await self._queue.job(info.id).result(1)
                except JobError as error:
                    found[info.id] = repr(error)
        return found

    async def bury(self) -> None:
        """Let all that is left come to its end, so that nothing is left of the simulation."""
        for one in self._crew:
            one.bury()
        me = asyncio.current_task()
        while others := asyncio.all_tasks() - {me}:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=LEASE)


class Outcome(Struct, frozen=True):
    """What a seed showed.

    Attributes:
        report: Of the checks.
        ledger: What happened, as it was written down.
    """

    report: Report
    ledger: bytes


def simulated(seed: int, brokers: Brokers = MemoryBroker) -> Outcome:
    """Run the simulation of a seed and judge it."""
    with _determined(seed), _complaints() as complaints:
        loop = VirtualLoop()
        try:
            simulation = Simulation(seed, loop, brokers)
            run = loop.run_until_complete(simulation.run())
            ledger = b"".join(simulation.lines)
            loop.run_until_complete(simulation.bury())
        finally:
            loop.close()
    run.left = [*run.left, *complaints.bugs, *loop.troubles]
    return Outcome(judge(run, PROMISE), ledger)


@contextmanager
def _determined(seed: int) -> Generator[None]:
    """Take out what differs between two runs: chance, the digits of ids, the order of sets."""
    state = random.getstate()
    random.seed(seed)
    try:
        with (
            patch.object(ids, "_generator", _Numbers()),
            patch.object(WorkerRun, "__hash__", _fencing),
        ):
            yield
    finally:
        random.setstate(state)


def _fencing(run: WorkerRun) -> int:
    return run.lease.fencing


class _Numbers:
    """Makes ids that tell only their order."""

    def __init__(self) -> None:
        self._count = count(1)

    def next(self) -> str:
        return f"{next(self._count):08d}"


@contextmanager
def _complaints() -> Generator[Complaints]:
    logger, complaints = logging.getLogger("headrace"), Complaints()
    logger.addHandler(complaints)
    logger.propagate = False
    try:
        yield complaints
    finally:
        logger.propagate = True
        logger.removeHandler(complaints)


def simulate(
    seeds: Iterable[int], brokers: Brokers = MemoryBroker
) -> tuple[Counter[str], dict[int, Report]]:
    """Run seeds.

    Returns:
        How much of everything happened, and the reports of the seeds that violate anything.
    """
    counts = Counter[str]()
    failed: dict[int, Report] = {}
    for seed in seeds:
        report = simulated(seed, brokers).report
        counts.update(report.counts)
        if report.violations:
            failed[seed] = report
    return counts, failed


@click.command()
@click.option("--seeds", default=1000, help="How many.")
@click.option("--first", default=0, help="The first of them.")
def main(seeds: int, first: int) -> None:
    """Simulate, and exit with 1 if anything was violated, or nothing was shown."""
    counts, failed = simulate(range(first, first + seeds))
    for name, number in sorted(counts.items()):
        click.echo(f"{number:10,}  {name}")
    for seed, report in failed.items():
        for name, shown in report.violations.items():
            click.echo(f"seed {seed}: {name}: {len(shown)}, such as {', '.join(shown[:4])}")
    missing = [name for name in NEEDED if not counts[name]]
    click.echo(
        f"{seeds:,} seeds, {len(failed)} violated" + (f", {missing} missing" * bool(missing))
    )
    sys.exit(1 if failed or missing else 0)


if __name__ == "__main__":
    main()
