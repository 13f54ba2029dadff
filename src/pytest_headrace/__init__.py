"""Headrace for pytest: queues of an application in a harness, in virtual time.

pytest imports this at every start, so it imports nothing of Headrace before a fixture is asked for.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headrace import Queue
    from headrace.testing import Harness


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the configuration name the queues."""
    parser.addini(
        "headrace_app",
        "Queues of your application for the fixture headrace_queue, such as app:queue, a line each",
        type="linelist",
        default=[],
    )


@pytest.fixture
def headrace_app(pytestconfig: pytest.Config) -> Queue | Sequence[Queue]:
    """Return the queue of your application, or its queues: a fixture to override.

    If it is not, they are those that `headrace_app` in pytest's configuration names; if it names
    none, there are none.
    """
    return [pkgutil.resolve_name(name) for name in pytestconfig.getini("headrace_app")]


@pytest.fixture
def headrace_queue(
    request: pytest.FixtureRequest, headrace_app: Queue | Sequence[Queue]
) -> Generator[Harness]:
    """Put the queues of your application, or a new one, into a `Harness` for the time of a test.

    It asks for no event loop. A test that is `async` may run on anyio's plug-in or on
    pytest-asyncio; the worker ends with the test, in its event loop.
    """
    from headrace import Queue  # noqa: PLC0415 - see above
    from headrace.testing import Harness  # noqa: PLC0415

    queues = [headrace_app] if isinstance(headrace_app, Queue) else headrace_app
    with Harness(*queues) as harness, pytest.MonkeyPatch.context() as patch:
        test = getattr(request.node, "obj", None)
        if inspect.iscoroutinefunction(test):
            patch.setattr(request.node, "obj", _stopping(test, harness))
        yield harness


def _stopping(test: Any, harness: Harness) -> Any:
    """Return a test that stops the worker when it ends."""

    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        try:
            await test(*args, **kwargs)
        finally:
            await harness.stop()

    return run
