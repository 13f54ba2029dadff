"""Workers as anybody starts them, and what is done to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.torture.ledger import Ledger

WORKER = "tests.torture.worker_app:queue"


class Crew:
    """Worker processes by the shipped command.

    Args:
        folder: Where their logs go.
        environment: What tells them where to work.
        ledger: Where it is written down what is done to them.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], ledger: Ledger) -> None:
        self._folder = folder
        self._environment = {**os.environ, **environment}
        self._ledger = ledger
        self._count = 0
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        self._count += 1
        with (self._folder / f"worker-{self._count}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "headrace", "worker", WORKER, *options],
                env=self._environment,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker: what it has written is written."""
        worker.kill()
        worker.wait()
        self._ledger.note("killed", victim=worker.pid)
        self.workers.remove(worker)

    def freeze(self, worker: subprocess.Popen[bytes]) -> None:
        """Let a worker stand still."""
        worker.send_signal(signal.SIGSTOP)
        self._ledger.note("stopped", victim=worker.pid)

    def thaw(self, worker: subprocess.Popen[bytes]) -> None:
        """Let it go on."""
        self._ledger.note("continued", victim=worker.pid)
        worker.send_signal(signal.SIGCONT)

    def bury(self) -> int:
        """Forget workers that ended by themselves, and say how many."""
        ended = [worker for worker in self.workers if worker.poll() is not None]
        for worker in ended:
            if worker.returncode < 0:
                self._ledger.note("killed", victim=worker.pid)
            self.workers.remove(worker)
        return len(ended)

    def end(self) -> None:
        """Stop all of them."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()
        for worker in self.workers:
            worker.wait(30)
        self.workers.clear()
