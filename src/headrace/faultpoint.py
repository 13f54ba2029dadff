"""Named points between the steps of a change, where a test can let the process die.

Nothing happens at a point unless a handler is installed, and only tests install one: the price is
one call and one comparison, some 50 ns, for each batch, and once for each job that runs. Points
have no other meaning, and their names may change with any version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Handler: TypeAlias = Callable[[str], object]
"""Takes the name of a point. What it raises is raised there."""

_handler: Handler | None = None


def install(handler: Handler | None) -> None:
    """Have a handler called at each point of this process, from any thread; `None`: none."""
    global _handler  # noqa: PLW0603 - a name that is looked up once is what costs next to nothing
    _handler = handler


def reach(point: str) -> None:
    """Say that a point is reached.

    Args:
        point: Its name: of the part, of the verb, and what is done already.
    """
    if _handler is not None:
        _handler(point)
