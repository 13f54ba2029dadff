"""What a look at a broker brought to light, as data."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """How bad a finding is.

    Examples:
        >>> Verdict.REFUSED in [finding.verdict for finding in await broker.examine()]
        False
    """

    OK = "ok"
    """As it should be."""
    WARNING = "warning"
    """It works, and a promise is weaker for it."""
    REFUSED = "refused"
    """`Broker.open` fails on it."""


class Finding(Struct, frozen=True):
    """One thing that `Broker.examine` looked at.

    Attributes:
        check: What was looked at, in a word or two, such as `"version"`.
        verdict: How bad it is.
        detail: What was found. No secret, whatever the URL and the server's own words hold.
        remedy: What to do about it, `""` if there is nothing to do.

    Examples:
        >>> for finding in await broker.examine():
        ...     print(finding.verdict, finding.check)
        ok connection
        warning durability
        warning sharing
    """

    check: str
    verdict: Verdict
    detail: str
    remedy: str = ""
