"""The names of everything that a queue has on the server."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b

from headrace.ids import is_valid_id
from headrace.job import Lease


class Kind(StrEnum):
    """Where a job is: the third token of its subject."""

    READY = "r"
    """Waits for a worker, or has one."""
    DELAYED = "d"
    """Waits for its time."""
    DEAD = "x"
    """A dead letter."""
    OVER = "s"
    """How it ended, while that is kept."""


DELAYED_COUNTER = "delayed"
DEAD_COUNTER = "dead"
"""Consumers from which nobody reads: what is pending for them is the count."""


TOKENS = 5
"""Of a job's own subject: prefix, queue, kind, lane, id."""

_KINDS = frozenset(Kind)

_LANES = {str(lane): lane for lane in range(16)}
"""As many as a queue may have, by the token of a subject."""


class Subjects:
    """Names of one queue. A job's own end in its lane and its id.

    Args:
        prefix: What all names begin with, of every queue.
        queue: The queue's name.
    """

    def __init__(self, prefix: str, queue: str) -> None:
        self.stream: str = f"{prefix}_{queue}"
        self.root: str = f"{prefix}.{queue}"

    def of(self, kind: Kind, lane: int, job_id: str) -> str:
        """Where a job is kept."""
        return f"{self.root}.{kind}.{lane}.{job_id}"

    def leased(self, lease: Lease) -> str:
        """Where a job is kept while somebody has it."""
        return self.of(Kind.READY, lease.priority, lease.id)

    def anywhere(self, job_id: str) -> str:
        """Matches a job wherever it is."""
        return f"{self.root}.*.*.{job_id}"

    def somewhere(self, kind: Kind, job_id: str) -> str:
        """Matches a job in any lane."""
        return f"{self.root}.{kind}.*.{job_id}"

    def lane(self, lane: int) -> str:
        """Matches what is ready in a lane."""
        return f"{self.root}.{Kind.READY}.{lane}.*"

    def all(self, kind: Kind) -> str:
        """Matches everything of a kind."""
        return f"{self.root}.{kind}.>"

    def mark(self, job_id: str) -> str:
        """Where it is noted that a job is to be cancelled."""
        return f"{self.root}.c.{job_id}"

    def beat(self, job_id: str) -> str:
        """Where renewals of a lease are noted."""
        return f"{self.root}.h.{job_id}"

    def key(self, unique: str) -> str:
        """Where the holder of a unique key is noted: the key may be of any letters and length."""
        return f"{self.root}.k.{blake2b(unique.encode(), digest_size=16).hexdigest()}"

    @property
    def marks(self) -> str:
        """Matches every note of a cancellation."""
        return f"{self.root}.c.*"


def consumer_of(lane: int) -> str:
    """Return the name of the consumer that serves a lane."""
    return f"lane-{lane}"


def id_of(subject: str) -> str:
    """Return the id of a job from its own subject."""
    return subject.rpartition(".")[2]


def place_of(subject: str) -> tuple[int, str] | None:
    """Return the lane and the id of a job from its own subject; `None`: it is not one.

    Of what came from a lane somebody else may have chosen the id.
    """
    tokens = subject.split(".")
    lane = _LANES.get(tokens[3]) if len(tokens) == TOKENS else None
    return None if lane is None else (lane, tokens[4])


def parse(subject: str) -> tuple[Kind, int, str] | None:
    """Return the kind, the lane and the id of a job's own subject; `None`: it is not one."""
    place = place_of(subject)
    kind = subject.split(".")[2] if place is not None else ""
    if place is None or kind not in _KINDS or not is_valid_id(place[1]):
        return None
    return Kind(kind), *place
