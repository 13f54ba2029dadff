"""The function behind a task: how it is called, what it takes and what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, get_type_hints

import msgspec

from headrace.codec import from_builtin
from headrace.errors import InvalidOption, InvalidTask
from headrace.signature import Signature


class Implementation:
    """A function that runs as a task.

    Annotations are looked at when they are first needed, so that they may name what is defined
    further down in the module.

    Args:
        task: The task's name, for errors.
        function: `async def`, or a plain function, which runs in a thread.
        concurrency: How many jobs of it one worker runs at a time, `None` for no limit of its own.

    Raises:
        InvalidTask: It is a generator, a class or nothing that can be called.
        InvalidOption: The concurrency is less than 1.
    """

    def __init__(
        self, task: str, function: Callable[..., Any], concurrency: int | None = None
    ) -> None:
        if inspect.isclass(function) or not callable(function):
            message = f"task {task!r}: a task is a function, not {function!r}"
            raise InvalidTask(message)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            message = f"task {task!r}: a generator cannot be a task: collect its values and return"
            raise InvalidTask(message)
        if concurrency is not None and concurrency < 1:
            message = f"task {task!r}: a concurrency is 1 or more, not {concurrency}"
            raise InvalidOption(message)
        self.task = task
        self.concurrency = concurrency
        self.function = function
        self.is_async: bool = inspect.iscoroutinefunction(function)

    @cached_property
    def signature(self) -> Signature:
        """Encodes and decodes the arguments."""
        return Signature(self.task, self.function)

    @cached_property
    def result(self) -> msgspec.msgpack.Decoder[Any]:
        """Decodes what the function returned."""
        hints = get_type_hints(self.function, include_extras=True)
        return msgspec.msgpack.Decoder(hints.get("return", Any), dec_hook=from_builtin)
