"""Tasks: functions that can be enqueued, with their own signature kept for type checkers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Mapping
from functools import WRAPPER_ASSIGNMENTS
from typing import Any, Generic, ParamSpec, Self, TypeVar, Unpack

import msgspec
from msgspec import Raw, Struct

from headrace.codec import Settings, encode, from_builtin
from headrace.errors import InvalidArguments
from headrace.implementation import Implementation
from headrace.options import JobOptions, Options, checked

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

_anything = msgspec.msgpack.Decoder(dec_hook=from_builtin)


class Task(Generic[P, R_co]):
    """Something that can be enqueued: a name, a signature and options.

    `Queue.task` makes one of a function. A bare `Task` stands for a function that only other
    processes have: `Queue.remote` makes it, and its arguments cannot be checked here.

    Args:
        name: What it is called on the wire.
        defaults: Options of all its jobs, as `headrace.options.checked` returns them.

    Attributes:
        name: What it is called on the wire.
        defaults: The options of all its jobs.
        overrides: The ones of `options()`, as `headrace.options.checked` returns them.
        effective: The defaults with the overrides over them.
        settings: What of the overrides travels with its jobs.

    Examples:
        >>> Task("ship").options(delay=60)
        <Task 'ship'>
    """

    def __init__(self, name: str, defaults: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.defaults: Options = Options(**(defaults or {}))
        self._defaults = defaults or {}
        self._override({})

    def _override(self, options: Mapping[str, Any]) -> None:
        self.overrides: Mapping[str, Any] = options
        self.effective: Options = Options(**{**self._defaults, **options})
        self.settings: Settings | None = Options(**options).settings() if options else None

    def options(self, **options: Unpack[JobOptions]) -> Self:
        """Return a copy with other options and the same signature.

        Args:
            **options: See `headrace.options.JobOptions`.

        Raises:
            InvalidOption: One is unknown or makes no sense.

        Examples:
            >>> job = await queue.enqueue(send_email.options(delay=60), "a@b.c", "hi")
            >>> await job.status()
            <JobState.DELAYED: 'delayed'>
        """
        twin = copy.copy(self)
        twin._override({**self.overrides, **checked(options)})  # noqa: SLF001 - its own kind
        return twin

    def call(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R_co]:
        """Return a call that can be enqueued later. Its arguments are encoded now.

        Raises:
            InvalidArguments: They do not fit the signature, or cannot be encoded.

        Examples:
            >>> [job] = await queue.enqueue_many([send_email.call("a@b.c", "hi")])
        """
        return Call(self, *self._encode(args, kwargs))

    def _encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Raw, Raw]:
        try:
            return Raw(encode(args)), Raw(encode(kwargs))
        except Exception as error:
            message = f"task {self.name!r}: {error}"
            raise InvalidArguments(message) from error

    def decode_result(self, raw: bytes) -> R_co:
        """Return what the function returned; msgspec's own errors pass through."""
        value: R_co = _anything.decode(raw)
        return value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


class LocalTask(Task[P, R_co]):
    """A task whose function is here. Its arguments and its result are checked against it.

    Attributes:
        implementation: The function.
    """

    def __init__(self, implementation: Implementation, defaults: Mapping[str, Any]) -> None:
        super().__init__(implementation.task, defaults)
        self.implementation = implementation
        self.__wrapped__: Callable[..., Any] = implementation.function
        for name in WRAPPER_ASSIGNMENTS:
            setattr(self, name, getattr(implementation.function, name, None))

    def _encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Raw, Raw]:
        return self.implementation.signature.encode(args, kwargs)

    def decode_result(self, raw: bytes) -> R_co:
        """Return what the function returned, as its annotation has it."""
        value: R_co = self.implementation.result.decode(raw)
        return value


class AsyncTask(LocalTask[P, R_co]):
    """A task that is an `async def`. It can still be awaited directly.

    Examples:
        >>> await send_email("a@b.c", "hi")
        2
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
        """Call the function here and now, without any queue."""
        coroutine: Coroutine[Any, Any, R_co] = self.implementation.function(*args, **kwargs)
        return coroutine


class ThreadTask(LocalTask[P, R_co]):
    """A task that is a plain function: it runs in a thread. It can still be called directly.

    Examples:
        >>> @queue.task
        ... def thumbnail(path: str, width: int = 800) -> str:
        ...     return f"{path}@{width}"
        >>> thumbnail("a.png")
        'a.png@800'
        >>> job = await queue.enqueue(thumbnail, "a.png", width=80)
        >>> await job.result(timeout=10)
        'a.png@80'
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function here and now, without any queue."""
        value: R_co = self.implementation.function(*args, **kwargs)
        return value


class Call(Struct, Generic[R_co], frozen=True, eq=False):
    """One call of a task, ready to be enqueued. Made by `Task.call`.

    Attributes:
        task: What is called.
        args: Its positional arguments, encoded.
        kwargs: Its keyword arguments, encoded.

    Examples:
        >>> send_email.call("a@b.c", "hi")
        <Call of 'send_email'>
    """

    task: Task[..., R_co]
    args: Raw
    kwargs: Raw

    def __repr__(self) -> str:
        return f"<Call of {self.task.name!r}>"
