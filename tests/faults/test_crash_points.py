"""A crash at every step: a process dies at a point, another one takes over, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from msgspec import Struct

from headrace import JobHandle, JobState
from headrace.job import JobInfo
from tests.asking import settled
from tests.faults.crash_app import AGAIN, APP, DEEDS, Notes, add_schedule, add_tasks
from tests.faults.site import KINDS, Site
from tests.faults.workshop import ROOT, Workshop, opened
from tests.live import Working
from tests.servers import NatsServer

SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("brokers/*/src/**/*.py")]
LEASE = 1.0
PATIENCE = 30.0

Starts: TypeAlias = list[tuple[int, int]]
"""The attempt and the delivery of each start of a job."""

ONCE: Starts = [(1, 1)]
TWICE: Starts = [(1, 1), (1, 2)]
LATER: Starts = [(1, 2)]
RETRIED: Starts = [(1, 1), (2, 1)]


def test_every_point_has_a_test() -> None:
    points = {
        point for path in SOURCES for point in re.findall(r'reach\("(.+)"\)', path.read_text())
    }
    here = Path(__file__).read_text()
    assert len(points) > 20
    assert [point for point in sorted(points) if f'"{point}"' not in here] == []


@pytest.fixture
async def shop(tmp_path: Path, site: Site, name: str) -> AsyncIterator[Workshop]:
    shop = Workshop(tmp_path, APP, site.url, name, LEASE)
    add_tasks(shop.queue, Notes(shop.ledger))
    async with opened(shop):
        yield shop


async def died(shop: Workshop, process: subprocess.Popen[bytes], point: str) -> None:
    """Wait until a process has died at a point, and nowhere else."""
    code = await asyncio.to_thread(process.wait, PATIENCE)
    assert code == -signal.SIGKILL, shop.logs()
    assert shop.events("death")[-1]["point"] == point


async def worker_dies(shop: Workshop, point: str, time: int = 1) -> None:
    """Let a worker serve until it reaches a point for the n-th time."""
    await died(shop, shop.worker(POINT=point, TIME=str(time)), point)


async def producer_dies(shop: Workshop, deed: str, point: str) -> None:
    """Let a producer do something, and die half-way."""
    process = shop.run("-m", "tests.faults.crash_app", deed, POINT=point)
    await died(shop, process, point)


async def enqueue(
    shop: Workshop, task: str, *args: object, delay: float = 0.0
) -> JobHandle[object]:
    """Enqueue the job `job` with the key `key`."""
    options = shop.queue.remote(task).options(job_id="job", unique="key", delay=delay)
    return await shop.queue.enqueue(options, *args)


def starts(shop: Workshop, job_id: str = "job") -> Starts:
    events = [event for event in shop.events("start") if event["id"] == job_id]
    return [(event["attempt"], event["deliveries"]) for event in events]


async def info(shop: Workshop, job_id: str = "job") -> JobInfo | None:
    [found] = await shop.infos([job_id])
    return found


async def is_over(shop: Workshop, state: JobState | None) -> None:
    """Check that the job has its one outcome, and that it left nothing else behind."""
    found = await info(shop)
    assert (found and found.state) is state
    letters = [letter.id async for letter in shop.queue.dead_letters()]
    assert letters == (["job"] if state is JobState.DEAD else [])
    assert (await shop.queue.stats()).dead == len(letters)
    other = shop.queue.remote("succeeds").options(job_id="other", unique="key")
    assert not (await shop.queue.enqueue(other)).duplicate, "the key is not free"


def is_moving(site: Site) -> bool:
    """Tell whether the workers move delayed jobs, and send letters back in two steps."""
    server = site.server
    return isinstance(server, NatsServer) and server.ask("varz")["version"].startswith("2.11.")


class Case(Struct, frozen=True):
    """A worker that dies.

    Attributes:
        point: Where.
        task: Of the job that it has then.
        starts: Of the job, by all workers.
        state: Of the job in the end; `None`: nothing is kept of it.
        delay: Of the job.
        stray: Whether the dying worker may have been given the job by a wait that it had left open.
    """

    point: str
    task: str
    starts: Starts
    state: JobState | None = JobState.SUCCEEDED
    delay: float = 0.0
    stray: bool = False


DEAD = JobState.DEAD
EVERYWHERE = [
    Case("worker.claimed", "succeeds", LATER),
    Case("worker.starting", "succeeds", LATER),
    Case("worker.ran", "succeeds", TWICE),
    Case("worker.ran", "fails", [*TWICE, (2, 1)]),
    Case("worker.settled", "succeeds", ONCE),
    Case("worker.settled", "fails", RETRIED),
    Case("worker.settled", "snoozes", [(1, 1), (1, 1)]),
    Case("worker.settled", "rejects", ONCE, DEAD),
]
CASES = {
    "redis": [
        Case("redis.claim.after", "succeeds", LATER),
        Case("redis.maintain.before", "succeeds", ONCE, delay=1.0, stray=True),
        Case("redis.maintain.after", "succeeds", ONCE, delay=1.0, stray=True),
        Case("redis.settle.after", "rejects", ONCE, DEAD),
    ],
    "nats": [
        Case("nats.settle.written", "succeeds", ONCE),
        Case("nats.settle.written", "fails", RETRIED),
        Case("nats.settle.written", "forgets", RETRIED, None),
        Case("nats.settle.written", "snoozes", [(1, 1), (1, 1)]),
        Case("nats.settle.written", "rejects", ONCE, DEAD),
        Case("nats.settle.acknowledged", "succeeds", ONCE),
        Case("nats.settle.acknowledged", "rejects", ONCE, DEAD),
    ],
}


@pytest.mark.parametrize(
    ("site", "case"),
    [
        pytest.param(kind, case, id=f"{kind}-{case.point}-{case.task}")
        for kind in KINDS
        for case in [*EVERYWHERE, *CASES[kind]]
    ],
    indirect=["site"],
)
async def test_a_worker_dies(shop: Workshop, working: Working, case: Case) -> None:
    await enqueue(shop, case.task, delay=case.delay)
    await worker_dies(shop, case.point)
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == case.starts or (case.stray and starts(shop) == LATER)
    await is_over(shop, case.state)


@pytest.mark.parametrize(
    ("site", "point", "again"),
    [
        *((kind, "worker.ran", [(1, 2)]) for kind in KINDS),
        # A wait for jobs that the dying worker had left open may have brought it once more.
        *((kind, "worker.settled", [(1, 1), (1, 2)]) for kind in KINDS),
        ("nats", "nats.settle.written", [(1, 1), (1, 2)]),
    ],
    indirect=["site"],
)
async def test_a_worker_dies_as_it_gives_back_what_it_has(
    shop: Workshop, working: Working, point: str, again: Starts
) -> None:
    await enqueue(shop, "held")
    process = shop.worker("--grace", "0", POINT=point)
    await shop.until(lambda: starts(shop) == ONCE)
    process.terminate()
    await died(shop, process, point)
    async with working(shop.queue):
        await settled(shop.queue)
    first, second = starts(shop)
    assert first == (1, 1)
    assert second in again
    await is_over(shop, JobState.SUCCEEDED)


@pytest.mark.parametrize("site", ["nats"], indirect=True)
async def test_the_worker_dies_that_takes_over_from_a_dead_one(
    shop: Workshop, working: Working
) -> None:
    await enqueue(shop, "succeeds")
    await worker_dies(shop, "worker.starting")
    await worker_dies(shop, "nats.claim.rewritten")
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == LATER
    await is_over(shop, JobState.SUCCEEDED)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("site", ["nats"], indirect=True)
async def test_a_worker_dies_as_it_revives_a_job_that_the_server_gave_up(
    shop: Workshop, working: Working
) -> None:
    await enqueue(shop, "succeeds", delay=4.0)
    process = shop.worker(POINT="nats.revive.written", LATE="-60")
    await died(shop, process, "nats.revive.written")
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == ONCE
    await is_over(shop, JobState.SUCCEEDED)


@pytest.fixture
def moving(site: Site) -> None:
    """Ask for a NATS server on which the workers move delayed jobs."""
    if not is_moving(site):
        pytest.skip("this server moves delayed jobs, and stores a key together with its job")


@pytest.fixture
def whole(site: Site) -> None:
    """Ask for a NATS server that moves them by itself."""
    if is_moving(site):
        pytest.skip("on this server the workers move delayed jobs")


@pytest.mark.usefixtures("moving")
@pytest.mark.parametrize("site", ["nats"], indirect=True)
async def test_a_worker_dies_as_it_moves_a_job_that_is_due(
    shop: Workshop, working: Working
) -> None:
    await enqueue(shop, "succeeds", delay=AGAIN)
    await worker_dies(shop, "nats.move.written")
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) in (ONCE, LATER)
    await is_over(shop, JobState.SUCCEEDED)


@pytest.mark.usefixtures("moving")
@pytest.mark.parametrize("site", ["nats"], indirect=True)
async def test_a_producer_dies_between_the_key_and_its_job(
    shop: Workshop, working: Working
) -> None:
    await producer_dies(shop, "enqueue", "nats.batch.part")
    assert await info(shop) is None
    assert not (await enqueue(shop, "succeeds")).duplicate
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == ONCE
    await is_over(shop, JobState.SUCCEEDED)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A pipe: who reads waits until somebody has written."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    yield path
    path.unlink()


@pytest.mark.parametrize("site", ["nats"], indirect=True)
async def test_a_worker_dies_as_it_ends_a_job_that_another_one_has(
    shop: Workshop, working: Working, gate: Path
) -> None:
    """The first success wins, also if the winner does not live to clean up behind it."""
    job = await enqueue(shop, "blocks", str(gate))
    process = shop.worker(POINT="nats.settle.overruled", BLOCKED="yes")
    await shop.until(lambda: starts(shop) == ONCE)
    async with working(shop.queue):
        await shop.until(lambda: starts(shop) == TWICE)
        await asyncio.to_thread(gate.write_bytes, b"open")
        await died(shop, process, "nats.settle.overruled")
        await settled(shop.queue)
    assert starts(shop) == TWICE
    assert await job.result() == process.pid
    await is_over(shop, JobState.SUCCEEDED)


@pytest.mark.parametrize("time", [1, 2], ids=["at its start", "at a tick"])
@pytest.mark.parametrize("point", ["scheduler.enqueuing", "scheduler.enqueued"])
async def test_a_worker_dies_as_it_enqueues_a_tick(
    shop: Workshop, working: Working, point: str, time: int
) -> None:
    process = shop.worker(POINT=point, TIME=str(time), TICKING="yes")
    await died(shop, process, point)
    add_schedule(shop.queue, Notes(shop.ledger))

    def deliveries() -> list[int]:
        return sorted(event["deliveries"] for event in shop.events("start"))

    # The tick that was claimed comes again, and so do those behind it.
    async with working(shop.queue):
        await shop.until(lambda: len(deliveries()) >= 3 and deliveries()[-1] == time)
    assert deliveries().count(2) == time - 1
    ticks = [event["id"] for event in shop.events("start")]
    assert len(ticks) == len(set(ticks)), "a tick ran twice"


# Producers and operators


@pytest.mark.parametrize(
    ("site", "deed", "point", "stored"),
    [
        *((kind, "enqueue", "producer.sending", False) for kind in KINDS),
        *((kind, "enqueue", "producer.sent", True) for kind in KINDS),
        ("redis", "open", "redis.declare.after", False),
        ("nats", "open", "nats.declare.created", False),
        ("redis", "enqueue both", "redis.enqueue.before", False),
        ("redis", "enqueue both", "redis.enqueue.after", True),
        ("nats", "enqueue both", "nats.enqueue.plain", False),
    ],
    indirect=["site"],
)
async def test_a_producer_dies(
    tmp_path: Path,
    site: Site,
    name: str,
    working: Working,
    deed: str,
    point: str,
    stored: bool,
) -> None:
    shop = Workshop(tmp_path, APP, site.url, name, LEASE)
    add_tasks(shop.queue, Notes(shop.ledger))
    await producer_dies(shop, deed, point)  # before anybody else has declared the queue
    async with opened(shop), working(shop.queue):
        job = await enqueue(shop, "succeeds")
        assert job.duplicate is stored
        await job.result(timeout=PATIENCE)
        await settled(shop.queue)
        assert starts(shop) == ONCE
        assert len(starts(shop, "plain")) == (deed == "enqueue both" and "before" not in point)
        await is_over(shop, JobState.SUCCEEDED)


@pytest.mark.parametrize("delay", [0.0, 2.0], ids=["ready", "delayed"])
@pytest.mark.parametrize(
    ("site", "point", "taken_back"),
    [
        ("redis", "redis.cancel.before", False),
        ("redis", "redis.cancel.after", True),
        ("nats", "nats.cancel.marked", True),
        ("nats", "nats.cancel.written", True),
        ("nats", "nats.cancel.deleted", True),
    ],
    indirect=["site"],
)
async def test_a_producer_dies_as_it_takes_a_job_back(
    shop: Workshop, working: Working, point: str, taken_back: bool, delay: float
) -> None:
    await enqueue(shop, "succeeds", delay=delay)
    await producer_dies(shop, "cancel", point)
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == ([] if taken_back else ONCE)
    await is_over(shop, JobState.CANCELLED if taken_back else JobState.SUCCEEDED)


@pytest.mark.parametrize(
    ("site", "point", "sent_back"),
    [
        ("redis", "redis.redrive.before", False),
        ("redis", "redis.redrive.after", True),
        ("nats", "nats.redrive.written", True),
    ],
    indirect=["site"],
)
async def test_an_operator_dies_as_he_sends_a_dead_letter_back(
    shop: Workshop, site: Site, working: Working, point: str, sent_back: bool
) -> None:
    await enqueue(shop, "rejects")
    async with working(shop.queue):
        await settled(shop.queue)
    await producer_dies(shop, "requeue", point)
    found = await info(shop)
    assert found is not None
    assert (found.state is JobState.QUEUED) is sent_back
    if sent_back:
        await worker_dies(shop, "worker.starting")
    # Where it takes two steps the letter may be left, until somebody does it again.
    assert await shop.queue.requeue("job") == (not sent_back or is_moving(site))
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == [*ONCE, *(LATER if sent_back else ONCE)]
    await is_over(shop, JobState.DEAD)


@pytest.mark.parametrize(
    ("site", "deed", "point"),
    [
        ("redis", "purge", "redis.purge_ready.after"),
        ("nats", "purge", "nats.purge.paused"),
        ("redis", "pause", "redis.pause.after"),
        ("nats", "pause", "nats.pause.lane"),
    ],
    indirect=["site"],
)
async def test_an_operator_dies_and_does_it_again(
    shop: Workshop, working: Working, deed: str, point: str
) -> None:
    await enqueue(shop, "succeeds")
    await producer_dies(shop, deed, point)
    await DEEDS[deed](shop.queue)
    stats = await shop.queue.stats()
    assert (sum(stats.ready), stats.paused) == ((1, True) if deed == "pause" else (0, stats.paused))
    await shop.queue.resume()
    async with working(shop.queue):
        await settled(shop.queue)
    assert starts(shop) == (ONCE if deed == "pause" else [])
    await is_over(shop, JobState.SUCCEEDED if deed == "pause" else None)
