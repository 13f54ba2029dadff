"""Numbers, moments and foreign text, as a reader sees them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import floor, log10

from msgspec import structs

from headrace.bench.record import InvalidRecord, Record, Series, Variant
from headrace.urls import redact_url

NAME = 80
"""How many characters of a name are shown."""

TEXT = 2000
"""How many characters of a note or of a command are shown."""

HUGE = 1e100
"""No figure is greater; what is computed from those that are not stays finite."""

NOTHING = "–"
"""What stands where there is no figure."""

_URL = re.compile(r"[^\s'\"<>]+://[^\s'\"<>]*")


def presentable(record: Record) -> Record:
    """Return a run whose every text can be shown: printable, of bounded length, without secrets.

    A record is a file that anybody may have written. What is done here holds for every kind of
    report; each still escapes what means something in its own language.

    Raises:
        InvalidRecord: It holds a number that no benchmark finds.
    """
    if any(abs(value) > HUGE for series in record.series for value in series.values + series.floor):
        message = f"the run holds a figure beyond {HUGE:g}"
        raise InvalidRecord(message)
    machine = {
        name: shown(value) if isinstance(value, str) else value
        for name, value in structs.asdict(record.machine).items()
    }
    return structs.replace(
        record,
        command=shown(record.command, TEXT),
        machine=structs.replace(record.machine, **machine),
        versions={shown(name): shown(version) for name, version in record.versions.items()},
        settings=_variant(record.settings),
        notes=[shown(note, TEXT) for note in record.notes],
        series=[_series(series) for series in record.series],
    )


def shown(text: str, length: int = NAME) -> str:
    """Return a text with URLs redacted, what is not printable escaped, and the rest cut off."""
    redacted = _URL.sub(lambda url: redact_url(url[0]), text[: 2 * TEXT])
    printable = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in redacted
    )
    return printable if len(printable) <= length else f"{printable[: length - 1]}…"


def spread(values: list[float], middle: float, unit: str = "") -> str:
    """Return a median and, if there is more than one value, the least and the greatest of them."""
    least, greatest = min(values), max(values)
    whole = all(value.is_integer() for value in (middle, least, greatest))
    decimals = 0 if whole else _decimals(middle or greatest or least, unit)
    text = number(middle, decimals)
    if len(values) == 1:
        return text
    return f"{text} ({number(least, decimals)}–{number(greatest, decimals)})"


def number(value: float, decimals: int = 0) -> str:
    """Return a number with commas between thousands; a very large one with an exponent."""
    return f"{value:,.{decimals}f}" if abs(value) < 1e12 else f"{value:.3g}"


def percent(share: float | None, *, sign: bool = False) -> str:
    """Return a share as a percentage, or a dash for none."""
    if share is None:
        return NOTHING
    if sign:
        return f"{share * 100:+,.1f} %" if abs(share) < 1e6 else f"{share * 100:+.3g} %"
    return f"{number(share * 100)} %"


def option(value: float | str) -> str:
    """Return what a variant has for a name."""
    if isinstance(value, str):
        return value
    return number(value) if float(value).is_integer() else f"{value:g}"


def options(variant: Variant) -> str:
    """Return a variant in one line."""
    return ", ".join(f"{name} {option(value)}" for name, value in variant.items())


def moment(seconds: float) -> str:
    """Return a moment in UTC, to the minute; one that no calendar has as a number of seconds."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{number(seconds)} s after the epoch"


def duration(seconds: float) -> str:
    """Return how long something took."""
    return f"{number(seconds)} s" if seconds < 120 else f"{number(seconds / 60, 1)} min"


def _decimals(value: float, unit: str) -> int:
    """Return how many decimals show three digits of a number.

    A percentage has three decimals: 99.999 % of the jobs are not all of them.
    """
    if unit == "%":
        return 3
    return min(max(2 - floor(log10(abs(value))), 0), 9)


def _variant(variant: Variant) -> Variant:
    return {
        shown(name): shown(value) if isinstance(value, str) else value
        for name, value in variant.items()
    }


def _series(series: Series) -> Series:
    return structs.replace(
        series,
        subject=shown(series.subject),
        workload=shown(series.workload),
        metric=shown(series.metric),
        unit=shown(series.unit),
        variant=_variant(series.variant),
    )
