"""What the memory broker does for each job."""

from __future__ import annotations

from functools import partial
from itertools import count

from benchmarks.micro.producing import call, queue, send_email
from benchmarks.micro.subject import Round, Subject
from headrace.job import Lease, NewJob
from headrace.memory.store import QueueStore
from headrace.outcome import Done


def _forget(_: str) -> None: ...


def _drafts(jobs: int) -> list[NewJob]:
    return [queue.draft(call, send_email.effective, None) for _ in range(jobs)]


def _filled(jobs: int) -> QueueStore:
    store = QueueStore(queue.spec, 0.0, _forget)
    store.enqueue(_drafts(jobs), "first", 0.0)
    return store


def _claim(store: QueueStore, jobs: int) -> list[Lease]:
    return store.claim(jobs, 1.0, count(1).__next__)


def _put(jobs: int) -> Round:
    store = QueueStore(queue.spec, 0.0, _forget)
    return partial(store.enqueue, _drafts(jobs), "first", 0.0)


def _take(jobs: int) -> Round:
    return partial(_claim, _filled(jobs), jobs)


def _settle(jobs: int) -> Round:
    store = _filled(jobs)
    outcomes = [Done(lease, b"\x07", 600.0) for lease in _claim(store, jobs)]
    return lambda: [store.settle(outcome, 2.0) for outcome in outcomes]


SUBJECTS = [
    Subject("memory: store", _put),
    Subject("memory: claim", _take),
    Subject("memory: settle", _settle),
]
