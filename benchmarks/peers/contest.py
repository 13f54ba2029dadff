"""A run: every peer in turn, then every peer again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from msgspec import Struct

from benchmarks.peers.catalogue import Peer
from benchmarks.peers.course import Course
from benchmarks.peers.environment import MissingEnvironmentError, prepared
from benchmarks.peers.figures import Figures
from benchmarks.peers.ground import Ground, MissingServerError
from benchmarks.peers.processes import Contestant, PeerFailedError
from benchmarks.peers.sizes import Sizes
from headrace.bench.machine import this_machine
from headrace.bench.record import Record, Variant

T = TypeVar("T")


class Terms(Struct, frozen=True, kw_only=True):
    """What a run is asked for.

    Attributes:
        peers: Who takes part.
        repetitions: How often everything is measured.
        sizes: How much.
        command: What repeats it.
    """

    peers: list[Peer]
    repetitions: int
    sizes: Sizes
    command: str


def interleaved(peers: Sequence[T], repetitions: int) -> Iterator[tuple[int, T]]:
    """Yield each peer once for each repetition, with its number from 1 on.

    Whatever the machine does for a minute meets all of them alike. Each repetition begins with
    another peer, so that nobody always follows the same one.
    """
    for repetition in range(repetitions):
        first = repetition % len(peers) if peers else 0
        for peer in [*peers[first:], *peers[:first]]:
            yield repetition + 1, peer


class Contest:
    """One run, and what it has found so far.

    Args:
        terms: What it is asked for.
        ground: The servers.
        say: Tells a person what goes on.
    """

    def __init__(self, terms: Terms, ground: Ground, say: Callable[[str], None]) -> None:
        self._terms = terms
        self._ground = ground
        self._say = say
        self._figures = Figures()
        self._notes: list[str] = []
        self._versions: dict[str, str] = {}
        self._finished = False
        self._began, self._load = time.time(), os.getloadavg()[0]

    def run(self) -> None:
        """Measure. When it is interrupted, what was measured so far remains."""
        courses = {
            peer.subject: course for peer in self._terms.peers for course in self._enter(peer)
        }
        for repetition, subject in interleaved(list(courses), self._terms.repetitions):
            self._repeat(repetition, subject, courses[subject])
        self._finished = True

    @property
    def record(self) -> Record:
        """What it has found so far."""
        sizes = self._terms.sizes
        settings: Variant = {
            "repetitions": self._terms.repetitions,
            "concurrency": 100,
            "pinned": str(self._ground.pinned),
            "deepest backlog": sizes.deepest,
            "load": sizes.load,
            "rests": sizes.rests,
        }
        return Record(
            began=self._began,
            took=time.time() - self._began,
            complete=self._finished and not self._notes,
            command=self._terms.command,
            machine=this_machine(),
            versions={**self._ground.versions, **self._versions},
            settings=settings,
            load=(self._load, os.getloadavg()[0]),
            notes=self._notes,
            series=self._figures.series,
        )

    def _enter(self, peer: Peer) -> list[Course]:
        """Return a peer's course once it has worked off a first backlog; else none, and a note."""
        self._say(f"{peer.subject}: warming up")
        try:
            environment = prepared(peer)
            url = self._ground.url(peer.server)
            gauge = self._ground.folder / f"{peer.subject}.gauge"
            contestant = Contestant(peer, environment, url, gauge)
            course = Course(contestant, lambda: self._ground.wipe(peer.server), self._terms.sizes)
            course.warm_up()
        except (MissingEnvironmentError, MissingServerError, PeerFailedError) as error:
            self._note(f"{peer.subject} was left out: {error}")
            return []
        told = {"python": environment.python, **environment.versions}
        self._versions |= {f"{peer.folder}: {name}": one for name, one in told.items()}
        return [course]

    def _repeat(self, repetition: int, subject: str, course: Course) -> None:
        for name, measure in course.workloads():
            self._say(f"{repetition} of {self._terms.repetitions}: {subject}, {name}")
            try:
                for figure in measure():
                    self._figures.add(subject, figure)
            except PeerFailedError as error:
                self._note(f"{subject}, {name}, repetition {repetition}: {error}")

    def _note(self, note: str) -> None:
        self._say(note)
        self._notes.append(note)
