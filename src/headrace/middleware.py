"""Middleware: code around every job of a queue, as an onion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from headrace.context import CurrentJob

CallNext: TypeAlias = Callable[[CurrentJob], Awaitable[Any]]
"""Runs the rest of the onion and returns what the task returned."""

Middleware: TypeAlias = Callable[[CurrentJob, CallNext], Awaitable[Any]]
"""`async def middleware(job, call_next)`: returns the job's value, mostly `await call_next(job)`.

What it raises counts as if the task had raised it.
"""


def compose(layers: Sequence[Middleware], innermost: CallNext) -> CallNext:
    """Return a function that runs the layers around `innermost`, the first one outermost."""
    call = innermost
    for layer in reversed(layers):
        call = _wrap(layer, call)
    return call


def _wrap(layer: Middleware, call_next: CallNext) -> CallNext:
    def call(job: CurrentJob) -> Awaitable[Any]:
        return layer(job, call_next)

    return call
