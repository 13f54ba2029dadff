"""Torture in virtual time: the sound broker keeps every promise, and each broken one is caught."""

from __future__ import annotations

import pytest

from headrace.memory import MemoryBroker
from tests import broken_brokers as broken
from tests.torture import timing
from tests.torture.check import CHECKS
from tests.torture.simulation import NEEDED, simulate, simulated

SEEDS = 200
PATIENCE = 150
"""Seeds within which a bug must be found."""

CAUGHT: list[tuple[type[MemoryBroker], str]] = [
    (broken.AcknowledgesEarly, "lost"),
    (broken.LosesOnRetry, "lost"),
    (broken.LosesReleased, "lost"),
    (broken.NeverReclaims, "lost"),
    (broken.StoresDuplicates, "phantom"),
    (broken.AlwaysSaysYes, "double outcome"),
    (broken.MisjudgesTheDead, "contradicted"),
    (broken.ChargesReleases, "attempts"),
    (broken.CountsDown, "fencing"),
    (broken.GivesKeysAway, "unique"),
    (broken.StartsLate, "schedule"),
    (broken.ForgetsCancellations, "cancellation"),
    (broken.MislaysResults, "results"),
    (broken.ForgetsDeadLetters, "dead letters"),
    (broken.KeepsKeys, "leftovers"),
    (broken.SharesOut, "overlap"),
    (broken.DoesNotFence, "overlap"),
    (broken.StartsEarly, "early"),
    (broken.StartsLate, "late"),
    (broken.RetriesAtOnce, "retries"),
    (broken.ReclaimsLate, "recovery"),
    (broken.ChargesReleases, "released"),
    (broken.KeepsReleased, "released"),
    (broken.DeafToCancellation, "shutdown"),
]

OF_A_MACHINE = {timing.hot_loop, timing.leaks}
"""What a simulation cannot show: it has no connections, descriptors, threads or memory."""


def test_the_memory_broker_keeps_every_promise() -> None:
    counts, failed = simulate(range(SEEDS))
    assert {seed: report.violations for seed, report in failed.items()} == {}
    assert [name for name in NEEDED if not counts[name]] == [], "it has shown something"


@pytest.mark.parametrize("seed", [3158, 6023, 7178, 9609])
def test_a_tick_does_not_start_when_its_lease_has_ended(seed: int) -> None:
    assert simulated(seed).report.violations == {}


@pytest.mark.parametrize("seed", [7, 38])
def test_a_seed_tells_all_that_happens(seed: int) -> None:
    first = simulated(seed)
    simulated(seed + 1)
    again = simulated(seed)
    assert again.ledger == first.ledger
    assert again.report.counts == first.report.counts


@pytest.mark.parametrize(("broker", "check"), CAUGHT)
def test_a_broken_broker_is_caught(broker: type[MemoryBroker], check: str) -> None:
    assert any(check in simulated(seed, broker).report.violations for seed in range(PATIENCE))


def test_every_check_is_proven() -> None:
    names = {check.__name__.replace("_", " ") for check in CHECKS if check not in OF_A_MACHINE}
    assert names == {check for _, check in CAUGHT}
