"""The code of a job as it runs in a harness: what it waits for, and how it stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from headrace.clock import SystemClock
from headrace.context import CurrentJob

T = TypeVar("T")

_real = SystemClock()


class Life(Protocol):
    """What the code of a job belongs to: a worker process, or what stands for one."""

    @property
    def dead(self) -> bool:
        """Whether its code runs no more."""
        ...

    @property
    def buried(self) -> bool:
        """Whether what it left behind is to come to its end."""
        ...

    def stir(self) -> None:
        """Hear that something began or ended."""
        ...

    async def rest(self) -> None:
        """Wait for the burial, and be cancelled."""
        ...


class Running:
    """A job whose code runs.

    Attributes:
        job: Which.
        life: What runs it.
    """

    def __init__(self, job: CurrentJob, life: Life) -> None:
        self.job = job
        self.life = life
        self._task = asyncio.current_task()
        self._waits = 0
        self._since = _real.monotonic()

    @property
    def busy(self) -> float | None:
        """For how many real seconds it has done something, `None` if it waits for virtual time."""
        return None if self._waits else _real.monotonic() - self._since

    def cancel(self) -> None:
        """Cancel it."""
        if self._task is not None:
            self._task.cancel()

    def wait(self) -> None:
        """Say that it waits for virtual time."""
        self._waits += 1
        self.life.stir()

    def go_on(self) -> None:
        """Say that such a wait is over."""
        self._waits -= 1
        self._since = _real.monotonic()


_running: ContextVar[Running | None] = ContextVar("headrace_testing_running", default=None)


def running_here() -> Running | None:
    """Return the job whose code runs in this context, `None` if there is none."""
    return _running.get()


def set_running(running: Running | None) -> None:
    """Say whose code runs in this context."""
    _running.set(running)


@contextmanager
def waiting() -> Generator[None]:
    """Say that whoever runs here waits for virtual time for as long as a block lasts."""
    running = running_here()
    if running is None:
        yield
        return
    running.wait()
    try:
        yield
    finally:
        running.go_on()


class Mortal(Generic[T]):
    """Awaits a coroutine for as long as its life lasts.

    When that is over the code stands still where it is, as in a process that was killed: no
    `finally` runs, and nothing reaches it. Once it is buried it is cancelled, so that it ends.

    Args:
        code: The coroutine.
        life: What it belongs to.
    """

    def __init__(self, code: Coroutine[Any, Any, T], life: Life) -> None:
        self._code = code
        self._life = life

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the code, step by step."""
        step: Callable[[], Any] = partial(self._code.send, None)
        while True:
            if self._life.dead:
                yield from self._rest()
                step = partial(self._code.throw, asyncio.CancelledError())
            try:
                awaited = step()
            except StopIteration as end:
                value: T = end.value
                return value
            try:
                yield awaited
            except GeneratorExit:
                self._code.close()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever comes is for the code
                step = partial(self._code.throw, error)
            else:
                step = partial(self._code.send, None)

    def _rest(self) -> Generator[Any, Any, None]:
        while not self._life.buried:
            try:
                yield from asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                continue
