"""Which cores the server, the producer and the workers get."""

from __future__ import annotations

import os
from collections.abc import Collection

from msgspec import Struct


class Placement(Struct, frozen=True):
    """Cores that nobody shares.

    Attributes:
        server: The server's.
        producer: The producer's; on a broker in this process the worker's too.
        workers: Those of worker processes.
    """

    server: frozenset[int]
    producer: frozenset[int]
    workers: frozenset[int]

    @property
    def note(self) -> str:
        """What a reader of the record must know."""
        return (
            f"pinned: the server to core {_words(self.server)}, the producer to "
            f"{_words(self.producer)}, worker processes to {_words(self.workers)}"
        )


UNPINNED = "nothing is pinned: server, producer and workers share the cores"


def placement(cores: Collection[int]) -> Placement | None:
    """Return who gets which of these cores, `None` if there is not one for each."""
    server, producer, *workers = [*sorted(cores), -1, -1][: max(2, len(cores))]
    if not workers:
        return None
    return Placement(frozenset([server]), frozenset([producer]), frozenset(workers))


def own_cores() -> Collection[int]:
    """Return the cores that this process may use, none where they cannot be chosen."""
    affinity = getattr(os, "sched_getaffinity", None)
    return affinity(0) if affinity is not None else ()


def _words(cores: Collection[int]) -> str:
    return ", ".join(map(str, sorted(cores)))
