"""`headrace doctor`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from headrace.cli.loop import run
from headrace.cli.parameters import json_option, target_argument
from headrace.cli.target import Target
from headrace.cli.text import json_line, table
from headrace.finding import Finding, Verdict
from headrace.supervisor.exit_code import ExitCode

DOCTOR_EPILOG = """\b
Example:
  headrace doctor memory://
  ok       connection  in this process
  warning  durability  jobs end with this process
                       remedy: choose a broker outside of this process by its URL
  warning  sharing     no other process sees its queues
                       remedy: choose a broker outside of this process by its URL

\b
Exit codes:
  0  nothing is worse than a warning
  2  the command line is wrong
  3  something is refused, a server that cannot be reached too
"""


@click.command(epilog=DOCTOR_EPILOG)
@target_argument
@json_option
def doctor(target: str, *, json: bool) -> None:
    """Look at the server of TARGET: module:queue, or a broker's URL.

    It looks at all that a worker checks when it starts, and more: prints whether each is well, and
    what to do where it is not. It needs no queue and changes nothing. --json prints check, verdict
    (ok, warning or refused), detail and remedy.
    """
    findings = run(Target(target).broker.examine())
    if json:
        for finding in findings:
            click.echo(json_line(finding))
    else:
        click.echo(_report(findings))
    if any(finding.verdict is Verdict.REFUSED for finding in findings):
        sys.exit(ExitCode.REFUSED)


def _report(findings: Sequence[Finding]) -> str:
    rows: list[tuple[str, str, str]] = []
    for finding in findings:
        rows.append((finding.verdict.value, finding.check, finding.detail))
        if finding.remedy:
            rows.append(("", "", f"remedy: {finding.remedy}"))
    return table(rows)
