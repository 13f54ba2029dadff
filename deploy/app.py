"""The app of compose.yaml, with one task. Its broker is `$HEADRACE_URL`."""

from __future__ import annotations

from headrace import Queue

queue = Queue()


@queue.task
async def greet(name: str) -> str:
    """Return a greeting."""
    return f"hello, {name}"
