"""The supervisor: it does what the crew says, and tells it what happens."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

from headrace.clock import Clock, SystemClock
from headrace.supervisor.crew import Crew, Limits, Order, Verb
from headrace.supervisor.exit_code import NOT_STARTED, describe
from headrace.supervisor.process import WorkerProcess, working_folder
from headrace.worker.pulse import Pulse
from headrace.worker.signals import Requests, exit_at_once, listening

logger: logging.Logger = logging.getLogger("headrace.supervisor")


class Supervisor:
    """Keeps worker processes running until it is stopped. It runs only once.

    Args:
        command: The command line of one worker; `--leash N` is put behind it.
        limits: How many there should be, and how long to wait for them.
        clock: Where it gets its time from.
        folder: The workers' current folder; that of this process if it is not given.
    """

    def __init__(
        self,
        command: Sequence[str],
        limits: Limits,
        *,
        clock: Clock | None = None,
        folder: Path | None = None,
    ) -> None:
        self._command = command
        self._folder = folder or working_folder()
        self._clock = clock or SystemClock()
        self._crew = Crew(limits)
        self._processes: dict[int, WorkerProcess] = {}
        self._pulse = Pulse(self._clock)
        self._news = False
        self._had_terminal = _has_terminal()

    def stop(self) -> None:
        """Ask all processes to stop; asked again, they hurry. Harmless before and after it runs."""
        self._crew.stop()
        facts = {"processes": len(self._processes)}
        logger.info("worker processes are asked to stop", extra=facts)
        self._happened()

    def roll(self) -> None:
        """Replace one process after the other, each when the new one serves."""
        self._crew.roll()
        self._happened()

    async def run(self) -> int:
        """Keep the processes running until SIGTERM, SIGINT or `stop`; roll at SIGHUP.

        The third signal kills them and ends this process at once. So does a cancellation, without
        the end of this process.

        Returns:
            What the exit code is to say: 0 all stopped in order, 1 some did not, else the code
            with which every one of them refused to start.
        """
        requests = Requests(self.stop, self._end_at_once)
        with listening(requests, self._hung_up):
            async with asyncio.TaskGroup() as group:
                while not self._crew.over:
                    self._news = False
                    for order in self._crew.step(self._clock.monotonic()):
                        self._obey(order, group)
                    await self._pulse.until(lambda: self._news, self._seconds())
        logger.info("supervisor has stopped", extra={"exit_code": self._crew.exit_code})
        return self._crew.exit_code

    def _happened(self) -> None:
        self._news = True
        self._pulse.beat()

    def _seconds(self) -> float | None:
        """Return how long the crew can be left alone."""
        due = self._crew.due()
        return None if due == math.inf else max(0.0, due - self._clock.monotonic())

    def _obey(self, order: Order, group: asyncio.TaskGroup) -> None:
        number = order.number
        match order.verb:
            case Verb.START:
                self._processes[number] = WorkerProcess(self._command, self._folder)
                group.create_task(self._tend(number), name=f"headrace-process-{number}")
            case Verb.STOP:
                self._processes[number].ask_to_stop()
            case Verb.KILL:
                logger.error(
                    "worker process does not stop, it is killed", extra=self._facts(number)
                )
                self._processes[number].kill()

    async def _tend(self, number: int) -> None:
        """Be with a process from its start to its end."""
        process = self._processes[number]
        try:
            code = await self._run_to_end(number, process)
            facts = self._facts(number)
        finally:
            process.close()
            del self._processes[number]
        pause = self._crew.ended(number, code, self._clock.monotonic())
        if pause is not None:
            facts["restart_in"] = round(pause, 3)
        level = logging.INFO if code == 0 and pause is None else logging.WARNING
        logger.log(level, "worker process ended", extra={**facts, **describe(code)})
        self._happened()

    async def _run_to_end(self, number: int, process: WorkerProcess) -> int:
        """Start a process, and return its exit code when it has ended. Cancelled, it ends it."""
        try:
            started = await process.start()
        except OSError as error:
            facts = {**self._facts(number), "error_message": str(error)}
            logger.warning("worker process could not be started", extra=facts)
            return NOT_STARTED
        logger.info("worker process started", extra=self._facts(number))
        try:
            async with asyncio.TaskGroup() as group:
                hearing = group.create_task(self._hear(number, process), name="headrace-leash")
                code = await started.wait()
                hearing.cancel()
        except BaseException:
            process.kill()
            await started.wait()
            raise
        return code

    async def _hear(self, number: int, process: WorkerProcess) -> None:
        if await process.ready():
            logger.info("worker process is ready", extra=self._facts(number))
            self._crew.ready(number, self._clock.monotonic())
            self._happened()

    def _facts(self, number: int) -> dict[str, object]:
        return {"number": number, "pid": self._processes[number].pid}

    def _hung_up(self) -> None:
        """Heed a SIGHUP: one that comes because the terminal is gone asks to stop, and once."""
        if _has_terminal() or not self._had_terminal:
            self.roll()
        elif not self._crew.stopping:
            self.stop()

    def _end_at_once(self) -> None:
        for process in self._processes.values():
            process.kill()
        exit_at_once()


def _has_terminal() -> bool:
    return any(map(os.isatty, (0, 1, 2)))
