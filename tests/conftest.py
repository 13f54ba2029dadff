"""What the tests share: a clock that they move, a queue on it, and a worker beside it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest

from headrace import Queue, Worker
from headrace.memory import MemoryBroker
from headrace.testing import ManualClock

Working: TypeAlias = Callable[..., AbstractAsyncContextManager[Worker]]

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore Ctrl-C, and all that is started by that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run every async test on asyncio's own event loop and on uvloop."""
    if request.param == "uvloop" and sys.platform == "win32":
        pytest.skip("uvloop does not run on Windows")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def records_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what Headrace logged, and not what asyncio says of an earlier test's leftovers."""
    return [record for record in caplog.records if record.name.startswith("headrace")]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def broker(clock: ManualClock) -> MemoryBroker:
    return MemoryBroker(clock=clock)


@pytest.fixture
async def queue(broker: MemoryBroker) -> AsyncIterator[Queue]:
    async with Queue(broker) as opened:
        yield opened


@pytest.fixture
def working(clock: ManualClock) -> Working:
    """Run a worker for as long as a block lasts, then stop it and check that it ended in order."""

    @asynccontextmanager
    async def work(*queues: Queue, **settings: Any) -> AsyncGenerator[Worker]:
        worker = Worker(*queues, **settings)
        running = asyncio.create_task(worker.run(signals=False))
        await clock.settle()
        try:
            yield worker
        finally:
            worker.stop()
            worker.stop()
            while not running.done():
                await clock.advance(0.25)
        await running

    return work
