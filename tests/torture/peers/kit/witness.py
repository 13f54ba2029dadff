"""Writes the lines that `tests.torture.ledger` reads, where its libraries are missing."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

CHILD = "TORTURE_CHILD"
"""Set where the command that is tortured runs jobs in a child: its events bear the parent's pid."""


class Witness:
    """Takes down the events of this process, each with one write: a SIGKILL does not undo a line.

    Args:
        folder: Of the ledger.

    Attributes:
        process: The pid that its events bear.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._file = os.open(folder / f"{os.getpid()}.jsonl", flags, 0o600)
        self.process = os.getppid() if os.environ.get(CHILD) else os.getpid()
        if self.process != os.getpid():
            self._succeed(folder / f"{self.process}.child")

    @classmethod
    def here(cls) -> Witness:
        """Return the one that the environment asks for."""
        return cls(Path(os.environ["TORTURE_FOLDER"]))

    def _succeed(self, mark: Path) -> None:
        """Note the end of the child that this one replaces: its parent tells nobody."""
        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            self.note("exited", victim=self.process, outcome="child")

    def note(self, kind: str, **facts: Any) -> None:
        """Write an event down."""
        event = {"kind": kind, "at": time.monotonic(), "process": self.process, **facts}
        os.write(self._file, json.dumps(event).encode() + b"\n")
