"""A terminal of a user: commands are typed, one after the other, and what they print is read."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import IO

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
"""Where commands are looked for: what is installed here first."""

PATIENCE = 60.0
"""Seconds for which the next line of a program is waited for."""


class Terminal:
    """Runs one program at a time, with everything that is installed here on its path.

    Args:
        folder: Where the commands are typed.
        environment: What is set beyond this process's environment.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment = {
            **os.environ,
            "PATH": PATH,
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._folder = folder
        self._program: subprocess.Popen[str] | None = None
        self._lines: SimpleQueue[str | None] = SimpleQueue()

    @property
    def busy(self) -> bool:
        """Whether a program was started whose end nobody has waited for."""
        return self._program is not None

    def type(self, command: str) -> None:
        """Start a command; variables may be set in front of it, as in `NAME=value command`."""
        assert not self.busy, "one program at a time"
        self._program = subprocess.Popen(
            ["env", *shlex.split(command)],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines = SimpleQueue()
        # Read at once, or a program that says much would stop when the pipe is full.
        reading = threading.Thread(
            target=_read, args=(self._program.stdout, self._lines), daemon=True
        )
        reading.start()

    def read(self) -> str | None:
        """Return the next line that the program prints, or `None` when it has ended.

        Raises:
            queue.Empty: It prints nothing for a long time.
        """
        return self._lines.get(timeout=PATIENCE)

    def read_until(self, text: str) -> list[str]:
        """Read lines up to one with this text, and return all that were read."""
        lines: list[str] = []
        while not lines or text not in lines[-1]:
            line = self.read()
            assert line is not None, f"the program ended and said {lines}"
            lines.append(line)
        return lines

    def end(self) -> tuple[int, list[str]]:
        """Wait until the program has ended, and return its exit code and the rest of its lines."""
        assert self._program is not None
        lines = list(iter(self.read, None))
        code = self._program.wait(PATIENCE)
        self._program = None
        return code, lines

    def run(self, command: str) -> list[str]:
        """Run a command that ends by itself, and well; return its lines."""
        self.type(command)
        code, lines = self.end()
        assert code == 0, lines
        return lines

    def interrupt(self) -> tuple[int, list[str]]:
        """Press Ctrl-C, and return as `end`."""
        assert self._program is not None
        os.killpg(self._program.pid, signal.SIGINT)
        return self.end()

    def close(self) -> None:
        """Kill the program that still runs, and all that it started."""
        if self._program is not None:
            os.killpg(self._program.pid, signal.SIGKILL)
            self.end()


def _read(pipe: IO[str], lines: SimpleQueue[str | None]) -> None:
    with pipe:
        for line in pipe:
            lines.put(line.rstrip("\n"))
    lines.put(None)
