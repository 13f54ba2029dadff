"""`headrace worker --processes N`: real processes, real signals, a real terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.distribution import install

BROKER = """
import os
from headrace import AuthFailed, MemoryBroker
from headrace.broker import Capability, Held

class PretendBroker(MemoryBroker):
    '''A memory broker that says of itself that other processes see its jobs.'''

    def __init__(self, url):
        super().__init__()

    @property
    def capabilities(self):
        return super().capabilities | Capability.SHARED

    async def open(self):
        if os.path.exists("refuse"):
            raise AuthFailed("no entry")
        await super().open()

    async def renew(self, leases):
        # The heartbeat has a client of its own, which sees no job of this one.
        return [Held.OK] * len(leases)
"""

APP = """
import asyncio, os, threading
from headrace import Queue, Worker
from headrace.worker import worker as worker_module

queue = Queue("pretend://here", lease=3600)

@queue.task
async def work(seconds: float) -> None:
    print("started\\n", end="", flush=True)  # in one write: the workers share the pipe
    await asyncio.sleep(seconds)

@queue.task
async def blocked() -> None:
    print("started\\n", end="", flush=True)
    threading.Event().wait()

JOBS = {
    "none": [],
    "short": [work.call(0.5)],
    "long": [work.call(3600)],
    "blocked": [blocked.call()],
}

# Each process fills the queue that it alone sees.
serve = Worker._serve

async def filled(self):
    await queue.enqueue_many(JOBS[os.environ["JOBS"]])
    return await serve(self)

worker_module.Worker._serve = filled
"""

ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

Line: TypeAlias = dict[str, Any]
Start: TypeAlias = Callable[..., "Service"]


def parsed(text: str) -> Line:
    """Return a line of the log. Not all of standard error is JSON: a traceback is text."""
    return json.loads(text) if text.startswith("{") else {"message": text}


class Service:
    """A supervisor with its workers. All of them write their logs into one pipe."""

    def __init__(self, folder: Path, jobs: str, *options: str, stdin: int | None = None) -> None:
        command = [sys.executable, "-m", "headrace", "worker", "app:queue", "--log-format=json"]
        if stdin is not None:
            command = [sys.executable, "-c", ON_TERMINAL, *command]
        self.process = subprocess.Popen(
            [*command, "--processes=2", *options],
            cwd=folder,
            env={**os.environ, "JOBS": jobs, "PYTHONPATH": str(folder)},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines: list[Line] = []

    def wait_for(self, message: str, times: int = 1) -> list[Line]:
        """Read the log until so many more lines say so, and return these."""
        assert self.process.stderr is not None
        found: list[Line] = []
        for text in self.process.stderr:
            line = parsed(text)
            self.lines.append(line)
            if line["message"] == message:
                found.append(line)
            if len(found) == times:
                return found
        pytest.fail(f"all ended before {message!r} was logged: {self.lines}")

    def wait_for_jobs(self, number: int) -> None:
        assert self.process.stdout is not None
        for _ in range(number):
            assert self.process.stdout.readline() == "started\n"

    def ready(self, times: int) -> list[int]:
        """Return the process ids of the next workers that are ready."""
        return [line["pid"] for line in self.wait_for("worker process is ready", times)]

    def end(self) -> int:
        """Return the exit code when the supervisor and all of its workers have ended."""
        _, rest = self.process.communicate(timeout=30)
        self.lines += map(parsed, rest.splitlines())
        return self.process.returncode

    def said(self, message: str) -> list[Line]:
        """Return the lines read so far that say so."""
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    (tmp_path / "pretend.py").write_text(textwrap.dedent(BROKER))
    install(tmp_path, "pretend", pretend="pretend:PretendBroker")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    services: list[Service] = []

    def begin(*args: Any, **options: Any) -> Service:
        services.append(Service(folder, *args, **options))
        return services[-1]

    yield begin
    for service in services:
        service.process.kill()
        service.process.communicate()


# restarting


def test_a_killed_worker_is_started_again_and_the_other_one_stays(start: Start) -> None:
    service = start("none")
    first, second = service.ready(2)
    os.kill(first, signal.SIGKILL)
    [killed] = service.wait_for("worker process ended")
    assert (killed["pid"], killed["signal"]) == (first, "SIGKILL")
    [third] = service.ready(1)
    service.process.terminate()
    assert service.end() == 0
    ended = service.said("worker process ended")
    assert {line["pid"] for line in ended} == {first, second, third}


def test_a_worker_that_is_stopped_by_itself_drains_and_is_replaced(start: Start) -> None:
    service = start("short", "--grace=3600")
    first, _ = service.ready(2)
    service.wait_for_jobs(2)
    os.kill(first, signal.SIGTERM)
    [ended] = service.wait_for("worker process ended")
    assert (ended["pid"], ended["exit_code"]) == (first, 0)
    service.ready(1)
    service.process.terminate()
    assert service.end() == 0


# stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_all(start: Start, number: int) -> None:
    service = start("short", "--grace=3600")
    service.wait_for_jobs(2)
    service.process.send_signal(number)
    assert service.end() == 0
    assert [line["succeeded"] for line in service.said("worker has stopped")] == [1, 1]
    assert service.lines[-1]["message"] == "supervisor has stopped"


def test_the_second_signal_gives_everything_back_at_once(start: Start) -> None:
    service = start("long", "--grace=3600")
    service.wait_for_jobs(2)
    service.process.terminate()
    service.wait_for("worker is stopping", 2)
    service.process.terminate()
    assert service.end() == 1
    assert [line["released"] for line in service.said("worker has stopped")] == [1, 1]


def test_the_third_signal_ends_all(start: Start) -> None:
    service = start("blocked", "--grace=3600")
    service.wait_for_jobs(2)
    for number in (signal.SIGTERM, signal.SIGINT):
        service.process.send_signal(number)
        service.wait_for("worker processes are asked to stop")
    service.process.terminate()
    assert service.end() == 130


def test_a_signal_to_every_process_counts_once(start: Start) -> None:
    """As from systemd, which signals the whole control group."""
    service = start("short", "--grace=3600")
    workers = service.ready(2)
    service.wait_for_jobs(2)
    for pid in (*workers, service.process.pid):
        os.kill(pid, signal.SIGTERM)
    assert service.end() == 0
    assert not service.said("running jobs are cancelled")
    assert [line["succeeded"] for line in service.said("worker has stopped")] == [1, 1]


def test_a_signal_while_the_workers_still_import_ends_in_order(start: Start) -> None:
    service = start("none")
    service.wait_for("worker process started", 2)
    service.process.terminate()
    assert service.end() == 0
    assert len(service.said("worker process ended")) == 2


# the terminal


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Make a terminal, and yield its keyboard's end and the programs' end."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_ctrl_c_is_one_request_to_each_worker(start: Start, terminal: tuple[int, int]) -> None:
    keyboard, programs = terminal
    service = start("short", "--grace=3600", stdin=programs)
    service.wait_for_jobs(2)
    os.write(keyboard, b"\x03")
    assert service.end() == 0
    assert len(service.said("worker is stopping")) == 2
    assert not service.said("running jobs are cancelled")


def test_a_terminal_that_hangs_up_stops_all(start: Start, terminal: tuple[int, int]) -> None:
    keyboard, programs = terminal
    service = start("short", "--grace=3600", stdin=programs)
    os.close(programs)
    service.wait_for_jobs(2)
    os.close(keyboard)
    assert service.end() == 0
    assert not service.said("worker processes are replaced")
    assert len(service.said("worker is stopping")) == 2


# the supervisor's own end


def test_workers_drain_when_their_supervisor_is_killed(start: Start) -> None:
    service = start("short", "--grace=3600")
    service.wait_for_jobs(2)
    service.process.kill()
    assert service.end() == -9
    assert len(service.said("supervisor is gone, worker stops")) == 2
    assert [line["succeeded"] for line in service.said("worker has stopped")] == [1, 1]


def test_workers_that_still_import_end_when_their_supervisor_is_killed(start: Start) -> None:
    service = start("none")
    service.wait_for("worker process started", 2)
    service.process.kill()
    assert service.end() == -9
    assert len(service.said("supervisor is gone, worker stops")) == 2


# rolling


def test_hanging_up_replaces_the_workers_while_the_old_ones_drain(start: Start) -> None:
    service = start("long", "--grace=3600")
    old = service.ready(2)
    service.wait_for_jobs(2)
    service.process.send_signal(signal.SIGHUP)
    new = service.ready(2)
    service.wait_for("all worker processes were replaced")
    service.wait_for_jobs(2)
    assert not service.said("worker process ended")
    for pid in old:
        # Two signals of one kind could arrive as one.
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGINT)
    ended = service.wait_for("worker process ended", 2)
    assert {line["pid"] for line in ended} == set(old)
    assert set(new).isdisjoint(old)
    service.process.terminate()
    service.wait_for("worker is stopping", 2)
    service.process.terminate()
    assert service.end() == 1


def test_a_broken_deploy_keeps_the_old_workers(start: Start, folder: Path) -> None:
    service = start("none")
    old = service.ready(2)
    app = folder / "app.py"
    app.write_text("import not_there\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("new worker process did not come up, the old ones stay")
    assert not {line["pid"] for line in service.said("worker process ended")} & set(old)
    app.write_text(APP)
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("all worker processes were replaced")
    service.process.terminate()
    assert service.end() == 0
    assert {line["pid"] for line in service.said("worker process ended")} > set(old)


def test_hanging_up_reaches_only_the_supervisor(start: Start) -> None:
    """As from `pkill -HUP headrace`, which signals the workers too."""
    service = start("none")
    for pid in (*service.ready(2), service.process.pid):
        os.kill(pid, signal.SIGHUP)
    service.wait_for("all worker processes were replaced")
    service.process.terminate()
    assert service.end() == 0
    assert {line["exit_code"] for line in service.said("worker process ended")} == {0}


# refusing


def told(folder: Path, *options: str) -> tuple[int, str]:
    """Return the exit code and the log of a service that ends by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "headrace", "worker", "app:queue", *options],
        cwd=folder,
        env={**os.environ, "JOBS": "none", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stderr


def test_when_the_broker_refuses_every_worker_it_ends_with_3(folder: Path) -> None:
    (folder / "refuse").touch()
    code, log = told(folder, "--processes=2")
    assert code == 3
    assert log.count("Error: no entry") == log.count("worker process started") == 2


def test_when_the_tasks_are_wrong_in_every_worker_it_ends_with_2(folder: Path) -> None:
    with (folder / "app.py").open("a") as app:
        app.write("import sys\nif '--processes=1' in sys.argv: del queue\n")
    code, log = told(folder, "--processes=2")
    assert code == 2
    assert log.count("module 'app' has no 'queue'") == log.count("worker process started") == 2


def test_a_wrong_task_is_told_before_any_worker_starts(folder: Path) -> None:
    with (folder / "app.py").open("a") as app:
        app.write("@queue.task\ndef bad(x: 'Nowhere'): ...\n")
    code, log = told(folder, "--processes=2")
    assert code == 2
    assert "task 'bad'" in log
    assert "worker process started" not in log


def test_a_number_from_the_environment_is_not_inherited(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_WORKER_PROCESSES", "5")
    monkeypatch.setenv("HEADRACE_WORKER_GRACE", "0.25")
    service = start("long")
    service.wait_for_jobs(2)
    service.process.terminate()
    assert service.end() == 0
    assert len(service.said("worker process started")) == 2
    assert len(service.said("running jobs are cancelled")) == 2
