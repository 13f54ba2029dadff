"""One run of a peer from its server to its verdict."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from benchmarks.peers.catalogue import chosen
from benchmarks.peers.environment import ROOT, prepared
from headrace import Queue
from tests.faults.site import Site
from tests.torture.check import Report
from tests.torture.crew import Crew
from tests.torture.history import FOREVER
from tests.torture.ledger import Ledger, read
from tests.torture.nemesis import Stage, schedule, strike
from tests.torture.peers.group import Group
from tests.torture.peers.plan import planned
from tests.torture.peers.player import Player
from tests.torture.peers.subjects import COURSE, LEASES, SUBJECTS, Subject
from tests.torture.peers.verdict import judged, seen
from tests.torture.places import PLACES
from tests.torture.run import Promise, Run
from tests.torture.scenarios import Scenario
from tests.torture.trial import CONCURRENCY, GRACE, WORKERS
from tests.torture.trial import _served as served
from tests.torture.trial import _watch as watch

DRAIN = 30.0
"""Seconds, beyond the longest job, in which everything must be over when everything is healed."""


class Trial(Struct, frozen=True, kw_only=True):
    """What is run.

    Attributes:
        subject: One of `SUBJECTS`.
        broker: One of `PLACES` that is a Redis.
        scenario: One of `COURSE`.
        seed: Of the faults and of the load.
        duration: Seconds of load.
    """

    subject: str
    broker: str
    scenario: str
    seed: int
    duration: float = 20.0

    @property
    def peer(self) -> Subject:
        """Who is tortured."""
        return SUBJECTS[self.subject]

    @property
    def of(self) -> Scenario:
        """What its scenario says."""
        return COURSE[self.scenario]

    @property
    def promise(self) -> Promise:
        """What should hold: recovery within two leases, for who looks once in one, and a bit."""
        busy = self.of.busy
        return Promise(
            recovery=FOREVER if busy else 2 * LEASES + 1.5,
            overlap=LEASES / 3 + 1.0,
            blind=LEASES / 2 + 1.0,
            late=FOREVER if busy else 2.0,
            shutdown=GRACE + 2.0,
        )

    def environment(self, place: Path, url: str) -> dict[str, str]:
        """Return what tells the peer's processes where to work."""
        return {
            "PYTHONPATH": str(ROOT),
            "TORTURE_URL": url,
            "TORTURE_FOLDER": str(place / "ledger"),
            "TORTURE_LEASE": str(LEASES),
            "TORTURE_GRACE": str(int(GRACE)),
            "TORTURE_CONCURRENCY": str(CONCURRENCY),
        }


async def held(trial: Trial) -> tuple[Report, Path]:
    """Hold a trial. Return what became of it, and where its files are."""
    place = Path(tempfile.mkdtemp(prefix=f"torture-{trial.subject}-{trial.scenario}-"))
    (place / "ledger").mkdir()
    (place / "logs").mkdir()
    site = PLACES[trial.broker](place / "server")
    site.start()
    try:
        run = await _run(trial, site, place)
    finally:
        site.stop()
    return judged(run, trial.promise, trial.of.needed), place


async def _run(trial: Trial, site: Site, place: Path) -> Run:
    binaries = prepared(chosen([trial.peer.peer])[0]).binaries
    ledger = Ledger.in_folder(place / "ledger")
    first, *others = (
        part.format(concurrency=CONCURRENCY, grace=GRACE) for part in trial.peer.worker
    )

    def environment(url: str) -> Mapping[str, str]:
        return {**trial.environment(place, url), **trial.peer.environment}

    command = (str(binaries / first), *others)
    crew = Crew(WORKERS, command, environment, site.proxy, place / "logs", ledger, start=Group)
    try:
        async with site.proxy() as entrance:
            told = trial.environment(place, entrance.url)
            # No fault of these scenarios asks for the queue.
            stage = Stage(site, crew, entrance, Queue("memory://"), ledger, LEASES)
            patience = DRAIN + max(trial.of.mix.seconds)
            with Player(binaries / "python", trial.peer.app, told, place, patience) as player:
                return await _load(trial, stage, player, place)
    finally:
        await crew.destroy()


async def _load(trial: Trial, stage: Stage, player: Player, place: Path) -> Run:
    await stage.crew.fill()
    player.play(planned(trial.of.mix, trial.duration, trial.seed, delays=trial.peer.delays))
    await served(place / "ledger")
    strikes = schedule(trial.seed, trial.of.faults, trial.duration, trial.of.apart)
    watching = asyncio.create_task(watch(stage.crew))
    try:
        await strike(stage, strikes)
        answers = await player.answers()
    finally:
        watching.cancel()
    await stage.crew.end()
    return seen(read(place / "ledger"), answers)
