"""How much is measured."""

from __future__ import annotations

from msgspec import Struct


class Sizes(Struct, frozen=True, kw_only=True):
    """Of all workloads.

    Attributes:
        ways: Jobs to enqueue, for each way to do it.
        pilot: Jobs of the first backlog, which tells how deep the others must be.
        shallowest: The least jobs of a backlog.
        deepest: The most.
        work: Seconds of work that a backlog should hold.
        offered: Jobs of the workload *latency*.
        load: How many of them in a second.
        rests: Jobs of the workload *sleep*.
    """

    ways: dict[str, int]
    pilot: int
    shallowest: int
    deepest: int
    work: float
    offered: int
    load: float
    rests: int

    def backlog(self, rate: float, workers: int) -> int:
        """Return how many jobs to enqueue for so many workers of a rate, in jobs a second."""
        return max(self.shallowest, min(self.deepest, int(rate * workers * self.work)))


WHOLE = Sizes(
    ways={"sequential": 4_000, "gathered": 10_000, "bulk": 50_000},
    pilot=2_000,
    shallowest=2_000,
    deepest=200_000,
    work=4.0,
    offered=2_000,
    load=200.0,
    rests=2_000,
)

QUICK = Sizes(
    ways={"sequential": 300, "gathered": 600, "bulk": 3_000},
    pilot=400,
    shallowest=400,
    deepest=4_000,
    work=1.0,
    offered=200,
    load=200.0,
    rests=300,
)
"""To see that everything works; nothing to publish."""
