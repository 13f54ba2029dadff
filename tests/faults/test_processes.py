"""Real worker processes by the shipped command, killed, frozen and blocked, under a ledger."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from headrace import JobFailed, JobState
from tests.faults.site import Site
from tests.faults.workshop import Workshop, opened

APP = """
import asyncio, json, os, threading, time
from headrace import Queue, RetryPolicy, current_job

queue = Queue(name=os.environ["QUEUE"], lease=float(os.environ["LEASE"]))
ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(event):
    job = current_job()
    line = {"event": event, "id": job.id, "pid": os.getpid(), "at": time.monotonic(),
            "deliveries": job.deliveries, "fencing": job.fencing}
    os.write(ledger, (json.dumps(line) + "\\n").encode())

@queue.task
async def work(seconds: float) -> int:
    note("start")
    await asyncio.sleep(seconds)
    note("end")
    return os.getpid()

@queue.task
async def blocks(seconds: float) -> None:
    note("start")
    time.sleep(seconds)
    note("end")

@queue.task
async def kills() -> None:
    note("start")
    os._exit(1)
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lease() -> float:
    return 2.0


@pytest.fixture
async def shop(tmp_path: Path, site: Site, name: str, lease: float) -> AsyncIterator[Workshop]:
    async with opened(Workshop(tmp_path, APP, site.url, name, lease)) as shop:
        yield shop


@pytest.mark.bounds
@pytest.mark.parametrize("lease", [5.0])
async def test_the_jobs_of_a_killed_worker_are_done_by_another(shop: Workshop) -> None:
    """100 running jobs of 1,000, one second each: M1."""
    calls = (shop.queue.remote("work").call(1.0) for _ in range(1_000))
    ids = [job.id for job in await shop.queue.enqueue_many(calls)]
    victim = shop.worker("-c", "100")
    await shop.until(lambda: len(shop.events("start")) >= 100)
    shop.worker("-c", "200")
    victim.kill()
    killed_at = time.monotonic()
    ended = {event["id"] for event in shop.events("end")}
    killed = {event["id"] for event in shop.events("start")} - ended
    await shop.until(lambda: len(shop.events("end")) >= 1_000)
    assert len(killed) == 100
    infos = await shop.infos(ids)
    assert all(info is not None and info.state is JobState.SUCCEEDED for info in infos)
    ends = Counter(event["id"] for event in shop.events("end"))
    assert set(ends) == set(ids)
    assert set(ends.values()) == {1}, "no job was done twice"
    starts = Counter(event["id"] for event in shop.events("start"))
    assert {job_id for job_id, number in starts.items() if number > 1} == killed
    again = [e["at"] for e in shop.events("start") if e["id"] in killed and e["deliveries"] > 1]
    sweep = shop.lease / 4
    assert max(again) - killed_at <= shop.lease + sweep + 1.0


async def test_a_job_that_kills_its_worker_is_given_up_and_its_siblings_are_done(
    shop: Workshop,
) -> None:
    poison = await shop.queue.enqueue("kills")
    siblings = await shop.queue.enqueue_many(
        shop.queue.remote("work").call(0.01) for _ in range(200)
    )
    shop.worker("--processes", "2", "-c", "10")
    with pytest.raises(JobFailed, match="delivered 3 times"):
        await poison.result(timeout=60)
    assert len([event for event in shop.events("start") if event["id"] == poison.id]) == 3
    for job in siblings:
        await job.result(timeout=30)
    [dead] = [letter async for letter in shop.queue.dead_letters()]
    assert dead.id == poison.id


async def test_a_frozen_worker_loses_its_jobs_and_its_late_outcomes_count_once(
    shop: Workshop,
) -> None:
    """SIGSTOP for three leases: M2."""
    jobs = await shop.queue.enqueue_many(
        shop.queue.remote("work").call(1.5 * shop.lease) for _ in range(20)
    )
    zombie = shop.worker("-c", "20")
    await shop.until(lambda: len(shop.events("start")) == 20)
    zombie.send_signal(signal.SIGSTOP)
    other = shop.worker("-c", "20")
    started = shop.queue.broker.clock.monotonic()
    await shop.until(lambda: len(shop.events("start")) == 40)
    left = 3 * shop.lease - (shop.queue.broker.clock.monotonic() - started)
    await shop.queue.broker.clock.sleep(max(0.0, left))
    zombie.send_signal(signal.SIGCONT)
    winners = [await job.result(timeout=60) for job in jobs]
    zombie.send_signal(signal.SIGTERM)
    other.send_signal(signal.SIGTERM)
    assert (zombie.wait(30), other.wait(30)) == (0, 0)
    assert set(winners) <= {zombie.pid, other.pid}
    after = [await job.result(timeout=1) for job in jobs]
    assert after == winners, "a result was recorded twice"
    by_job: dict[str, list[dict[str, Any]]] = {}
    for event in shop.events("start"):
        by_job.setdefault(event["id"], []).append(event)
    for first, second in by_job.values():
        assert (first["pid"], second["pid"]) == (zombie.pid, other.pid)
        assert first["fencing"] < second["fencing"]
    stats = await shop.queue.stats()
    assert (sum(stats.ready), stats.running, stats.dead) == (0, 0, 0)


async def test_a_blocked_event_loop_and_a_long_job_lose_no_lease(shop: Workshop) -> None:
    """Three leases of `time.sleep`, and beside it a job of ten leases: M6 and M7."""
    long = await shop.queue.enqueue("work", 10 * shop.lease)
    shop.worker("-c", "10")
    await shop.until(lambda: len(shop.events("start")) == 1)
    shop.worker("-c", "10")
    blocking = await shop.queue.enqueue("blocks", 3 * shop.lease)
    await blocking.result(timeout=60)
    await long.result(timeout=60)
    assert Counter(event["id"] for event in shop.events("start")) == {long.id: 1, blocking.id: 1}
    assert {event["deliveries"] for event in shop.events("start")} == {1}
    assert "event loop is blocked" in shop.logs()
    assert "task=blocks" in shop.logs()


async def test_a_supervised_crew_drains_and_rolls(shop: Workshop) -> None:
    supervisor = shop.worker("--processes", "2", "-c", "4", "--grace", "20")
    first = await shop.queue.enqueue_many(shop.queue.remote("work").call(0.5) for _ in range(16))
    await shop.until(lambda: len({event["pid"] for event in shop.events("start")}) == 2)
    old = {event["pid"] for event in shop.events("start")}
    supervisor.send_signal(signal.SIGHUP)
    for job in first:
        await job.result(timeout=60)

    async def served_by_new_ones() -> None:
        while len({event["pid"] for event in shop.events("start")} - old) < 2:
            for job in await shop.queue.enqueue_many(
                shop.queue.remote("work").call(0.05) for _ in range(8)
            ):
                await job.result(timeout=60)

    async with asyncio.timeout(60):
        await served_by_new_ones()
    last = await shop.queue.enqueue("work", 1.0)
    await shop.until(lambda: last.id in {event["id"] for event in shop.events("start")})
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(60) == 0
    assert await last.status() is JobState.SUCCEEDED
    starts = Counter(event["id"] for event in shop.events("start"))
    assert set(starts.values()) == {1}, "a roll or a drain ran a job twice"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(120):
        (tmp_path / f"{number}.txt").write_text(f"one two three {number}\n" * number)
    return tmp_path


def test_the_demo_runs_on_worker_processes(folder: Path, site: Site) -> None:
    command = [sys.executable, "-m", "headrace", "demo", str(folder), "--verify"]
    done = subprocess.run(
        [*command, "--url", f"{site.url}?prefix=demo", "--workers", "2"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "equal to a plain loop" in done.stdout
    assert "jobs          120" in done.stdout
