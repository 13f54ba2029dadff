"""From what a command line names to queues: `module:queue`, or a broker's URL and a name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from operator import attrgetter
from pathlib import Path

import click

from headrace.broker import Broker, QueueSpec
from headrace.cli.failure import Failure
from headrace.plugins import broker_from_url
from headrace.queue import Queue
from headrace.urls import redact_url

DEFAULT_NAME = "default"


def load_queue(target: str) -> Queue:
    """Return the queue that `package.module:attribute` names, looking in the current folder too.

    Raises:
        click.UsageError: It names none; the message says which part is wrong.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        message = f"{target!r}: write module:queue, as in app:queue"
        raise click.UsageError(message)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        message = f"there is no module {error.name!r} here or among the installed packages"
        raise click.UsageError(message) from error
    try:
        found = attrgetter(attribute)(module)
    except AttributeError as error:
        message = f"module {module_name!r} has no {attribute!r}"
        raise click.UsageError(message) from error
    if not isinstance(found, Queue):
        message = f"{target!r} is a {type(found).__name__}, not a Queue"
        raise click.UsageError(message)
    return found


class Target:
    """What a command is about: loaded, and not opened yet.

    A module is imported here and not within the event loop, so that it may run one of its own.

    Args:
        text: `module:queue`, or a broker's URL.
        name: Which of the URL's queues.

    Attributes:
        broker: The URL's, or that of the module's queue.

    Raises:
        click.UsageError: The text names no queue, or there is a name beside `module:queue`.
        PluginError: The URL leads to no broker.
    """

    def __init__(self, text: str, name: str | None = None) -> None:
        self._text = text
        self._name = name
        # No module has a slash: a URL that is written wrongly must not be shown as one.
        self._queue = None if "/" in text else load_queue(text)
        if self._queue is not None and name is not None:
            message = "-q goes with a broker's URL: module:queue names its queue already"
            raise click.UsageError(message)
        self.broker: Broker = broker_from_url(text) if self._queue is None else self._queue.broker

    @asynccontextmanager
    async def queue(self) -> AsyncGenerator[Queue]:
        """Open the queue, and close it behind the block.

        Raises:
            Failure: The broker has no queue of this name, or none called `default` if there is no
                name. None is created.
            BrokerError: The broker cannot be reached or refuses.
        """
        name = DEFAULT_NAME if self._name is None else self._name
        async with self._opened(name) as [queue]:
            yield queue

    @asynccontextmanager
    async def queues(self) -> AsyncGenerator[list[Queue]]:
        """Open the queue, or without a name all those of the URL's broker.

        Raises:
            Failure: As `queue`, and so the others.
        """
        async with self._opened(self._name) as queues:
            yield queues

    @asynccontextmanager
    async def _opened(self, name: str | None) -> AsyncGenerator[list[Queue]]:
        async with AsyncExitStack() as stack:
            if self._queue is not None:
                found = [self._queue]
            else:
                stack.push_async_callback(self.broker.close)
                await self.broker.open()
                specs = self._chosen(name, await self.broker.queues())
                found = [_declared(self.broker, spec) for spec in specs]
            yield [await stack.enter_async_context(queue) for queue in found]

    def _chosen(self, name: str | None, specs: Sequence[QueueSpec]) -> list[QueueSpec]:
        chosen = [spec for spec in specs if name in (None, spec.name)]
        if not chosen and name is not None:
            there = ", ".join(repr(spec.name) for spec in specs) or "none"
            place = redact_url(self._text)
            message = f"no queue {name!r} is declared at {place}; there are: {there}"
            raise Failure(message)
        return chosen


def _declared(broker: Broker, spec: QueueSpec) -> Queue:
    """Return a queue as it was declared, so that opening it changes nothing."""
    return Queue(
        broker,
        name=spec.name,
        lanes=spec.lanes,
        lease=spec.lease,
        result_ttl=spec.result_ttl,
    )
