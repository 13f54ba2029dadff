"""Log lines for people: a constant message, then the facts."""

from __future__ import annotations

import logging
from typing import Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FactsFormatter(logging.Formatter):
    """Writes what came in `extra` as `key=value` behind the message, a traceback beneath it.

    Facts can come from strangers: control characters are escaped, so that none can forge a line
    or speak to the terminal.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or lines, of a record."""
        text = super().format(record)
        facts = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        trace = str(facts.pop("traceback", "") or "")
        first, *rest = text.split("\n")
        line = " ".join([first, *(f"{key}={_plain(value)}" for key, value in facts.items())])
        return "\n".join([line, *rest, *(_escaped(below) for below in trace.splitlines())])


def _plain(value: Any) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)


def _escaped(line: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )


def configure_logging(level: str) -> None:
    """Log to standard error from this level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(FactsFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
