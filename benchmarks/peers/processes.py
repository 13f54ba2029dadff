"""The processes of a peer: its app as producer, and its workers by its own command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environment import ROOT, Environment
from benchmarks.peers.kit.gauge import VARIABLE

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
GRACE = 10.0  # seconds that a worker has to stop
LONGEST = 300.0  # seconds that a producer may take


class PeerFailedError(Exception):
    """A peer did not do what was asked of it; the message says what it said last."""


class Contestant:
    """A peer that can be run.

    Args:
        peer: Which.
        environment: Where it is installed.
        url: Of its server.
        gauge: The file in which its jobs count.
    """

    def __init__(self, peer: Peer, environment: Environment, url: str, gauge: Path) -> None:
        self.peer = peer
        self.environment = environment
        self.gauge = gauge
        binaries = str(environment.binaries)
        self.variables = {
            **os.environ,
            "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{environment.folder}",
            "PEER_URL": url,
            # Installed packages have their bytecode: who compiles at each start is 15 MB larger.
            "PYTHONDONTWRITEBYTECODE": "",
            VARIABLE: str(gauge),
        }

    def produce(self, *arguments: str | float) -> dict[str, Any]:
        """Run the app with some arguments, and return what it says.

        Raises:
            PeerFailedError: It ended with an error, or not at all.
        """
        words = ["python", "app.py", *map(str, arguments)]
        command = [str(self.environment.binaries / words[0]), *words[1:]]
        try:
            done = subprocess.run(
                command,
                env=self.variables,
                cwd=self.environment.folder,
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=True,
            )
        except subprocess.SubprocessError as error:
            message = f"`{' '.join(words)}` failed: {last_line(getattr(error, 'stderr', None))}"
            raise PeerFailedError(message) from error
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    def work(self, workers: int = 1) -> Crew:
        """Start so many workers, each by the same command."""
        name, *arguments = self.peer.worker
        command = [str(self.environment.binaries / name), *arguments]
        return Crew(command, self.environment.folder, self.variables, workers)


class Crew:
    """Workers that run, each with all the processes that it started.

    Args:
        command: Starts one.
        folder: Where.
        variables: Its environment.
        workers: How many.
    """

    def __init__(
        self, command: list[str], folder: Path, variables: dict[str, str], workers: int
    ) -> None:
        self._log = Path(variables[VARIABLE]).with_suffix(".log")
        with self._log.open("wb") as log:
            self._workers = [
                subprocess.Popen(
                    command,
                    env=variables,
                    cwd=folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # its processes are known by their session
                )
                for _ in range(workers)
            ]

    def check(self) -> None:
        """See that all of them run.

        Raises:
            PeerFailedError: One does not.
        """
        if any(worker.poll() is not None for worker in self._workers):
            what = "a worker ended"
            raise self.failed(what)

    def failed(self, what: str) -> PeerFailedError:
        """Return an error that tells what the workers said last."""
        return PeerFailedError(f"{what}: {last_line(self._log.read_text(errors='replace'))}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU time that they have used, user and system."""
        ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in self._processes())
        return ticks / TICKS

    @property
    def rss(self) -> float:
        """Their resident memory in MB; pages that they share count for each."""
        return sum(int(fields[21]) for _, fields in self._processes()) * PAGE / 1e6

    def stop(self) -> None:
        """Ask them to stop, and see to it."""
        for worker in self._workers:
            worker.terminate()
        patience = time.monotonic() + GRACE
        for worker in self._workers:
            try:
                worker.wait(max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        for number, _ in self._processes():  # what they left behind
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def _processes(self) -> list[tuple[int, list[str]]]:
        """Return those of our sessions, with what /proc says after the name: state first."""
        sessions = {str(worker.pid) for worker in self._workers}
        found: list[tuple[int, list[str]]] = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit():
                try:
                    fields = (place / "stat").read_text().rpartition(")")[2].split()
                except OSError:  # it ended meanwhile
                    continue
                if fields[3] in sessions and fields[0] != "Z":
                    found.append((int(place.name), fields))
        return found


def last_line(text: str | bytes | None) -> str:
    """Return the last line of an output that says anything, shortened."""
    decoded = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    lines = [line.strip() for line in decoded.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it said nothing"
