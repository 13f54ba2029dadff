"""Who takes part, and by which command its workers are started."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ONE_CALL = ("sequential",)  # of peers whose calls block
ALL_WAYS = ("sequential", "gathered", "bulk")
CALLS = ("sequential", "gathered")  # of peers without a call for many jobs


class Peer(Struct, frozen=True, kw_only=True):
    """One that takes part.

    Attributes:
        subject: Its name in records.
        folder: Where its `app.py` and its `requirements.txt` are; several peers may share one.
        server: What it runs on.
        worker: The command that its documentation names, for one process with 100 jobs at a time.
        ways: How it can enqueue, slowest first; the last one fills backlogs.
        python: The oldest that it runs on.
    """

    subject: str
    folder: str
    server: Literal["redis", "nats"]
    worker: tuple[str, ...]
    ways: tuple[str, ...] = CALLS
    python: tuple[int, int] = (3, 11)


_HEADRACE = ("headrace", "worker", "app:queue", "-c", "100", "--log-level", "error")
_REPID = ("python", "app.py", "work")
_TASKIQ = (
    *("taskiq", "worker", "app:broker", "--workers", "1", "--max-async-tasks", "100"),
    *("--no-parse", "--log-level", "ERROR"),
)
_CELERY = (
    *("celery", "--app", "app", "worker", "--pool", "gevent", "--concurrency", "100"),
    *("--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"),
)
_FASTSTREAM = ("faststream", "run", "app:app", "--log-level", "error")

PEERS = (
    Peer(
        subject="headrace-redis", folder="headrace", server="redis", worker=_HEADRACE, ways=ALL_WAYS
    ),
    Peer(
        subject="headrace-nats", folder="headrace", server="nats", worker=_HEADRACE, ways=ALL_WAYS
    ),
    Peer(
        subject="ardiq",
        folder="ardiq",
        server="redis",
        worker=("ardiq", "run", "app:app", "--quiet"),
        ways=ALL_WAYS,
        python=(3, 12),
    ),
    Peer(subject="repid-redis", folder="repid", server="redis", worker=_REPID),
    Peer(subject="repid-nats", folder="repid", server="nats", worker=_REPID),
    Peer(subject="taskiq-redis", folder="taskiq", server="redis", worker=_TASKIQ),
    Peer(subject="taskiq-nats", folder="taskiq", server="nats", worker=_TASKIQ),
    Peer(subject="saq", folder="saq", server="redis", worker=("saq", "app.settings", "--quiet")),
    Peer(
        subject="arq",
        folder="arq",
        server="redis",
        worker=("arq", "app.WorkerSettings", "--custom-log-dict", "app.quiet"),
    ),
    Peer(
        subject="streaq",
        folder="streaq",
        server="redis",
        worker=("streaq", "run", "app:worker"),
        ways=ALL_WAYS,
    ),
    Peer(subject="docket", folder="docket", server="redis", worker=("python", "app.py", "work")),
    Peer(
        subject="dramatiq",
        folder="dramatiq",
        server="redis",
        worker=("dramatiq", "app", "--processes", "1", "--threads", "100", "--skip-logging"),
        ways=ONE_CALL,
    ),
    Peer(subject="celery", folder="celery", server="redis", worker=_CELERY, ways=ONE_CALL),
    Peer(subject="faststream-redis", folder="faststream", server="redis", worker=_FASTSTREAM),
    Peer(subject="faststream-nats", folder="faststream", server="nats", worker=_FASTSTREAM),
)
"""In the order of a run's first repetition."""


def chosen(subjects: list[str] | None) -> list[Peer]:
    """Return the peers of some names, all if none is given.

    Args:
        subjects: Names of peers, or of folders for all peers in them.

    Raises:
        LookupError: There is none of a name.
    """
    if not subjects:
        return list(PEERS)
    known = {peer.subject for peer in PEERS} | {peer.folder for peer in PEERS}
    unknown = sorted(set(subjects) - known)
    if unknown:
        message = f"no peer is called {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        raise LookupError(message)
    return [peer for peer in PEERS if peer.subject in subjects or peer.folder in subjects]
