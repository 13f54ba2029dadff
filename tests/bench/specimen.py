"""A run with every workload, made up, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from headrace.bench.record import Machine, Record, Series, Variant

SPEEDS = {"memory": 1.3, "redis": 1.0, "nats": 0.55}
"""How fast each subject is."""


def specimen() -> Record:
    series = [
        *_enqueue(),
        *_drain(),
        *_scaling(),
        *_latency(),
        *_small_ones(),
        *_stages(),
    ]
    return Record(
        began=1_795_363_200.0,
        took=1234.5,
        complete=True,
        command="headrace bench redis://localhost:6379/0",
        machine=Machine(
            system="Linux 6.1 x86_64",
            processor="a processor",
            cores=2,
            memory=8 << 30,
            python="CPython 3.11.7",
            event_loop="uvloop 0.23.0",
        ),
        versions={"headrace": "0.1.0", "redis-server": "7.0.15"},
        settings={"repetitions": 5, "jobs": 50_000},
        load=(0.25, 1.5),
        series=series,
        notes=["nothing was pinned: there are only 2 cores"],
    )


def figure(
    key: tuple[str, str, str, str],
    middle: float,
    variant: Variant,
    *,
    floor: float = 0,
    better: Literal["higher", "lower"] = "higher",
) -> Series:
    """Make a figure, of five repetitions within two per cent."""
    subject, workload, metric, unit = key
    spread = [1.0, 0.99, 1.02, 0.98, 1.005]
    return Series(
        subject=subject,
        workload=workload,
        metric=metric,
        unit=unit,
        better=better,
        variant=variant,
        values=[middle * factor for factor in spread],
        floor=[floor * factor for factor in spread] if floor else [],
    )


def _throughput(subject: str, workload: str, middle: float, variant: Variant) -> Series:
    key = (subject, workload, "throughput", "jobs/s")
    floor = 120_000 * SPEEDS[subject] if workload in ("enqueue", "drain") else 0
    return figure(key, middle * SPEEDS[subject], variant, floor=floor)


def _cost(subject: str, workload: str, middle: float, variant: Variant) -> Series:
    key = (subject, workload, "cpu", "µs/job")
    return figure(key, middle / SPEEDS[subject], variant, better="lower")


def _enqueue() -> Iterator[Series]:
    for way, speed in {"sequential": 4_700, "gathered": 50_000, "bulk": 100_000}.items():
        for subject in SPEEDS:
            yield _throughput(subject, "enqueue", speed, {"way": way})
            yield _cost(subject, "enqueue", 1e6 / speed, {"way": way})


def _drain() -> Iterator[Series]:
    for results, share in {"off": 1.0, "on": 0.8}.items():
        for concurrency, speed in {1: 6_000, 10: 30_000, 100: 60_000, 1000: 66_000}.items():
            for subject in SPEEDS:
                variant: Variant = {"results": results, "concurrency": concurrency}
                yield _throughput(subject, "drain", speed * share, variant)
                yield _cost(subject, "drain", 1e6 / speed, variant)


def _scaling() -> Iterator[Series]:
    for job, speed in {"noop": 50_000, "cpu": 900}.items():
        for workers, gain in {1: 1.0, 2: 1.9, 4: 3.1}.items():
            for subject in ("redis", "nats"):
                yield _throughput(
                    subject, "scaling", speed * gain, {"workers": workers, "job": job}
                )


def _latency() -> Iterator[Series]:
    for load in (200, 2000):
        for of, extra in {"start": 1.0, "end": 1.4}.items():
            for metric, ms in {"p50": 0.5, "p90": 0.8, "p99": 1.6, "p99.9": 7, "max": 22}.items():
                for subject, speed in SPEEDS.items():
                    middle = ms * extra * (1 + load / 4000) / speed
                    key = (subject, "latency", metric, "ms")
                    yield figure(key, middle, {"load": load, "of": of}, better="lower")


def _small_ones() -> Iterator[Series]:
    for subject in SPEEDS:
        for concurrency, ideal in {100: 2.0, 1000: 0.2}.items():
            key = (subject, "sleep", "elapsed", "s")
            yield figure(key, ideal * 1.1, {"concurrency": concurrency}, better="lower")
        for size in (1_024, 65_536, 524_288):
            yield _throughput(subject, "payload", 2e7 / size, {"bytes": size})
        for metric in ("accept", "drain"):
            yield figure((subject, "burst", metric, "ms"), 160, {}, better="lower")
        for metric, ms in {"p50": 40, "p99": 180, "max": 240}.items():
            yield figure((subject, "delayed", metric, "ms"), ms, {}, better="lower")
        for metric, unit, exact in (
            ("completion", "%", 100.0),
            ("dead letters", "jobs", 2_000.0),
        ):
            yield Series(
                subject=subject,
                workload="faulty",
                metric=metric,
                unit=unit,
                better="higher",
                values=[exact] * 5,
            )
        yield figure((subject, "memory", "bytes", "B/job"), 136.7, {}, better="lower")
        yield figure((subject, "memory", "rss", "MB"), 53.7, {}, better="lower")
        yield figure((subject, "soak", "drift", "%"), 0.42, {"minutes": 5}, better="lower")


def _stages() -> Iterator[Series]:
    for stage, cost in {"claim": 3.1, "decode": 1.0, "run": 5.2, "settle": 3.9}.items():
        for subject, speed in SPEEDS.items():
            key = (subject, "stages", "cost", "µs/job")
            yield figure(key, cost / speed, {"stage": stage}, better="lower")
