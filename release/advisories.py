"""Whether anything that gets installed is known to be vulnerable."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import Enum, auto
from pathlib import Path
from typing import Any

from release.command import environment


class Audit(Enum):
    """What came of asking."""

    CLEAN = auto()
    VULNERABLE = auto()
    NOT_DONE = auto()
    """The advisory service could not be asked."""


def audit(requirements: Path) -> tuple[Audit, str]:
    """Ask the advisory service of the package index about a list of pinned requirements.

    Returns:
        What came of it, and what to tell of that.
    """
    report = requirements.with_suffix(".audit.json")
    pinned = ("--requirement", requirements, "--no-deps", "--disable-pip")
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", *pinned),
            *("--progress-spinner", "off", "--format", "json", "--output", report),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists():
        last = asked.stderr.strip().splitlines()[-1:]
        return Audit.NOT_DONE, "".join(last)
    told: list[dict[str, Any]] = json.loads(report.read_text())["dependencies"]
    report.unlink()
    return judge(told)


def judge(told: list[dict[str, Any]]) -> tuple[Audit, str]:
    """Judge by what pip-audit reports of each package.

    Returns:
        What came of it, and what to tell of that.
    """
    bad = [
        f"{one['name']} {one['version']}: {vulnerability['id']}"
        for one in told
        for vulnerability in one.get("vulns", ())
    ]
    if bad:
        return Audit.VULNERABLE, "\n".join(bad)
    skipped = [one["name"] for one in told if "skip_reason" in one]
    if skipped:
        # pip-audit itself calls this a success: "no known vulnerabilities found".
        return Audit.NOT_DONE, f"the package index has no advisories for {', '.join(skipped)}"
    return Audit.CLEAN, f"{len(told)} packages, nothing known against any of them"
