"""The words of the broker contract: what a broker declares, is told and answers."""

from __future__ import annotations

from enum import Enum, Flag, auto

from msgspec import Struct

from headrace.durations import seconds
from headrace.errors import InvalidOption
from headrace.ids import is_valid_id

MIN_LEASE = 0.1
"""Seconds; a shorter lease could not be renewed in time."""


class Capability(Flag):
    """What a broker can do beyond the contract. Declared, never sniffed.

    Examples:
        >>> Capability.SHARED in broker.capabilities
        False
    """

    NONE = 0
    SHARED = auto()
    """It lives outside this process: workers in other processes see the same queue."""
    DURABLE = auto()
    """Accepted jobs outlive this process, and the server's as its settings have it."""
    RUNNING_STATE = auto()
    """`lookup` tells a running job from a queued one; `stats` counts both on every broker."""
    EXACT_CANCEL = auto()
    """`cancel` takes a queued job out at once, not only when it is claimed."""
    EXACT_PURGE = auto()
    """Purging what is ready leaves what is running alone."""
    EXACT_LOOKUP = auto()
    """It finds each job by its id. Without it `enqueue` finds only those that are delayed or final
    (a repeated batch is recognised all the same), and `lookup` and `cancel` take a job that they
    do not find for one that is queued."""


class Held(Enum):
    """What became of a lease that was to be renewed.

    Examples:
        >>> await broker.renew([lease])
        [<Held.OK: 1>]
    """

    OK = auto()
    """Valid for a whole lease, counted from before the request was sent."""
    LOST = auto()
    """Another worker has it, or it is settled, or the job is gone: stop working on it."""
    CANCELLED = auto()
    """Somebody asked to cancel the job. The lease was renewed: stop, and settle it."""


class Cancelled(Enum):
    """What `Broker.cancel` did to one job.

    Examples:
        >>> await broker.cancel("mail", [lease.id, "no-such-job"])
        [<Cancelled.SIGNALLED: 2>, <Cancelled.NOT_FOUND: 3>]
    """

    REMOVED = auto()
    """It will not start (again): its state is `CANCELLED`."""
    SIGNALLED = auto()
    """A worker has it and is told at its next renewal; it is not started again."""
    NOT_FOUND = auto()
    """Unknown, or over already."""


class Control(Enum):
    """What an operator does to a whole queue.

    Examples:
        >>> await broker.control("mail", Control.PAUSE)
        1
    """

    PAUSE = auto()
    """Hand out no more jobs; those running go on. Survives restarts of workers."""
    RESUME = auto()
    """Hand out jobs again; idle workers wake."""
    PURGE_READY = auto()
    """Drop the jobs that wait for a worker."""
    PURGE_DELAYED = auto()
    """Drop the jobs that wait for their time."""
    PURGE_DEAD = auto()
    """Drop the dead letters."""


class QueueSpec(Struct, frozen=True, kw_only=True):
    """A queue as it is declared.

    Attributes:
        name: 1 to 64 of `A-Z a-z 0-9 _ -`.
        lanes: How many priorities, 1 to 16.
        lease: Seconds for which a claimed job belongs to its worker unless renewed. A property of
            the queue, not of a worker: else one with a short lease would rob the others.
        result_ttl: Seconds for which the broker tells of jobs that it ended by itself: cancelled
            or expired. Not compared by `declare`.

    Raises:
        InvalidOption: A value is out of its range.

    Examples:
        >>> await broker.declare(QueueSpec(name="news", lanes=2, lease=60.0))
        QueueSpec(name='news', lanes=2, lease=60.0, result_ttl=600.0)
    """

    name: str
    lanes: int = 3
    lease: float = 30.0
    result_ttl: float = 600.0

    def __post_init__(self) -> None:
        if not is_valid_id(self.name):
            message = f"a queue's name is 1 to 64 of A-Z a-z 0-9 _ -, not {self.name!r}"
            raise InvalidOption(message)
        if not 1 <= self.lanes <= 16:
            message = f"a queue has 1 to 16 lanes, not {self.lanes}"
            raise InvalidOption(message)
        if seconds(self.lease, name="lease") < MIN_LEASE:
            message = f"a lease is at least {MIN_LEASE} s long, not {self.lease}"
            raise InvalidOption(message)
        seconds(self.result_ttl, name="result_ttl")


class QueueStats(Struct, frozen=True, kw_only=True):
    """How full a queue is.

    Attributes:
        ready: Jobs that wait for a worker, for each lane.
        delayed: Jobs that wait for their time.
        running: Jobs that are leased.
        dead: Dead letters.
        paused: Whether it hands out jobs.
        oldest: Seconds for which the oldest ready job has been ready, `None` if there is none.

    Examples:
        >>> stats = await broker.stats("mail")
        >>> stats.ready, stats.running, stats.paused
        ((0, 0, 0), 1, False)
    """

    ready: tuple[int, ...]
    delayed: int
    running: int
    dead: int
    paused: bool
    oldest: float | None = None
