"""One worker process, seen from its supervisor."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from headrace.supervisor.leash import Leash


class WorkerProcess:
    """A worker process on its leash. It starts only once.

    Args:
        command: The worker's command line; `--leash N` is put behind it.
        folder: Its current folder.
        environment: Its environment; `None`: that of this process.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._folder = folder
        self._environment = environment
        self._leash = Leash()
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, `None` before it was started."""
        return None if self._process is None else self._process.pid

    async def start(self) -> Process:
        """Start it, in a session of its own: what a terminal sends reaches the supervisor alone.

        Raises:
            OSError: It cannot be started.
        """
        theirs = self._leash.theirs
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            f"--leash={theirs.fileno()}",
            stdin=DEVNULL,
            cwd=self._folder,
            env=self._environment,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        return self._process

    async def ready(self) -> bool:
        """Wait until it serves.

        Returns:
            Whether it does; if not, it never will.
        """
        return await self._leash.ready()

    def ask_to_stop(self) -> None:
        """Ask it to stop; the second time, to hurry. One that is not up yet will hear it then."""
        self._leash.ask_to_stop()

    def kill(self) -> None:
        """End it at once. Harmless before it was started and after it has ended."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def close(self) -> None:
        """End it at once if it runs, and let go of the leash."""
        self.kill()
        self._leash.close()


def working_folder() -> Path:
    """Return the current folder by the name under which it was entered.

    Where that is a symbolic link, as `current` of a deployment, processes that are started later
    find what it leads to then.
    """
    here, entered = Path.cwd(), Path(os.environ.get("PWD", ""))
    with suppress(OSError):
        if entered.is_absolute() and here.samefile(entered):
            return entered
    return here
