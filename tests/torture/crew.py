"""Workers as anybody starts them, each with a way of its own to the broker."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tests.proxy import Proxy
from tests.torture.ledger import Ledger

PATIENCE = 30.0
"""Seconds after which a worker that was asked to end is given up."""


class Hand(Struct, eq=False):
    """A worker process and its way to the broker.

    Attributes:
        process: The worker.
        way: Its own.
        struck: Whether something is being done to it, which nothing else should disturb.
    """

    process: subprocess.Popen[bytes]
    way: Proxy
    struck: bool = False

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None


class Crew:
    """So many worker processes: for each that is gone comes another one.

    Args:
        size: How many.
        command: What runs one.
        environment: What tells it where to work, by the URL of its way to the broker.
        way: Makes a way to the broker.
        logs: Where their logs go.
        ledger: Where it is written down what is done to them.
        start: Starts a process.

    Attributes:
        hands: Those that were not seen to have ended.
    """

    def __init__(
        self,
        size: int,
        command: Sequence[str],
        environment: Callable[[str], Mapping[str, str]],
        way: Callable[[], Proxy],
        logs: Path,
        ledger: Ledger,
        start: type[subprocess.Popen[bytes]] = subprocess.Popen,
    ) -> None:
        self._size = size
        self._command = command
        self._environment = environment
        self._way = way
        self._logs = logs
        self._ledger = ledger
        self._popen = start
        self._count = 0
        self._filling = asyncio.Lock()
        self.hands: list[Hand] = []

    async def fill(self) -> None:
        """Note who has ended, and start others in their place."""
        async with self._filling:
            for hand in [hand for hand in self.hands if not hand.lives]:
                self._note_end(hand)
                self.hands.remove(hand)
                await hand.way.__aexit__()
            while len(self.hands) < self._size:
                self.hands.append(await self._start())

    async def _start(self) -> Hand:
        way = self._way()
        await way.__aenter__()
        return Hand(self._spawn(way.url), way)

    def _spawn(self, url: str) -> subprocess.Popen[bytes]:
        self._count += 1
        with (self._logs / f"worker-{self._count}.log").open("wb") as log:
            environment = {**os.environ, **self._environment(url)}
            return self._popen(self._command, env=environment, stdout=log, stderr=log)

    def _note_end(self, hand: Hand) -> None:
        code = hand.process.wait()
        if code == -signal.SIGKILL:
            self._ledger.note("killed", victim=hand.pid)
        else:
            self._ledger.note("exited", victim=hand.pid, outcome=str(code))

    def one(self, share: float) -> Hand | None:
        """Return one to which nothing is being done, by a number from 0 up to 1."""
        living = [hand for hand in self.hands if hand.lives and not hand.struck]
        return living[int(share * len(living))] if living else None

    async def kill(self, hand: Hand) -> None:
        """Kill a worker: what it has written is written."""
        hand.process.kill()
        hand.process.wait()
        await self.fill()

    def freeze(self, hand: Hand) -> None:
        """Let a worker stand still."""
        hand.struck = True
        self._ledger.note("stopped", victim=hand.pid)
        hand.process.send_signal(signal.SIGSTOP)

    def thaw(self, hand: Hand) -> None:
        """Let it go on."""
        hand.process.send_signal(signal.SIGCONT)
        self._ledger.note("continued", victim=hand.pid)
        hand.struck = False

    def cut_off(self, hand: Hand) -> None:
        """Let nothing pass between a worker and the broker, and nobody know."""
        hand.struck = True
        self._ledger.note("cut off", victim=hand.pid)
        hand.way.black_hole()

    def reach(self, hand: Hand) -> None:
        """Let everything pass again."""
        hand.way.heal()
        self._ledger.note("reached", victim=hand.pid)
        hand.struck = False

    async def ask_to_end(self, *hands: Hand, times: int = 1) -> None:
        """Ask workers to end, a few times, and wait until they have."""
        for hand in hands:
            hand.struck = True
            for _ in range(times):
                self._ledger.note("asked to end", victim=hand.pid)
                hand.process.terminate()
        await asyncio.gather(*(self._ended(hand) for hand in hands))

    async def _ended(self, hand: Hand) -> None:
        try:
            await asyncio.to_thread(hand.process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            hand.process.kill()

    async def end(self) -> None:
        """Ask all of them to end, and start no other ones."""
        self._size = 0
        await self.fill()
        await self.ask_to_end(*self.hands)
        await self.fill()

    async def destroy(self) -> None:
        """Kill those that are still there, whatever state they are in."""
        for hand in self.hands:
            hand.process.kill()
            hand.process.wait()
            await hand.way.__aexit__()
        self.hands.clear()

    def sample(self) -> None:
        """Note what each worker holds of the machine."""
        for hand in self.hands:
            folder = Path("/proc", str(hand.pid))
            try:
                descriptors = len(list((folder / "fd").iterdir()))
                threads = len(list((folder / "task").iterdir()))
                pages = int((folder / "statm").read_text().split()[1])
            except (OSError, IndexError):  # it has just ended
                continue
            self._ledger.note(
                "sample",
                victim=hand.pid,
                connections=hand.way.accepted,
                descriptors=descriptors,
                threads=threads,
                memory=pages * os.sysconf("SC_PAGESIZE"),
            )
