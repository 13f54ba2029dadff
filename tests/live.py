"""For tests on real servers, in real time: a queue with a task, a worker beside it, brokers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import pytest

from headrace import Queue, RetryPolicy, Worker, current_job
from headrace.broker import Broker
from headrace.ids import new_id
from tests.ledger import Ledger

T = TypeVar("T")
B = TypeVar("B", bound=Broker)

Connect: TypeAlias = Callable[[str], Awaitable[T]]
Make: TypeAlias = Callable[..., Queue]
Working: TypeAlias = Callable[..., AbstractAsyncContextManager[Worker]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run on the event loop that workers run on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def name() -> str:
    return new_id()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def make(name: str, ledger: Ledger) -> Make:
    """Makes queues of one name with one task, which ends at its start number `at`."""

    def queue(url: str, **settings: Any) -> Queue:
        made = Queue(url, name=name, **settings)

        @made.task(retry=RetryPolicy(attempts=5, base=0.01, max_delay=0.05))
        async def work(number: int, failures: int = 0) -> int:
            ledger.start(number)
            if current_job().attempt <= failures:
                raise ValueError(number)
            ledger.end(number)
            return number

        return made

    return queue


@pytest.fixture
def working() -> Working:
    """Run a worker for as long as a block lasts, then stop it and check that it ends."""

    @asynccontextmanager
    async def work(queue: Queue, **settings: Any) -> AsyncGenerator[Worker]:
        worker, started = Worker(queue, **settings), asyncio.Event()
        running = asyncio.create_task(worker.run(signals=False, started=started.set))
        await asyncio.wait(
            [running, asyncio.create_task(started.wait())], return_when="FIRST_COMPLETED"
        )
        try:
            yield worker
            assert not running.done(), "the worker ended by itself"
        finally:
            worker.stop()
            worker.stop()
            async with asyncio.timeout(30):
                await running

    return work


@asynccontextmanager
async def connecting(broker_of: Callable[[str], B]) -> AsyncGenerator[Connect[B]]:
    """Give what returns opened brokers, and close them in the end, those that did not open too.

    Args:
        broker_of: Makes a broker from its URL.
    """
    async with AsyncExitStack() as stack:

        async def opened(url: str) -> B:
            broker = broker_of(url)
            stack.push_async_callback(broker.close)
            await broker.open()
            return broker

        yield opened


class Held:
    """A task of a queue that goes on until it is let go."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self.go_on = asyncio.Event()

        @queue.task(retry=None)
        async def held(number: int) -> int:
            ledger.start(number)
            await self.go_on.wait()
            ledger.end(number)
            return number
