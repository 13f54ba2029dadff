"""An exception as text of a bounded size, whatever its class does when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException
from types import TracebackType
from typing import Any

from msgspec import Struct

_OURS = str(Path(__file__).parent.parent)

MAX_MESSAGE = 4_096
"""Characters of an exception's text."""

MAX_TRACEBACK = 16_384
"""Characters of a traceback: its end, where the exception stands."""


class Description(Struct, frozen=True):
    """What is kept of an exception.

    Attributes:
        error: Its class, with its module where that is not builtins.
        message: Its text.
        traceback: Its traceback.
    """

    error: str
    message: str
    traceback: str


def describe(error: BaseException) -> Description:
    """Return an exception as text. It never raises."""
    return Description(_class_name(error), _text(error), _traceback(error))


def _class_name(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__
    return name if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{name}"


def _text(error: BaseException) -> str:
    # A task's exception may do anything in __str__; nothing of it may reach the worker.
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - see above
        return "<its text cannot be shown>"
    return _clean(text[: MAX_MESSAGE + 1], MAX_MESSAGE)


def _traceback(error: BaseException) -> str:
    try:
        frames = _theirs(error.__traceback__)
        report = TracebackException(type(error), error, frames, limit=-50, compact=True)
        for part in _parts(report):
            part.stack = _Frames(part.stack)
        text = "".join(report.format())
    except BaseException:  # noqa: BLE001 - as in _text
        return "<its traceback cannot be shown>"
    return _clean(text if len(text) <= MAX_TRACEBACK else "…" + text[-MAX_TRACEBACK + 1 :])


def _parts(report: TracebackException) -> Iterator[TracebackException]:
    """Return the report of an exception, and those of all that led to it."""
    waiting: list[TracebackException | None] = [report]
    while waiting:
        part = waiting.pop()
        if part is not None:
            yield part
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]


class _Frames(StackSummary):
    """Frames whose text is remembered: jobs that fail do so at the same places.

    To mark the place within a line Python compiles the line, which is half of what a traceback
    costs, and two thirds from 3.13 on.
    """

    def format_frame_summary(self, frame_summary: FrameSummary, **_: Any) -> str:
        frame = frame_summary
        place = frame.lineno, frame.end_lineno, frame.colno, frame.end_colno
        return _frame(frame.filename, frame.name, *place)


@lru_cache(maxsize=1024)
def _frame(
    filename: str,
    name: str,
    lineno: int | None,
    end_lineno: int | None,
    colno: int | None,
    end_colno: int | None,
) -> str:
    frame = FrameSummary(
        filename, lineno, name, end_lineno=end_lineno, colno=colno, end_colno=end_colno
    )
    return StackSummary().format_frame_summary(frame)


def _theirs(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that led into the task's code, unless all are ours."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename.startswith(_OURS):
        first = first.tb_next
    return first or frames


def _clean(text: str, limit: int = MAX_TRACEBACK) -> str:
    """Cut a text, and replace lone surrogates, which cannot be encoded."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.encode("utf-8", "replace").decode("utf-8")
