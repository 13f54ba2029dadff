"""How a command fails: in one line on standard error, with an exit code that says why."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

import click

from headrace.cli.text import escaped
from headrace.errors import (
    BrokerError,
    HeadraceError,
    JobError,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from headrace.supervisor.exit_code import ExitCode

EXIT_CODES = """\b
Exit codes:
  0  done
  1  the job failed or was not over in time, not everything could be done, or
     a question was answered with no
  2  the command line is wrong: no such queue, task or id
  3  the broker refuses: credentials, settings, version
  4  the broker cannot be reached
"""


class Failure(Exception):
    """What a command itself finds wrong.

    Args:
        message: For standard error.
        code: The exit code.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def failures() -> Generator[None]:
    """End the process in one line if a `Failure` or an error of Headrace leaves the block."""
    try:
        yield
    except (Failure, HeadraceError) as error:
        click.echo(f"Error: {escaped(str(error)) or type(error).__name__}", err=True)
        sys.exit(error.code if isinstance(error, Failure) else _code(error))


def _code(error: HeadraceError) -> ExitCode:
    match error:
        case Unavailable() | OutcomeUnknown():
            return ExitCode.UNREACHABLE
        case Rejected():
            return ExitCode.USAGE
        case BrokerError():
            return ExitCode.REFUSED
        case JobError():
            return ExitCode.FAILED
        case _:
            return ExitCode.USAGE
