"""Judges a run: every check, and whether it has shown anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct

from tests.torture import outcomes, timing
from tests.torture.run import Promise, Run

CHECKS: tuple[Callable[[Run, Promise], list[str]], ...] = (
    outcomes.lost,
    outcomes.phantom,
    outcomes.double_outcome,
    outcomes.contradicted,
    outcomes.attempts,
    outcomes.fencing,
    outcomes.unique,
    outcomes.schedule,
    outcomes.cancellation,
    outcomes.results,
    outcomes.dead_letters,
    outcomes.leftovers,
    timing.overlap,
    timing.early,
    timing.late,
    timing.retries,
    timing.recovery,
    timing.released,
    timing.shutdown,
    timing.hot_loop,
    timing.leaks,
)


class Report(Struct, frozen=True):
    """What became of a run.

    Attributes:
        violations: Under the name of what is broken, what shows it.
        counts: How much of everything happened.
    """

    violations: dict[str, list[str]]
    counts: dict[str, int]


def judge(
    run: Run, promise: Promise, needed: Iterable[str] = (), forbidden: Iterable[str] = ()
) -> Report:
    """Check a run.

    Args:
        run: What happened.
        promise: What holds.
        needed: Counts that must not be zero: else the run has shown nothing.
        forbidden: Counts that must be zero.
    """
    counts = counted(run)
    found = {check.__name__.replace("_", " "): check(run, promise) for check in CHECKS}
    found["vacuous"] = [name for name in needed if not counts[name]]
    found["forbidden"] = [f"{counts[name]} {name}" for name in forbidden if counts[name]]
    return Report({name: shown for name, shown in found.items() if shown}, dict(counts))


def counted(run: Run) -> Counter[str]:
    """Count what makes a run worth something."""
    counts = Counter[str](event.kind for event in run.events)
    for event in run.all("settled"):
        counts[event.outcome if event.counts else "fenced"] += 1
    counts["dead letters"] = len(run.dead)
    counts["recovered"] = sum(event.deliveries > 1 for event in run.all("start"))
    counts["ticks"] = len({event.job for event in run.all("start") if event.task == outcomes.TICK})
    counts["results"] = len(run.results)
    counts["lives lost"] = sum(
        one.how == "killed" for tries in run.attempts.values() for one in tries
    )
    counts.update(f"state {state.value}" for state in run.states.values())
    counts.update(f"wiped {event.outcome}" for event in run.all("wiped"))
    return counts
