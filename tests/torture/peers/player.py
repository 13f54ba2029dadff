"""The process that plays a plan through a peer's client, and what it answers in the end."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from tests.torture.peers.plan import Planned


class Player:
    """A process that enqueues jobs. Use it as a context manager.

    Args:
        python: Of the peer's environment.
        app: The module that is the client.
        environment: What tells it where to.
        place: Where its files go.
        patience: Seconds in which everything must be over when everything is healed.
    """

    def __init__(
        self, python: Path, app: str, environment: Mapping[str, str], place: Path, patience: float
    ) -> None:
        self._plan, self._answers = place / "plan.json", place / "answers.json"
        self._log = place / "client.log"
        files = [str(self._plan), str(self._answers)]
        self._command = [str(python), "-m", app, *files, str(patience)]
        self._environment = {**os.environ, **environment}

    def play(self, plan: Sequence[Planned]) -> Self:
        """Begin."""
        self._plan.write_bytes(msgspec.json.encode(plan))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    async def answers(self) -> dict[str, Any]:
        """Say that all is healed, and return what became of the jobs, by id.

        Raises:
            RuntimeError: It ended without an answer; its log says why.
        """
        await asyncio.to_thread(self._process.communicate, b"\n")
        if not self._answers.exists():
            message = f"the client has no answer: see {self._log}"
            raise RuntimeError(message)
        found: dict[str, Any] = msgspec.json.decode(self._answers.read_bytes())
        return found
