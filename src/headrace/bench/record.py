"""What one run of benchmarks found, as it is kept in a file."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
import orjson
from msgspec import Struct, field

from headrace.errors import HeadraceError

FORMAT = 1

Variant = dict[str, int | float | str]


class InvalidRecord(HeadraceError, ValueError):
    """A file holds no run of benchmarks that this version understands."""


class Machine(Struct, frozen=True, kw_only=True):
    """Where it ran.

    Attributes:
        system: Such as `Linux 6.1 x86_64`.
        processor: As the system calls it.
        cores: That the run could use.
        memory: In bytes.
        python: Such as `CPython 3.11.7`.
        event_loop: Such as `uvloop 0.23.0`.
    """

    system: str
    processor: str
    cores: int
    memory: int
    python: str
    event_loop: str


class Series(Struct, frozen=True, kw_only=True):
    """One figure, once for each repetition.

    Attributes:
        subject: What was measured: `redis`, or a peer as `saq`.
        workload: Such as `drain`.
        variant: What distinguishes it from others of the workload, such as `{"workers": 2}`.
        metric: Such as `throughput` or `p99`.
        unit: Such as `jobs/s`, `ms`, `µs/job`, `MB`.
        better: Which way is better.
        values: In the order of the repetitions.
        floor: What the driver alone did in the same run, if that was measured: same unit.
    """

    subject: str
    workload: str
    metric: str
    unit: str
    better: Literal["higher", "lower"]
    variant: Variant = field(default_factory=dict[str, int | float | str])
    values: list[float] = field(default_factory=list[float])
    floor: list[float] = field(default_factory=list[float])

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return min(self.values), max(self.values)

    @property
    def key(self) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
        """What it has in common with the same figure of another run."""
        variant = tuple(sorted((name, str(value)) for name, value in self.variant.items()))
        return self.subject, self.workload, self.metric, variant


class Record(Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        format: Of the file.
        began: When it began, in seconds since the epoch.
        took: Seconds.
        complete: Whether everything that was asked for was measured.
        command: What repeats it.
        machine: Where it ran.
        versions: Of everything that took part, by name.
        settings: Of the run, such as `{"repetitions": 5}`.
        load: The machine's load average over a minute, at the beginning and at the end.
        notes: What a reader must know: a subject that was left out, and why.
        series: What was found.
    """

    began: float
    took: float
    complete: bool
    command: str
    machine: Machine
    versions: dict[str, str]
    settings: Variant
    load: tuple[float, float]
    series: list[Series]
    notes: list[str] = field(default_factory=list[str])
    format: int = FORMAT


def write_record(record: Record, path: Path) -> None:
    """Keep a run in a file, whole or not at all."""
    data = orjson.dumps(msgspec.to_builtins(record), option=orjson.OPT_INDENT_2)
    draft = path.with_name(f"{path.name}.part")
    draft.write_bytes(data)
    draft.replace(path)


def read_record(path: Path) -> Record:
    """Read a run.

    Raises:
        InvalidRecord: The file holds none that this version understands.
        OSError: It cannot be read.
    """
    try:
        record = msgspec.convert(orjson.loads(path.read_bytes()), Record)
    except (orjson.JSONDecodeError, msgspec.ValidationError) as error:
        message = f"{path} holds no run of benchmarks: {error}"
        raise InvalidRecord(message) from error
    if record.format != FORMAT:
        message = f"{path} is of format {record.format}; this version reads {FORMAT}"
        raise InvalidRecord(message)
    return record
