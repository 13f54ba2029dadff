"""What the exit code of a command says."""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code of a command says; those of a worker that served are in `Ending`."""

    FAILED = 1
    """The job failed or was not over in time, or not everything could be done."""
    USAGE = 2
    """The command line or the code of the tasks is wrong: no such queue, no such id."""
    REFUSED = 3
    """The broker refuses: credentials, settings, version."""
    UNREACHABLE = 4
    """The broker cannot be reached."""


FINAL = frozenset({ExitCode.USAGE, ExitCode.REFUSED})
"""Codes of mistakes that do not mend themselves."""

NOT_STARTED = 126
"""Stands for the exit code of a process that could not be started, as shells have it."""


def describe(code: int) -> dict[str, object]:
    """Return the end of a process as facts for the log: its exit code, or the signal's name.

    Args:
        code: As `subprocess` has it: a signal is a negative number.
    """
    if code >= 0:
        return {"exit_code": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": str(-code)}
