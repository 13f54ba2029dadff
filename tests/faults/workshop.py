"""An app that real processes load, and the processes: workers by the shipped command, producers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from headrace import Queue
from headrace.job import JobInfo

ROOT = Path(__file__).parents[2]


class Workshop:
    """A folder with an app, a queue on a server, and the processes that were started there.

    Args:
        folder: For the app, its ledger and the logs.
        app: The text of the module; it finds its queue's name, its lease and its ledger in the
            environment.
        url: Of the server.
        name: Of the queue.
        lease: Of the queue, in seconds.
    """

    def __init__(self, folder: Path, app: str, url: str, name: str, lease: float) -> None:
        self.folder = folder
        self.ledger = folder / "ledger"
        self.ledger.touch()
        (folder / "app.py").write_text(textwrap.dedent(app))
        self.queue = Queue(url, name=name, lease=lease)
        self.lease = lease
        settings = {"QUEUE": name, "LEASE": str(lease), "LEDGER": str(self.ledger)}
        settings["PYTHONPATH"] = str(ROOT)
        self._environment = {**os.environ, "HEADRACE_URL": url, **settings}
        self.processes: list[subprocess.Popen[bytes]] = []

    def worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker by the command that anybody would use."""
        return self.run("-m", "headrace", "worker", "app:queue", *options, **environment)

    def run(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start Python in the folder."""
        with (self.folder / f"log-{len(self.processes)}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=self._environment | environment,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.ledger.read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    async def until(self, condition: Callable[[], bool], within: float = 60.0) -> None:
        """Look at the ledger until it says so."""
        async with asyncio.timeout(within):
            while not condition():
                await self.queue.broker.clock.sleep(0.02)

    async def infos(self, ids: list[str]) -> list[JobInfo | None]:
        return await self.queue.broker.lookup(self.queue.name, ids)

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("log-*")))


@asynccontextmanager
async def opened(shop: Workshop) -> AsyncGenerator[Workshop]:
    """Open its queue, and kill in the end what was started."""
    try:
        async with shop.queue:
            yield shop
    finally:
        for process in shop.processes:
            process.kill()
            process.wait()
