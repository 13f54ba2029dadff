"""Where the commands of a page are typed: a folder, an environment, processes."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Self, TypeAlias

Process: TypeAlias = subprocess.Popen[str]

PATIENCE = 120.0
"""Seconds that one command may take, and the processes beside it to end."""

LEFT_OUT = ("HEADRACE_", "PYTHON", "VIRTUAL_ENV")


class Terminal:
    """Runs commands in a folder, and ends in the end what runs beside them.

    Args:
        folder: Where they run.
        binaries: Of the environment that is active.
        log: Where the processes beside the commands write to.

    Attributes:
        log: That file.
        codes: Exit codes of these processes, when all has ended.
        early: How many of them had ended before they were asked to.
    """

    def __init__(self, folder: Path, binaries: Path, log: Path) -> None:
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
        path = f"{binaries}{os.pathsep}{kept['PATH']}"
        self._environment = {**kept, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self._beside: list[Process] = []
        self.log = log
        self.codes: list[int] = []
        self.early = 0

    def enter(self, command: str) -> str:
        """Run a command to its end and return what it printed; one that ends in `&` is begun.

        Raises:
            AssertionError: It failed; the message has its errors, and what else was written.
        """
        words = shlex.split(command)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._environment[name] = value
            return ""
        if words[-1] == "&":
            self._begin(words[:-1])
            return ""
        process = self._start(words, subprocess.PIPE, subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        assert process.returncode == 0, f"{command}\n{out}\n{err}\nbeside it:\n{self._written()}"
        return out

    def __enter__(self) -> Self:
        """Begin with an empty log."""
        self.log.write_text("")
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End what still runs."""
        self.early = sum(process.poll() is not None for process in self._beside)
        for process in self._beside:
            process.send_signal(signal.SIGTERM)
        self.codes = [self._ended(process) for process in self._beside]

    def _ended(self, process: Process) -> int:
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()

    def _begin(self, words: list[str]) -> None:
        with self.log.open("a") as log:
            self._beside.append(self._start(words, log.fileno(), subprocess.STDOUT))

    def _start(self, words: list[str], out: int, err: int) -> Process:
        return subprocess.Popen(
            words,
            executable=self._found(words[0]),
            cwd=self._folder,
            env=self._environment,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )

    def _found(self, name: str) -> str:
        """Find a command on our own path, not on that of the process which starts it."""
        for place in self._environment["PATH"].split(os.pathsep):
            if (Path(place) / name).exists():
                return str(Path(place) / name)
        raise FileNotFoundError(name)

    def _written(self) -> str:
        return self.log.read_text(errors="replace")
