"""The jobs of a run, chosen before it begins: a peer's client only plays them."""

from __future__ import annotations

import random
from typing import Any

from msgspec import Struct

from tests.torture.peers.kit.jobs import DEATHS
from tests.torture.workload import Mix


class Planned(Struct, frozen=True):
    """A job.

    Attributes:
        at: Seconds from the start.
        id: Its own.
        task: Its task.
        arguments: Of the task.
        delay: Seconds that it is to wait.
    """

    at: float
    id: str
    task: str
    arguments: tuple[Any, ...]
    delay: float


def planned(mix: Mix, duration: float, seed: int, *, delays: bool) -> list[Planned]:
    """Return the jobs of a mix, the same for the same seed.

    Unique keys and cancellations are left out: each peer has a meaning of its own for them.
    """
    chance = random.Random(seed)
    jobs: list[Planned] = []
    for number in range(int(mix.rate * duration)):
        task, arguments = _chosen(mix, chance)
        late = chance.random() < mix.delayed
        delay = chance.uniform(0.3, 2.0) if late and delays else 0.0
        jobs.append(Planned(number / mix.rate, f"job-{number}", task, arguments, delay))
    return jobs


def _chosen(mix: Mix, chance: random.Random) -> tuple[str, tuple[Any, ...]]:
    """Return a task and its arguments."""
    which = chance.random()
    if which < mix.poisonous:
        return "poison", (chance.choice([*DEATHS]),)
    if which < mix.poisonous + mix.blocking:
        return "block", (mix.blocked,)
    failures = chance.randint(1, 5) if chance.random() < mix.failing else 0
    return "work", (chance.choice(mix.seconds), failures)
