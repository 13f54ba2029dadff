"""The supervisor with real processes that are no workers, on a clock that the tests move."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from headrace.supervisor.crew import MARGIN, Limits
from headrace.supervisor.leash import Leash, on_leash
from headrace.supervisor.process import working_folder
from headrace.supervisor.supervisor import Supervisor
from headrace.testing import ManualClock

CHILD = """
import os, signal, socket, sys

line = socket.socket(fileno=int(sys.argv[-1].removeprefix("--leash=")))

def serve(patience):
    line.send(b"r")
    for _ in range(patience):
        if not line.recv(1):
            sys.exit(9)
open("was-here", "w").close()

match open("deployed/behaviour").read():
    case "good":
        serve(1)
    case "slow":
        serve(2)
        sys.exit(1)
    case "deaf":
        serve(0)
        signal.pause()
    case "silent":
        line.recv(1)
    case "dead":
        serve(0)
        os.kill(os.getpid(), signal.SIGUSR1)
    case "deserter":
        line.close()
        sys.exit(0)
    case code:
        sys.exit(int(code))
"""

GRACE = 20.0


class Started(Supervisor):
    """A supervisor that runs."""

    over: asyncio.Task[int]


Starting: TypeAlias = Callable[[int, str], Started]


class Log(logging.Handler):
    """What the supervisor logged; waits for what it will log."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: asyncio.Queue[logging.LogRecord] = asyncio.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._queue.put_nowait(record)

    async def wait_for(self, message: str) -> Any:
        """Return the next record with this message; those before it are dropped."""
        while True:
            record = await self._queue.get()
            if record.getMessage() == message:
                return record


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    logger, log = logging.getLogger("headrace.supervisor"), Log()
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    yield log
    logger.removeHandler(log)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "deployed").mkdir()
    return tmp_path


@pytest.fixture
async def start(folder: Path, clock: ManualClock) -> AsyncIterator[Starting]:
    """Make a supervisor that is cancelled at the end of the test, if it still runs."""
    running: list[asyncio.Task[int]] = []

    def begin(processes: int, behaviour: str) -> Started:
        deploy(folder, behaviour)
        supervisor = Started(
            [sys.executable, "child.py"],
            Limits(processes=processes, grace=GRACE),
            clock=clock,
            folder=folder,
        )
        supervisor.over = asyncio.create_task(supervisor.run())
        running.append(supervisor.over)
        return supervisor

    yield begin
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def deploy(folder: Path, behaviour: str) -> None:
    (folder / "deployed" / "behaviour").write_text(behaviour)


def move(path: Path, to: Path) -> None:
    path.rename(to)


async def exit_code(supervisor: Started) -> int:
    return await asyncio.wait_for(supervisor.over, 30)


async def ready(log: Log, times: int) -> list[int]:
    """Return the process ids of the next ones that are ready."""
    return [(await log.wait_for("worker process is ready")).pid for _ in range(times)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# restarting


async def test_a_process_that_was_killed_is_started_again(
    start: Starting, log: Log, clock: ManualClock
) -> None:
    supervisor = start(2, "good")
    first, second = await ready(log, 2)
    os.kill(first, signal.SIGKILL)
    ended = await log.wait_for("worker process ended")
    assert (ended.pid, ended.signal, ended.levelno) == (first, "SIGKILL", logging.WARNING)
    assert 0.25 <= ended.restart_in <= 0.5
    await clock.advance(0.5)
    [third] = await ready(log, 1)
    assert third not in (first, second)
    assert is_alive(second)
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_one_that_keeps_dying_is_started_after_growing_pauses(
    start: Starting, log: Log, clock: ManualClock
) -> None:
    supervisor = start(1, "dead")
    pauses: list[float] = []
    for _ in range(8):
        ended = await log.wait_for("worker process ended")
        assert ended.signal == "SIGUSR1"
        pauses.append(ended.restart_in)
        await clock.advance(ended.restart_in + 0.001)
    bounds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert all(bound / 2 <= seconds <= bound for bound, seconds in zip(bounds, pauses, strict=True))
    supervisor.stop()
    assert await exit_code(supervisor) in (0, 1), "the last one may be just dying"


async def test_one_that_cannot_be_started_is_tried_again(
    start: Starting, log: Log, clock: ManualClock, folder: Path
) -> None:
    supervisor = start(1, "good")
    await ready(log, 1)
    elsewhere = folder.with_name("elsewhere")
    move(folder, elsewhere)
    supervisor.roll()
    failed: Any = await log.wait_for("worker process could not be started")
    assert "No such file" in failed.error_message
    await log.wait_for("new worker process did not come up, the old ones stay")
    move(elsewhere, folder)
    supervisor.stop()
    assert await exit_code(supervisor) == 0


@pytest.mark.parametrize("code", [2, 3])
async def test_when_all_refuse_to_start_the_supervisor_gives_up(
    start: Starting, log: Log, code: int
) -> None:
    assert await exit_code(start(3, str(code))) == code


async def test_what_refuses_later_is_tried_again(
    start: Starting, log: Log, clock: ManualClock, folder: Path
) -> None:
    supervisor = start(1, "good")
    [pid] = await ready(log, 1)
    deploy(folder, "3")
    os.kill(pid, signal.SIGKILL)
    for code in (None, 3, 3):
        ended = await log.wait_for("worker process ended")
        assert getattr(ended, "exit_code", None) == code
        await clock.advance(ended.restart_in + 0.001)
    await log.wait_for("worker process ended")
    deploy(folder, "good")
    await clock.advance(4.0)
    await ready(log, 1)
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_one_that_lets_go_of_its_leash_and_ends_is_started_again(
    start: Starting, log: Log, clock: ManualClock
) -> None:
    supervisor = start(1, "deserter")
    ended = await log.wait_for("worker process ended")
    assert ended.exit_code == 0
    assert ended.restart_in > 0
    supervisor.stop()
    assert await exit_code(supervisor) == 0


# stopping


async def test_all_are_asked_and_waited_for(start: Starting, log: Log) -> None:
    supervisor = start(3, "good")
    pids = await ready(log, 3)
    supervisor.stop()
    assert await exit_code(supervisor) == 0
    assert not any(map(is_alive, pids))


async def test_the_second_request_hurries(start: Starting, log: Log) -> None:
    supervisor = start(2, "slow")
    await ready(log, 2)
    supervisor.stop()
    supervisor.stop()
    assert await exit_code(supervisor) == 1


async def test_a_request_before_a_process_is_up_waits_for_it(start: Starting, log: Log) -> None:
    supervisor = start(2, "good")
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_one_that_does_not_stop_is_killed(
    start: Starting, log: Log, clock: ManualClock
) -> None:
    supervisor = start(1, "deaf")
    [pid] = await ready(log, 1)
    supervisor.stop()
    await clock.advance(GRACE + MARGIN - 0.1)
    assert is_alive(pid)
    await clock.advance(0.1)
    assert (await log.wait_for("worker process does not stop, it is killed")).pid == pid
    assert await exit_code(supervisor) == 1


async def test_a_cancelled_supervisor_leaves_no_process(start: Starting, log: Log) -> None:
    supervisor = start(2, "deaf")
    pids = await ready(log, 2)
    supervisor.over.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exit_code(supervisor)
    assert not any(map(is_alive, pids))


# rolling


async def test_new_ones_are_ready_before_old_ones_are_asked(start: Starting, log: Log) -> None:
    supervisor = start(2, "good")
    old = await ready(log, 2)
    supervisor.roll()
    assert all(map(is_alive, old))
    [new] = await ready(log, 1)
    first = (await log.wait_for("worker process ended")).pid
    await log.wait_for("all worker processes were replaced")
    second = (await log.wait_for("worker process ended")).pid
    assert {first, second} == set(old)
    assert is_alive(new)
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_the_roll_goes_on_while_old_ones_drain(
    start: Starting, log: Log, folder: Path
) -> None:
    supervisor = start(2, "slow")
    old = await ready(log, 2)
    deploy(folder, "good")
    supervisor.roll()
    await log.wait_for("all worker processes were replaced")
    assert all(map(is_alive, old))
    supervisor.stop()
    for _ in range(2):
        assert (await log.wait_for("worker process ended")).pid not in old
    assert all(map(is_alive, old)), "the first request to the supervisor is no second one to them"
    supervisor.stop()
    assert await exit_code(supervisor) == 1


@pytest.mark.parametrize("broken", ["1", "2", "0"])
async def test_a_broken_deploy_keeps_the_old_ones(
    start: Starting, log: Log, folder: Path, broken: str
) -> None:
    supervisor = start(2, "good")
    old = await ready(log, 2)
    deploy(folder, broken)
    supervisor.roll()
    await log.wait_for("new worker process did not come up, the old ones stay")
    assert all(map(is_alive, old))
    deploy(folder, "good")
    supervisor.roll()
    await log.wait_for("all worker processes were replaced")
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_a_deploy_that_does_not_come_up_keeps_the_old_ones(
    start: Starting, log: Log, folder: Path, clock: ManualClock
) -> None:
    supervisor = start(1, "good")
    [old] = await ready(log, 1)
    deploy(folder, "silent")
    supervisor.roll()
    new = (await log.wait_for("worker process started")).pid
    await clock.advance(60)
    await log.wait_for("new worker process did not come up, the old ones stay")
    ended = await log.wait_for("worker process ended")
    assert (ended.pid, ended.exit_code) == (new, 0)
    assert is_alive(old)
    supervisor.stop()
    assert await exit_code(supervisor) == 0


async def test_a_roll_starts_what_a_link_leads_to_now(
    start: Starting, log: Log, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = [folder / "1", folder / "2"]
    for release in releases:
        (release / "deployed").mkdir(parents=True)
        (release / "child.py").write_text(CHILD)
        deploy(release, "good")
    current = folder / "current"
    current.symlink_to(releases[0])
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))
    supervisor = Supervisor([sys.executable, "child.py"], Limits(processes=1))
    over = asyncio.create_task(supervisor.run())
    await ready(log, 1)
    (folder / "next").symlink_to(releases[1])
    move(folder / "next", current)
    assert not (releases[1] / "was-here").exists()
    supervisor.roll()
    await ready(log, 1)
    assert (releases[1] / "was-here").exists()
    supervisor.stop()
    assert await over == 0


@pytest.mark.parametrize("entered", ["", "relative", "/", "/not/there"])
def test_a_name_of_the_folder_that_is_wrong_is_not_used(
    entered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", entered)
    assert working_folder() == tmp_path


# the leash


@pytest.fixture
def leash() -> Iterator[Leash]:
    leash = Leash()
    yield leash
    leash.close()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect exits instead of ending the test."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


def held(leash: Leash, stop: Callable[[], object]) -> Any:
    return on_leash(os.dup(leash.theirs.fileno()), stop)


async def test_readiness_goes_up_the_leash(leash: Leash) -> None:
    with held(leash, lambda: None) as report:
        report()
        assert await leash.ready()


async def test_a_worker_that_is_gone_will_not_be_ready(leash: Leash) -> None:
    with held(leash, lambda: None):
        leash.ask_to_stop()
        leash.theirs.close()
    assert not await leash.ready()
    leash.ask_to_stop()
    leash.close()
    leash.close()


async def test_requests_go_down_the_leash_and_the_third_is_the_last(
    leash: Leash, exits: list[int]
) -> None:
    asked = asyncio.Queue[None]()
    leash.ask_to_stop()
    with held(leash, lambda: asked.put_nowait(None)) as report:
        assert asked.qsize() == 1, "it was asked before it was up"
        await asked.get()
        leash.ask_to_stop()
        await asked.get()
        leash.ask_to_stop()
        while not exits:
            await asyncio.sleep(0)
        leash.close()
        report()
    assert (exits, asked.qsize()) == ([130], 0)


async def test_the_end_of_the_supervisor_is_a_request(
    leash: Leash, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()
    with held(leash, asked.set):
        leash.close()
        await asked.wait()
    assert "supervisor is gone, worker stops" in caplog.messages


async def test_the_end_of_the_supervisor_does_not_hurry_one_that_was_asked(leash: Leash) -> None:
    asked = asyncio.Queue[None]()
    with held(leash, lambda: asked.put_nowait(None)):
        leash.ask_to_stop()
        await asked.get()
        leash.close()
        for _ in range(100):
            await asyncio.sleep(0)
    assert asked.empty()


async def test_a_request_that_comes_by_signal_too_counts_once(leash: Leash) -> None:
    asked = asyncio.Queue[None]()
    with held(leash, lambda: asked.put_nowait(None)):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            leash.ask_to_stop()
            await asked.get()
            for _ in range(100):
                await asyncio.sleep(0)
    assert asked.empty()


async def test_hanging_up_does_nothing_to_a_supervised_worker(leash: Leash) -> None:
    asked = asyncio.Event()
    with held(leash, asked.set):
        os.kill(os.getpid(), signal.SIGHUP)
        leash.ask_to_stop()
        await asked.wait()
