"""The peers that are tortured, by which command, and what holds of them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tests.torture.peers.kit.witness import CHILD
from tests.torture.scenarios import LONG, SCENARIOS, Scenario
from tests.torture.workload import Mix


class Subject(Struct, frozen=True, kw_only=True):
    """A peer.

    Attributes:
        peer: Its name in `benchmarks.peers.catalogue`.
        app: The module of its tasks, which is its client too.
        worker: Its command, with `{concurrency}` and `{grace}`.
        child: Whether its jobs run in a child of the process that the command is.
        delays: Whether it can wait before a job without a process beside its workers.
        renews: Whether a worker keeps a job for longer than its lease.
    """

    peer: str
    app: str
    worker: tuple[str, ...]
    child: bool = False
    delays: bool = True
    renews: bool = True

    @property
    def environment(self) -> Mapping[str, str]:
        """What its workers are told beside what all are told."""
        return {CHILD: "1"} if self.child else {}


SUBJECTS: Mapping[str, Subject] = {
    "taskiq": Subject(
        peer="taskiq-redis",
        app="tests.torture.peers.taskiq_app",
        worker=(
            *("taskiq", "worker", "tests.torture.peers.taskiq_app:broker", "--workers", "1"),
            *("--max-async-tasks", "{concurrency}", "--wait-tasks-timeout", "{grace}"),
            *("--log-level", "WARNING"),
        ),
        child=True,
        delays=False,
        renews=False,
    ),
    "streaq": Subject(
        peer="streaq",
        app="tests.torture.peers.streaq_app",
        worker=("streaq", "run", "tests.torture.peers.streaq_app:worker"),
    ),
}

LEASES = 3.0
"""Seconds after which the jobs of a silent worker are taken from it."""


SPACED = (5.0, 6.5)
"""Seconds between faults that last up to two and a half leases: one worker of three is well."""


def _of(name: str, *needed: str) -> Scenario:
    """Return a scenario with what a peer's run must show: nobody tells what a peer settles."""
    scenario = SCENARIOS[name]
    lasting = scenario.faults in (("freeze",), ("isolate",))
    apart = SPACED if lasting else scenario.apart
    return replace(scenario, needed=needed, forbidden=(), options=(), apart=apart)


COURSE: Mapping[str, Scenario] = {
    "M1": _of("M1", "killed", "recovered"),
    "M2": _of("M2", "stopped", "recovered"),
    "M2-long": replace(
        _of("M2", "stopped", "recovered"),
        title="the same, and tasks take up to three leases",
        mix=replace(LONG, rate=4, seconds=(0.2, 3 * LEASES)),
    ),
    "M3": _of("M3", "lives lost"),
    "M4": _of("M4", "down", "accepted"),
    "M5": _of("M5", "asked to end", "end"),
    "M6": replace(
        _of("M6", "end"),
        mix=Mix(rate=8, blocking=0.05, blocked=3 * LEASES, delayed=0.0),
    ),
    "M7": replace(
        _of("M7", "end"),
        mix=Mix(rate=1, seconds=(0.1, 10 * LEASES), failing=0.0),
    ),
    "M10": _of("M10", "cut off"),
}
"""Scenarios for peers."""


def applicable(subject: str, scenario: str) -> bool:
    """Tell whether a scenario would show more than that a peer renews no leases, as M7 does."""
    return SUBJECTS[subject].renews or scenario != "M2-long"
