"""What a peer goes through, each time on an empty server and with fresh processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from msgspec import Struct

from benchmarks.peers.figures import Figure, cost, latencies, throughput
from benchmarks.peers.kit.gauge import Gauge
from benchmarks.peers.processes import Contestant, Crew
from benchmarks.peers.sizes import Sizes

STALLED = 30.0  # seconds without another job after which workers are given up
LOOK = 0.02  # seconds between looks at the counts


class Drained(Struct, frozen=True):
    """How a backlog was worked off.

    Attributes:
        jobs: How many.
        seconds: From the first job to the last.
        charged: The jobs for which `cpu` was used.
        cpu: Seconds of CPU time of the workers.
        rss: Their resident memory in MB, at the end.
    """

    jobs: int
    seconds: float
    charged: int
    cpu: float
    rss: float


class Course:
    """The workloads for one peer.

    Args:
        contestant: The peer.
        wipe: Empties its server.
        sizes: How much is measured.
    """

    def __init__(self, contestant: Contestant, wipe: Callable[[], None], sizes: Sizes) -> None:
        self._contestant = contestant
        self._wipe = wipe
        self._sizes = sizes
        self._rate = 0.0

    def warm_up(self) -> None:
        """Work off a small backlog, to learn how deep the others must be.

        Raises:
            PeerFailedError: The peer does not work here.
        """
        pilot = self._drain("noop", self._sizes.pilot, workers=1)
        self._rate = pilot.jobs / pilot.seconds

    def workloads(self) -> list[tuple[str, Callable[[], Iterator[Figure]]]]:
        """Return what measures everything once, by names for people.

        Calling one raises `PeerFailedError` if the peer does not do it.
        """
        return [
            ("enqueue", self._enqueue),
            ("drain", self._one_worker),
            ("scaling", self._two_workers),
            ("latency", self._latency),
            ("sleep", self._sleep),
        ]

    def _enqueue(self) -> Iterator[Figure]:
        for way in self._contestant.peer.ways:
            self._wipe()
            jobs = self._sizes.ways[way]
            said = self._contestant.produce("produce", "--way", way, "--jobs", jobs)
            yield throughput("enqueue", said["jobs"], said["seconds"], way=way)
            yield cost("enqueue", said["jobs"], said["cpu"], way=way)

    def _one_worker(self) -> Iterator[Figure]:
        drained = self._drain("noop", self._sizes.backlog(self._rate, 1), workers=1)
        yield throughput("drain", drained.jobs, drained.seconds)
        if drained.charged:
            yield cost("drain", drained.charged, drained.cpu)
        yield Figure(workload="memory", metric="rss", unit="MB", value=drained.rss)

    def _two_workers(self) -> Iterator[Figure]:
        drained = self._drain("noop", self._sizes.backlog(self._rate, 2), workers=2)
        yield throughput("scaling", drained.jobs, drained.seconds, workers=2)

    def _latency(self) -> Iterator[Figure]:
        self._wipe()
        gauge = Gauge.create(self._contestant.gauge, moments=self._sizes.offered)
        crew = self._contestant.work()
        try:
            self._contestant.produce("produce", "--jobs", 2)
            until(lambda: gauge.counted == 2, gauge, crew)
            load, jobs = self._sizes.load, self._sizes.offered
            said = self._contestant.produce("latency", "--load", load, "--jobs", jobs)
            until(lambda: all(gauge.moments), gauge, crew)
        finally:
            crew.stop()
        yield from latencies(said["due"], gauge.moments, load)

    def _sleep(self) -> Iterator[Figure]:
        drained = self._drain("rest", self._sizes.rests, workers=1)
        yield Figure(workload="sleep", metric="time", unit="s", value=drained.seconds)

    def _drain(self, job: str, jobs: int, *, workers: int) -> Drained:
        """Enqueue a backlog, start workers, and wait until the last job was counted."""
        self._wipe()
        gauge = Gauge.create(self._contestant.gauge, processes=workers)
        way = self._contestant.peer.ways[-1]
        self._contestant.produce("produce", "--way", way, "--job", job, "--jobs", jobs)
        crew = self._contestant.work(workers)
        try:
            until(lambda: gauge.begun, gauge, crew)
            before, cpu = gauge.counted, crew.cpu
            until(lambda: gauge.counted >= jobs, gauge, crew)
            return Drained(jobs, gauge.seconds, jobs - before, crew.cpu - cpu, crew.rss)
        finally:
            crew.stop()


def until(done: Callable[[], bool], gauge: Gauge, crew: Crew) -> None:
    """Return when something holds.

    Raises:
        PeerFailedError: A worker ended, or no job was counted for `STALLED` seconds.
    """
    counted, patience = -1, 0.0
    while not done():
        now = time.monotonic()
        if counted != gauge.counted:
            counted, patience = gauge.counted, now + STALLED
        if now > patience:
            what = f"no job after {counted:,}"
            raise crew.failed(what)
        crew.check()
        time.sleep(LOOK)
