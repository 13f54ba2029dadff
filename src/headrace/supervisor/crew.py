"""Which worker processes there should be: facts and the time in, orders out. Nothing here acts."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator
from enum import Enum, auto

from msgspec import Struct

from headrace.supervisor.exit_code import FINAL
from headrace.supervisor.restart import failures, pause

logger: logging.Logger = logging.getLogger("headrace.supervisor")

MARGIN = 10.0
"""Seconds beyond the grace that a process gets to end before it is killed."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a crew was asked to be.

    Attributes:
        processes: How many there should be.
        grace: Seconds for which a process may go on after it was asked to stop.
        patience: Seconds that a new process gets to be ready when it is to replace an old one.
    """

    processes: int
    grace: float = 25.0
    patience: float = 60.0


class Verb(Enum):
    """What is to be done about a process."""

    START = auto()
    STOP = auto()
    """Ask it to stop; asked a second time, it hurries."""
    KILL = auto()


class Order(Struct, frozen=True):
    """One thing to do.

    Attributes:
        verb: What.
        number: To which process: each start has a number of its own.
    """

    verb: Verb
    number: int


class _Member(Struct, eq=False):
    """A process, from the order to start it until it has ended."""

    number: int
    place: int
    started: float
    ready: float | None = None
    retired: bool = False
    asked: int = 0
    deadline: float = math.inf


class _Place(Struct, eq=False):
    """One of the places to fill. A vacant one is filled when it is due."""

    member: _Member | None = None
    failures: int = 0
    due: float = -math.inf
    refusal: int | None = None


class Crew:
    """The worker processes of one supervisor. Tell it what happens, and do what `step` says.

    - A process that ends unasked is started again, after a pause that grows.
    - Until one was ever ready, a process that ends with a final code is not tried again. When all
      have ended so, the crew is `over`.
    - `roll` replaces one process after the other: the old one is asked to stop when the new one
      is ready. A new one that does not come up ends the roll, and the old ones stay.
    - `stop` asks all of them to stop. One that does not end in time is killed.

    Args:
        limits: What it was asked to be.
        chance: Returns a random number from 0 up to 1.
    """

    def __init__(self, limits: Limits, chance: Callable[[], float] = random.random) -> None:
        self._limits = limits
        self._chance = chance
        self._places = [_Place() for _ in range(limits.processes)]
        self._members: dict[int, _Member] = {}
        self._candidate: _Member | None = None
        self._to_roll: list[int] = []
        self._starts = 0
        self._requests = 0
        self._was_ready = False
        self._forced = False

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._requests > 0

    @property
    def over(self) -> bool:
        """Whether no process is left and none will be started."""
        return not self._members and (
            self.stopping or all(place.refusal is not None for place in self._places)
        )

    @property
    def exit_code(self) -> int:
        """What the supervisor's exit code says once the crew is over.

        0: it was asked to stop, and every process that had been ready stopped in order. 1: one did
        not. Else the highest code with which processes refused to start.
        """
        if self.stopping:
            return int(self._forced)
        return max(place.refusal or 0 for place in self._places)

    def stop(self) -> None:
        """Note a request to stop; the second one hurries."""
        self._requests += 1
        self._to_roll.clear()

    def roll(self) -> None:
        """Note a request to replace every process. One that comes during a roll begins it anew."""
        if not self.stopping:
            self._to_roll = list(range(len(self._places)))
            logger.info("worker processes are replaced", extra={"processes": len(self._places)})

    def ready(self, number: int, now: float) -> None:
        """Note that a process serves."""
        self._members[number].ready = now
        if self._was_ready:
            return
        # Whoever was refused before is worth another try: this one was not.
        self._was_ready = True
        for place in self._places:
            if place.refusal is not None:
                self._vacate(place, None, now)

    def ended(self, number: int, code: int, now: float) -> float | None:
        """Note that a process has ended.

        Args:
            number: Which.
            code: As `subprocess` has it: a signal is a negative number.
            now: By a clock that does not go back.

        Returns:
            Seconds until another one is started in its place; `None`: none is because of this end.
        """
        member = self._members.pop(number)
        place = self._places[member.place]
        if self.stopping:
            self._forced |= code != 0 and member.ready is not None
        if self.stopping or place.member is not member:
            return None
        place.member = None
        if code in FINAL and not self._was_ready:
            place.refusal = code
            return None
        return self._vacate(place, member.ready, now)

    def step(self, now: float) -> list[Order]:
        """Return what is to be done now. It counts as done: the next call does not repeat it."""
        starts = [] if self.stopping else [*self._rolled(now), *self._filled(now)]
        return [*starts, *self._asked(now), *self._overdue(now)]

    def due(self) -> float:
        """Return when `step` has something to do if nothing happens before; infinity: never."""
        moments = [member.deadline for member in self._members.values()]
        if not self.stopping:
            moments += [place.due for place in self._vacant()]
            if self._candidate is not None:
                moments.append(self._candidate.started + self._limits.patience)
        return min(moments, default=math.inf)

    def _vacate(self, place: _Place, ready: float | None, now: float) -> float:
        """Have a place filled again after a pause."""
        place.refusal = None
        place.failures = failures(place.failures, None if ready is None else now - ready)
        seconds = pause(place.failures, self._chance)
        place.due = now + seconds
        return seconds

    def _vacant(self) -> Iterator[_Place]:
        """Yield the places to fill. One for which a roll is starting a process is none."""
        candidate = self._candidate
        for index, place in enumerate(self._places):
            if place.member is None and place.refusal is None:
                if candidate is None or candidate.place != index:
                    yield place

    def _start(self, place: int, now: float) -> _Member:
        self._starts += 1
        member = self._members[self._starts] = _Member(self._starts, place, now)
        return member

    def _filled(self, now: float) -> Iterator[Order]:
        for place in list(self._vacant()):
            if place.due <= now:
                place.member = self._start(self._places.index(place), now)
                yield Order(Verb.START, place.member.number)

    def _rolled(self, now: float) -> Iterator[Order]:
        """Take a roll as far as it goes now."""
        candidate = self._candidate
        if candidate is not None:
            if candidate.number not in self._members:
                self._call_off(candidate)
            elif candidate.ready is not None:
                self._replace(candidate)
            elif now >= candidate.started + self._limits.patience:
                self._call_off(candidate)
        if self._candidate is None and self._to_roll:
            self._candidate = self._start(self._to_roll.pop(0), now)
            yield Order(Verb.START, self._candidate.number)

    def _replace(self, candidate: _Member) -> None:
        """Give a new process its place, and retire the old one if it is there."""
        place = self._places[candidate.place]
        if place.member is not None:
            place.member.retired = True
        place.member, place.failures, place.refusal = candidate, 0, None
        self._candidate = None
        if not self._to_roll:
            logger.info("all worker processes were replaced")

    def _call_off(self, candidate: _Member) -> None:
        """End a roll whose new process did not come up."""
        candidate.retired = True
        self._candidate = None
        self._to_roll.clear()
        logger.error(
            "new worker process did not come up, the old ones stay",
            extra={"number": candidate.number},
        )

    def _asked(self, now: float) -> Iterator[Order]:
        for member in self._members.values():
            # One that a roll retired was asked once: the supervisor's first request is no second.
            while member.asked < max(min(self._requests, 2), int(member.retired)):
                member.asked += 1
                grace = self._limits.grace if member.asked == 1 else 0.0
                member.deadline = now + grace + MARGIN
                yield Order(Verb.STOP, member.number)

    def _overdue(self, now: float) -> Iterator[Order]:
        for member in self._members.values():
            if now >= member.deadline:
                member.deadline = math.inf
                yield Order(Verb.KILL, member.number)
