"""The scenarios: what is done, under which load, and what must have come of it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tests.torture.workload import Mix


class Scenario(Struct, frozen=True, kw_only=True):
    """What is done, under which load, and what must have come of it.

    Attributes:
        title: What happens, in a few words.
        faults: Those of the schedule: see `tests.torture.nemesis.FAULTS`.
        apart: Seconds between two of them, at least and at most.
        mix: What the jobs are like.
        needed: Counts without which the run has shown nothing.
        forbidden: Counts that must be zero.
        options: Of the workers.
        overlap: Seconds that two attempts may run at a time beyond what is usual: for which code
            can block an event loop after its lease was lost.
        times: How often the duration it lasts, where it takes longer to show anything.
        crowd: Clients that share the producer's way to the broker.
        busy: Whether there may be no free slot, so that nothing is promised of when jobs start.
        only: The kind of broker that it is for.
        ahead: Seconds by which the wall clocks of workers are ahead of the machine's, in turn.
        jump: Seconds by which one of them jumps ahead, and back the next time.
    """

    title: str
    faults: tuple[str, ...] = ()
    apart: tuple[float, float] = (1.5, 3.0)
    mix: Mix = Mix()
    needed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    overlap: float = 0.0
    times: int = 1
    crowd: int = 0
    busy: bool = False
    only: str = ""
    ahead: tuple[int, ...] = (0,)
    jump: int = 0

    @property
    def agreed(self) -> bool:
        """Whether all clocks tell the same."""
        return len(self.ahead) == 1 and not self.jump


LONG = Mix(rate=12, seconds=(0.0, 0.2, 1.0, 2.0))
"""Jobs that are likely to run while something happens to their worker."""

SELECTION = ("M1", "M2", "M4", "M5", "M10")
"""Those that are run with each change."""

SCENARIOS: Mapping[str, Scenario] = {
    "M1": Scenario(
        title="workers are killed",
        faults=("kill",),
        mix=LONG,
        needed=("recovered", "lives lost", "rescheduled", "dead letters"),
    ),
    "M2": Scenario(
        title="workers stand still for longer than their leases",
        faults=("freeze",),
        apart=(2.0, 3.0),
        mix=LONG,
        times=2,
        needed=("stopped", "recovered", "fenced"),
    ),
    "M3": Scenario(
        title="jobs take their workers down",
        faults=("look",),
        mix=Mix(rate=20, poisonous=0.01),
        busy=True,
        needed=("recovered", "lives lost", "dead letters"),
    ),
    "M4": Scenario(
        title="the server is killed and started again",
        faults=("crash",),
        apart=(3.0, 5.0),
        needed=("down", "accepted"),
    ),
    "M5": Scenario(
        title="workers are asked to end, once or twice",
        faults=("terminate",),
        mix=Mix(rate=8, seconds=(0.2, 1.0, 5.0)),
        needed=("asked to end", "released"),
        forbidden=("recovered",),
    ),
    "M6": Scenario(
        title="tasks block the event loop for three leases",
        mix=Mix(rate=8, blocking=0.05, blocked=6.0, delayed=0.0),
        needed=("end",),
        forbidden=("recovered",),
        busy=True,
    ),
    "M6b": Scenario(
        title="tasks block the event loop beyond max_stall",
        mix=Mix(rate=8, blocking=0.05, blocked=6.0, delayed=0.0),
        needed=("recovered", "fenced"),
        options=("--max-stall", "1"),
        overlap=6.0,
        busy=True,
    ),
    "M7": Scenario(
        title="tasks take ten leases",
        mix=Mix(rate=3, seconds=(0.1, 20.0), failing=0.0, cancelled=0.0),
        needed=("end",),
        forbidden=("recovered", "interrupted"),
        busy=True,
    ),
    "M8": Scenario(
        title="replies to enqueue are lost",
        faults=("lose-replies",),
        needed=("accepted",),
        forbidden=("recovered",),
    ),
    "M9": Scenario(
        title="connections are reset, cut in the middle of replies, and slow",
        faults=("reset", "shred", "drip"),
        needed=("accepted",),
    ),
    "M10": Scenario(
        title="workers are cut off and nobody is told",
        faults=("isolate",),
        apart=(2.0, 3.0),
        mix=LONG,
        needed=("cut off", "recovered"),
    ),
    "M11": Scenario(
        title="the server forgets",
        faults=("wipe everything", "wipe scripts", "wipe groups", "wipe lane"),
        needed=("wiped everything", "wiped scripts", "wiped groups", "wiped lane"),
        times=2,
        only="redis",
    ),
    "M11n": Scenario(
        title="the server forgets",
        faults=("wipe everything", "wipe stream", "wipe consumers", "wipe consumer"),
        needed=("wiped everything", "wiped stream", "wiped consumers", "wiped consumer"),
        times=2,
        # A consumer that is new does not answer those who let go of what the old one gave them.
        busy=True,
        only="nats",
    ),
    "M12": Scenario(
        title="the server refuses: replicas, disk, clients, credentials",
        faults=tuple(
            f"refuse {why}"
            for why in ("NOREPLICAS", "READONLY", "MISCONF", "maxclients", "NOAUTH", "NOPERM")
        ),
        apart=(2.0, 2.5),
        needed=("down",),
        times=2,
        only="redis",
    ),
    "M12n": Scenario(
        title="the server refuses: credentials",
        faults=("refuse authorization",),
        apart=(2.5, 4.0),
        needed=("down",),
        only="nats",
    ),
    "M13": Scenario(
        title="the server is full",
        faults=("fill",),
        apart=(2.5, 4.0),
        mix=LONG,
        needed=("down", "end"),
        forbidden=("recovered",),
        # NATS gives up what is due while there is no room, and workers look for it now and then.
        busy=True,
    ),
    "M14": Scenario(
        title="bytes that no client of ours has written",
        faults=("junk",),
        needed=("dead letters",),
        forbidden=("recovered",),
    ),
    "M15": Scenario(
        title="tasks end as nobody should",
        mix=Mix(strange=0.5),
        needed=("dead letters",),
        forbidden=("recovered", "lives lost"),
    ),
    "M16": Scenario(
        title="tasks do not let themselves be cancelled, and their workers are asked to end",
        faults=("terminate",),
        mix=Mix(rate=15, stubborn=0.15),
        needed=("asked to end", "lives lost"),
        busy=True,
    ),
    "M17": Scenario(
        title="every second job fails, and workers are killed",
        faults=("kill",),
        apart=(3.0, 5.0),
        mix=Mix(failing=0.5),
        needed=("rescheduled", "dead letters"),
    ),
    "M19": Scenario(
        title="a schedule of every second, and its workers are killed, stopped and frozen",
        faults=("kill", "terminate", "freeze"),
        mix=Mix(rate=5),
        needed=("ticks",),
    ),
    "M20": Scenario(
        title="ten unique keys for all jobs; workers are killed, jobs cancelled and dead",
        faults=("kill",),
        mix=Mix(unique=1.0, cancelled=0.2, poisonous=0.002, seconds=(0.0, 0.05, 0.2)),
        needed=("duplicate", "accepted", "cancelled"),
    ),
    "M21": Scenario(
        title="jobs of 200 kB, and some that are too large",
        mix=Mix(rate=30, ballast=200_000, oversized=0.1),
        needed=("refused", "accepted"),
        forbidden=("recovered",),
    ),
    "M22": Scenario(
        title="thousands of jobs that are due at one instant, and workers are killed",
        faults=("kill",),
        apart=(3.0, 4.0),
        mix=Mix(rate=5, burst=3000),
        needed=("accepted", "killed"),
        busy=True,
    ),
    "M24": Scenario(
        title="a hundred clients and all workers lose the server at once",
        faults=("reset-all",),
        apart=(2.0, 3.0),
        crowd=100,
        mix=Mix(rate=10),
        needed=("cut off", "accepted"),
    ),
    "S31": Scenario(
        title="the clocks of workers differ by twenty minutes, and workers are killed",
        faults=("kill",),
        mix=LONG,
        ahead=(600, -600, 0),
        needed=("recovered", "rescheduled", "dead letters", "ticks"),
        # Which moments are ticks of a schedule they tell by their clocks.
        busy=True,
    ),
    "S31j": Scenario(
        title="the clocks of workers jump by an hour, ahead and back, and workers are killed",
        faults=("jump", "jump", "jump", "kill"),
        apart=(1.0, 2.0),
        mix=LONG,
        jump=3600,
        needed=("jumped", "recovered", "rescheduled", "dead letters", "ticks"),
        busy=True,
    ),
    "S32": Scenario(
        title="signals by the dozen, while workers start too",
        faults=("storm",),
        needed=("asked to end",),
    ),
    "S35": Scenario(
        title="every second job is cancelled, at any time of its life",
        faults=("kill",),
        apart=(3.0, 5.0),
        mix=Mix(cancelled=0.5),
        needed=("cancelled", "state cancelled"),
    ),
    "mixed": Scenario(
        title="everything that loses nothing, together",
        faults=(
            "kill",
            "freeze",
            "isolate",
            "terminate",
            "crash",
            "reset",
            "shred",
            "drip",
            "lose-replies",
            "junk",
        ),
        apart=(2.0, 4.0),
        mix=Mix(rate=20, poisonous=0.0005, strange=0.01, seconds=(0.0, 0.0, 0.02, 0.2, 1.0, 3.0)),
        times=4,
        # Behind a crash none of ten was free for seconds, and nothing tells late from full.
        options=("--concurrency", "30"),
        needed=("recovered", "fenced", "rescheduled", "dead letters"),
    ),
}
