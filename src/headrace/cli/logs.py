"""Log lines: a constant message, then the facts; as text for people, as JSON for machines."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from headrace.cli.text import escaped, plain

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
        facts = _facts(record)
        trace = str(facts.pop("traceback", "") or "")
        first, *rest = text.split("\n")
        line = " ".join([first, *(f"{key}={plain(value)}" for key, value in facts.items())])
        return "\n".join([line, *rest, *(escaped(below) for below in trace.splitlines())])


class JsonFormatter(logging.Formatter):
    """Writes each record as one JSON object on one line, for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


FORMATS: dict[str, type[logging.Formatter]] = {"text": FactsFormatter, "json": JsonFormatter}
"""What `--log-format` takes."""


def configure_logging(level: str, form: str = "text") -> None:
    """Log to standard error from this level on, as text or as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
