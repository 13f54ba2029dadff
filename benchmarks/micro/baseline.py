"""The ratios that were found before, in a file, for each minor version of Python."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec
import orjson
from msgspec import Struct

from benchmarks.micro.course import Finding

STORED = Path(__file__).parent / "baseline.json"
LIMIT = 2.0
"""By how much a ratio may exceed its baseline."""

THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

Ratios: TypeAlias = dict[str, float]
"""By the names of subjects."""

Baselines: TypeAlias = dict[str, Ratios]
"""By the versions of Python."""


def read_baselines(path: Path) -> Baselines:
    """Read what is kept; nothing, if there is no such file."""
    return msgspec.convert(orjson.loads(path.read_bytes()), Baselines) if path.exists() else {}


def write_baselines(baselines: Baselines, path: Path) -> None:
    """Keep baselines in a file."""
    rounded = {
        version: {name: float(f"{ratio:.3g}") for name, ratio in ratios.items()}
        for version, ratios in baselines.items()
    }
    path.write_bytes(
        orjson.dumps(rounded, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    )


def renewed(baselines: Baselines, findings: Mapping[str, Finding], *, whole: bool) -> Baselines:
    """Return baselines with what was found on this Python.

    Args:
        baselines: What was kept.
        findings: What was found.
        whole: Whether that is all there is, so that names of which nothing was found go.
    """
    kept = {} if whole else baselines.get(THIS_PYTHON, {})
    ratios = {name: found.ratio for name, found in findings.items()}
    return {**baselines, THIS_PYTHON: {**kept, **ratios}}


def nearest(versions: Iterable[str], wanted: str) -> str | None:
    """Return the version that is the fewest minor versions away, `None` if there is none."""
    return min(versions, key=lambda version: abs(_minor(version) - _minor(wanted)), default=None)


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


class Comparison(Struct, frozen=True):
    """A finding beside what was found before.

    Attributes:
        name: Of the subject.
        found: What it costs now.
        baseline: Its ratio before, `None` if it was not measured then.
    """

    name: str
    found: Finding
    baseline: float | None

    @property
    def change(self) -> float | None:
        """How many times as much as before."""
        return None if self.baseline is None else self.found.ratio / self.baseline

    @property
    def is_beyond(self) -> bool:
        """Whether it costs more than may be."""
        return self.change is not None and self.change > LIMIT


def compare(findings: Mapping[str, Finding], ratios: Mapping[str, float]) -> list[Comparison]:
    """Put findings beside what was found before."""
    return [Comparison(name, found, ratios.get(name)) for name, found in findings.items()]
