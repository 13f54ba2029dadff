"""One run from its servers to its verdict: load and faults, then heal, drain, read and judge."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

from msgspec import Struct

from headrace import JobState, Queue
from headrace.errors import BrokerError, JobError
from headrace.ids import new_id
from headrace.job import JobInfo
from tests.torture.app import RETRY, Tasks
from tests.torture.check import Report, judge
from tests.torture.crew import Crew
from tests.torture.crowd import Crowd, gathered
from tests.torture.history import FOREVER
from tests.torture.ledger import CLOCK, Event, Ledger, read
from tests.torture.nemesis import Stage, schedule, strike
from tests.torture.places import PLACES
from tests.torture.run import LOSING, Promise, Run
from tests.torture.scenarios import SCENARIOS, Scenario
from tests.torture.workload import Producer

COMMAND = (sys.executable, "-m", "headrace", "worker", "tests.torture.worker_app:queue")
WORKERS, CONCURRENCY, GRACE = 3, 10, 3.0
RESULT_TTL = 7200.0
DRAIN = 60.0
"""Seconds in which everything must be over when everything is healed."""
PAGE = 500


class Trial(Struct, frozen=True, kw_only=True):
    """What is run.

    Attributes:
        broker: One of `PLACES`.
        scenario: One of `SCENARIOS`.
        seed: Of the faults and of the load.
        duration: Seconds of load, for most scenarios.
        lease: Seconds.
    """

    broker: str
    scenario: str
    seed: int
    duration: float = 20.0
    lease: float = 2.0

    @property
    def of(self) -> Scenario:
        """What its scenario says."""
        return SCENARIOS[self.scenario]

    @property
    def load(self) -> float:
        """Seconds of load and faults."""
        return self.duration * self.of.times

    @property
    def promise(self) -> Promise:
        """What holds of a queue with such a lease and such workers."""
        busy, longer = self.of.busy, self.of.overlap
        return Promise(
            recovery=FOREVER if busy else self.lease + 1.5,
            overlap=min(self.lease / 3, 3.0) + 1.0 + longer,
            blind=self.lease / 2 + 1.0 + longer,
            late=FOREVER if busy else 2.0,
            shutdown=GRACE + 2.0,
            attempts=RETRY.attempts,
            blink=self.lease / 2,
            aside=1.0 if self.broker == "nats" else 0.0,
            forgets=self.broker == "nats",
        )


async def held(trial: Trial) -> Report:
    """Hold a trial. The files of one in which something is violated are kept."""
    place = Path(tempfile.mkdtemp(prefix=f"torture-{trial.broker}-{trial.scenario}-"))
    report = await _hold(trial, place)
    if report.violations:
        print(f"kept: {place}", file=sys.stderr)  # noqa: T201
    else:
        shutil.rmtree(place)
    return report


async def _hold(trial: Trial, place: Path) -> Report:
    folder, logs = place / "ledger", place / "logs"
    folder.mkdir()
    logs.mkdir()
    ledger = Ledger.in_folder(folder)
    site = PLACES[trial.broker](place / "server")
    site.start()
    name = f"torture-{new_id()}"

    ahead = cycle(trial.of.ahead)

    def environment(url: str) -> Mapping[str, str]:
        return {
            "TORTURE_AHEAD": str(next(ahead)),
            "TORTURE_JUMP": str(trial.of.jump),
            "TORTURE_URL": url,
            "TORTURE_QUEUE": name,
            "TORTURE_FOLDER": str(folder),
            "TORTURE_LEASE": str(trial.lease),
            "TORTURE_RESULT_TTL": str(RESULT_TTL),
        }

    options = ("--concurrency", str(CONCURRENCY), "--grace", str(GRACE), *trial.of.options)
    crew = Crew(WORKERS, (*COMMAND, *options), environment, site.proxy, logs, ledger)
    try:
        async with site.proxy() as entrance, _queue(entrance.url, name, trial.lease) as queue:
            stage = Stage(site, crew, entrance, queue, ledger, trial.lease)
            producer = Producer(queue, Tasks(queue, ledger), ledger, trial.of.mix, trial.seed)
            run = await _load(trial, stage, producer, folder)
    finally:
        await crew.destroy()
        site.stop()
    return judge(run, trial.promise, trial.of.needed, trial.of.forbidden)


@asynccontextmanager
async def _queue(url: str, name: str, lease: float) -> AsyncGenerator[Queue]:
    queue = Queue(url, name=name, lease=lease, result_ttl=RESULT_TTL)
    async with queue:
        yield queue


async def _load(trial: Trial, stage: Stage, producer: Producer, folder: Path) -> Run:
    await stage.crew.fill()
    await _served(folder)
    async with gathered(stage.entrance.url, stage.queue.name, trial.lease, trial.of.crowd) as crowd:
        return await _strained(trial, stage, producer, folder, crowd)


async def _strained(
    trial: Trial, stage: Stage, producer: Producer, folder: Path, crowd: Crowd
) -> Run:
    strikes = schedule(trial.seed, trial.of.faults, trial.load, trial.of.apart)
    watching = [asyncio.create_task(task) for task in (_watch(stage.crew), crowd.run())]
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(producer.run(trial.load))
            group.create_task(strike(stage, strikes))
        await _drained(stage.queue, folder)
        left = [*await crowd.silent(), *await producer.claim_keys()]
        await _drained(stage.queue, folder)
        _stop(watching)
        await stage.crew.end()
        return await _read(stage.queue, folder, left, agreed=trial.of.agreed)
    finally:
        _stop(watching)


def _stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _served(folder: Path) -> None:
    """Wait until the workers work: a tick has run."""
    async with asyncio.timeout(DRAIN):
        while not any(event.kind == "start" for event in read(folder)):
            await CLOCK.sleep(0.1)


async def _watch(crew: Crew) -> None:
    """Note once a second what the workers hold, and start others for those that ended."""
    while True:
        crew.sample()
        await crew.fill()
        await CLOCK.sleep(1.0)


async def _drained(queue: Queue, folder: Path) -> None:
    """Wait until all that was accepted, and not wiped, is over; give up when it takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            left = expected(read(folder))
            while left:
                infos = await _lookup(queue, left)
                left = {job for job in left if not ((info := infos.get(job)) and info.state.final)}
                await CLOCK.sleep(0.3)


def expected(events: Iterable[Event]) -> set[str]:
    """Return the jobs that must come to an end."""
    tried: dict[str, float] = {}
    accepted: set[str] = set()
    wiped = 0.0
    for event in events:
        if event.kind == "try":
            tried[event.job] = event.at
        elif event.kind == "accepted":
            accepted.add(event.job)
        elif event.kind == "wiped" and event.outcome in LOSING:
            wiped = event.at
    return {job for job in accepted if tried[job] > wiped}


async def _lookup(queue: Queue, jobs: Iterable[str]) -> dict[str, JobInfo]:
    """Return what the broker knows of jobs, however often it has to be asked."""
    found: dict[str, JobInfo] = {}
    for page in batched(sorted(jobs), PAGE):
        while True:
            try:
                infos = await queue.broker.lookup(queue.name, page)
            except BrokerError:
                await CLOCK.sleep(0.2)
                continue
            found |= {info.id: info for info in infos if info is not None}
            break
    return found


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Return items in pages."""
    return (items[start : start + size] for start in range(0, len(items), size))


async def _read(queue: Queue, folder: Path, left: Sequence[str], *, agreed: bool) -> Run:
    """Read everything that is known when nothing moves any more."""
    events = read(folder)
    jobs = {event.job for event in events if event.kind in ("try", "start")}
    infos = await _lookup(queue, jobs)
    stats = await queue.stats()
    # The next tick of the schedule waits for a worker; where clocks differ, many ticks do.
    waiting = sum(stats.ready) + stats.running + stats.delayed - 1 if agreed else 0
    return Run(
        events,
        {job: info.state for job, info in infos.items()},
        {letter.id: letter.reason async for letter in queue.dead_letters()},
        await _results(queue, infos.values()),
        [*left, *([f"{waiting} jobs wait or run"] if waiting > 0 else [])],
    )


async def _results(queue: Queue, infos: Iterable[JobInfo]) -> dict[str, Any]:
    """Return what producers are given for jobs that succeeded."""
    succeeded = [info.id for info in infos if info.state is JobState.SUCCEEDED]

    async def result(job: str) -> Any:
        try:
            return await queue.job(job).result(10)
        except (BrokerError, JobError) as error:
            return repr(error)

    found: dict[str, Any] = {}
    for page in batched(succeeded, PAGE):
        found |= dict(zip(page, await asyncio.gather(*map(result, page)), strict=True))
    return found
