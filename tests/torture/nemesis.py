"""What is done to workers and brokers: a schedule that a seed makes, and that always heals."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from headrace import Queue
from headrace.errors import BrokerError
from headrace.ids import new_id
from headrace.job import NewJob
from tests.faults.site import Site
from tests.proxy import Proxy
from tests.torture.crew import Crew, Hand
from tests.torture.ledger import CLOCK, Ledger


class Strike(Struct, frozen=True):
    """One fault.

    Attributes:
        at: Seconds from the start.
        fault: Its name.
        share: A number from 0 up to 1, for what else is to be chosen.
    """

    at: float
    fault: str
    share: float


def schedule(
    seed: int, faults: Sequence[str], duration: float, apart: tuple[float, float]
) -> list[Strike]:
    """Return strikes that are so many seconds apart, the same for the same seed.

    The first ones are one of each kind, in an order of chance: a run has no fault that never came.
    """
    chance, at, strikes = random.Random(seed), 0.0, list[Strike]()
    first = chance.sample(faults, len(faults))
    while faults:
        at += chance.uniform(*apart)
        if at >= duration:
            break
        fault = first.pop() if first else chance.choice(faults)
        strikes.append(Strike(at, fault, chance.random()))
    return strikes


class Stage(Struct, frozen=True):
    """Where a tragedy is played.

    Attributes:
        site: The broker's server.
        crew: The workers.
        entrance: The producer's way to the broker.
        queue: The producer's queue.
        ledger: Where it is written down what is done.
        lease: Of the queue.
    """

    site: Site
    crew: Crew
    entrance: Proxy
    queue: Queue
    ledger: Ledger
    lease: float


Fault: TypeAlias = Callable[[Stage, float], Coroutine[Any, Any, None]]


async def strike(stage: Stage, strikes: Sequence[Strike]) -> None:
    """Strike by a schedule, one fault beside the other. What is out of order in the end heals."""
    now = asyncio.get_running_loop().time
    began = now()
    async with asyncio.TaskGroup() as group:
        for one in strikes:
            await CLOCK.sleep(max(0.0, began + one.at - now()))
            await stage.crew.fill()
            group.create_task(fault_of(one.fault)(stage, one.share))
    await stage.crew.fill()


def _on_a_worker(do: Callable[[Stage, Hand, float], Awaitable[None]]) -> Fault:
    async def fault(stage: Stage, share: float) -> None:
        hand = stage.crew.one(share)
        if hand is not None:
            await do(stage, hand, share * 7 % 1)

    return fault


async def kill(stage: Stage, hand: Hand, _: float) -> None:
    await stage.crew.kill(hand)


async def freeze(stage: Stage, hand: Hand, share: float) -> None:
    """Let a worker stand still for longer than its leases."""
    stage.crew.freeze(hand)
    try:
        await CLOCK.sleep(stage.lease * (1.2 + 1.3 * share))
    finally:
        stage.crew.thaw(hand)


async def isolate(stage: Stage, hand: Hand, share: float) -> None:
    """Cut a worker off for longer than its leases."""
    stage.crew.cut_off(hand)
    try:
        await CLOCK.sleep(stage.lease * (1.5 + share))
    finally:
        stage.crew.reach(hand)


async def terminate(stage: Stage, hand: Hand, share: float) -> None:
    """Ask a worker to end: once in two of three times, else twice, in a hurry."""
    await stage.crew.ask_to_end(hand, times=1 if share < 2 / 3 else 2)
    await stage.crew.fill()


async def storm(stage: Stage, hand: Hand, share: float) -> None:
    """Send a worker signals by the dozen, whether it has started up or not, then ask it to end."""
    chance = random.Random(share)
    for _ in range(30):
        hand.process.send_signal(chance.choice([signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG]))
    await stage.crew.ask_to_end(hand)
    await stage.crew.fill()


async def jump(stage: Stage, hand: Hand, _: float) -> None:
    """Let the wall clock of a worker jump."""
    stage.ledger.note("jumped", victim=hand.pid)
    hand.process.send_signal(signal.SIGURG)


async def look(stage: Stage, share: float) -> None:
    """Do nothing: those that ended by themselves are followed by others."""


async def reset(stage: Stage, share: float) -> None:
    """Reset connections: one worker's, or those of all, the producer's too."""
    if share > 1 / 2:
        await reset_all(stage, share)
    else:
        _reset(stage, stage.crew.hands[:1])


async def reset_all(stage: Stage, _: float) -> None:
    """Reset all connections at once."""
    stage.entrance.cut()
    _reset(stage, stage.crew.hands)


def _reset(stage: Stage, hands: Sequence[Hand]) -> None:
    for hand in hands:
        stage.ledger.note("cut off", victim=hand.pid)
        hand.way.cut()
        stage.ledger.note("reached", victim=hand.pid)


async def shred(stage: Stage, share: float) -> None:
    """Cut connections in the middle of replies, again and again."""
    chance = random.Random(share)
    hands = [*stage.crew.hands]
    for hand in hands:
        stage.ledger.note("cut off", victim=hand.pid)
    ways = [*(hand.way for hand in hands), stage.entrance]
    for way in ways:
        way.cut_after(chance.randrange(1, 2000) for _ in range(5))
    await CLOCK.sleep(1 + share)
    for way in ways:
        way.cut_after([])
    for hand in hands:
        stage.ledger.note("reached", victim=hand.pid)


async def drip(stage: Stage, share: float) -> None:
    """Let everything take a while, for a while."""
    hands = [*stage.crew.hands]
    ways = [*(hand.way for hand in hands), stage.entrance]
    for hand in hands:
        stage.ledger.note("cut off", victim=hand.pid)
    for way in ways:
        way.latency = 0.02 + 0.2 * share
    try:
        await CLOCK.sleep(2)
    finally:
        for way in ways:
            way.latency = 0.0
        for hand in hands:
            stage.ledger.note("reached", victim=hand.pid)


async def lose_replies(stage: Stage, share: float) -> None:
    """Let the broker take what is enqueued, and its replies get lost for a while."""
    stage.entrance.black_hole(up=False)
    try:
        await CLOCK.sleep(0.3 + share)
    finally:
        stage.entrance.cut()
        stage.entrance.heal()


async def crash(stage: Stage, share: float) -> None:
    """Kill the server, and start it again."""
    stage.ledger.note("down")
    stage.site.kill()
    try:
        await CLOCK.sleep(0.5 + 2.5 * share)
    finally:
        await asyncio.to_thread(stage.site.start)
        stage.ledger.note("up")


def wipe(what: str) -> Fault:
    """Return what makes the server forget something: see `DAMAGES`."""

    async def fault(stage: Stage, _: float) -> None:
        # It happens at some moment between the two.
        stage.ledger.note("wiped", outcome=what)
        await stage.site.damage(what, stage.queue)
        stage.ledger.note("wiped", outcome=what)

    return fault


def refuse(why: str) -> Fault:
    """Return what makes the server refuse for a while: see `REFUSALS`."""

    async def fault(stage: Stage, share: float) -> None:
        stage.ledger.note("down")
        async with stage.site.refusal(why):
            await CLOCK.sleep(0.5 + share)
        stage.ledger.note("up")

    return fault


async def fill(stage: Stage, share: float) -> None:
    """Let there be no room on the server for a while."""
    stage.ledger.note("down")
    async with stage.site.full():
        await CLOCK.sleep(1 + share)
    stage.ledger.note("up")


async def junk(stage: Stage, share: float) -> None:
    """Enqueue what no client of ours has written."""
    chance = random.Random(share)
    bodies = [
        chance.randbytes(chance.randrange(1, 300)),
        b"",
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xa4\xff\xff\xff\xff",
        b"{" * 50_000,
        b"\x90" * 900_000,
    ]
    jobs = [NewJob(id=new_id(), body=body) for body in bodies]
    for job in jobs:
        stage.ledger.note("try", job=job.id, task="junk")
    try:
        await stage.queue.broker.enqueue(stage.queue.name, jobs, batch=new_id())
    except BrokerError:
        return
    for job in jobs:
        stage.ledger.note("accepted", job=job.id, task="junk")


FAULTS: Mapping[str, Fault] = {
    "kill": _on_a_worker(kill),
    "freeze": _on_a_worker(freeze),
    "isolate": _on_a_worker(isolate),
    "terminate": _on_a_worker(terminate),
    "storm": _on_a_worker(storm),
    "jump": _on_a_worker(jump),
    "look": look,
    "reset": reset,
    "reset-all": reset_all,
    "fill": fill,
    "shred": shred,
    "drip": drip,
    "lose-replies": lose_replies,
    "crash": crash,
    "junk": junk,
}
"""What can be done."""

KINDS: Mapping[str, Callable[[str], Fault]] = {"wipe": wipe, "refuse": refuse}
"""What can be done in more than one way, which is named behind it."""


def fault_of(name: str) -> Fault:
    """Return what is done under a name."""
    kind, _, what = name.partition(" ")
    return KINDS[kind](what) if what else FAULTS[name]
