"""A task's arguments, checked against its annotations on both sides of the wire.

A call travels as it was made: positional arguments in an array, keyword arguments in a map. A
producer that has the task's code passes by name whatever can be passed by name, so that both
sides have a single struct to fill; one that only knows the task's name sends what it was given.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any, TypeAlias, get_type_hints

import msgspec
from msgspec import UNSET, Raw, UnsetType

from headrace.codec import EMPTY_ARGS, EMPTY_KWARGS, encode, from_builtin
from headrace.errors import InvalidArguments, InvalidTask

Bound: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Arguments as a function is called with them."""

_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)

_raw_args = msgspec.msgpack.Decoder(list[Raw])
_raw_kwargs = msgspec.msgpack.Decoder(dict[str, Raw])


class Signature:
    """Encodes and decodes the arguments of one function.

    Raises:
        InvalidTask: An annotation cannot be resolved or cannot travel.
    """

    def __init__(self, task: str, function: Callable[..., Any]) -> None:
        self._task = task
        parameters = list(_parameters(task, function))
        self._positional = [p.name for p in parameters if p.kind in _BY_POSITION]
        self._named = {p.name for p in parameters if p.kind in _BY_NAME}
        self._rest = _name_of(parameters, Parameter.VAR_POSITIONAL)
        self._extra = _name_of(parameters, Parameter.VAR_KEYWORD)
        self._by_name = all(p.kind in _BY_NAME for p in parameters)
        self._arguments = _arguments_struct(parameters)
        self._fields = self._arguments.__struct_fields__
        self._optional = [
            place
            for place, p in enumerate(parameters)
            if p.kind in _BY_POSITION and p.default is not Parameter.empty
        ]
        self._all_given = len(self._positional) == len(parameters) and not self._optional
        try:
            self._decoder = msgspec.msgpack.Decoder(self._arguments, dec_hook=from_builtin)
        except TypeError as error:
            message = f"task {task!r}: an annotation cannot travel: {error}"
            raise InvalidTask(message) from error

    def encode(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Raw, Raw]:
        """Return a call's arguments as msgpack, positional and by name.

        What was encoded is decoded at once, so that whatever a worker would refuse is refused
        here, in the caller.

        Raises:
            InvalidArguments: They do not fit the signature or cannot be encoded.
        """
        try:
            if not self._by_name:
                raw = Raw(encode(args)), Raw(encode(kwargs))
                self._bind(*raw)
                return raw
            self._check_count(args)
            if not (args or kwargs):
                kwargs_raw = EMPTY_KWARGS
            else:
                kwargs_raw = Raw(encode(self._arguments(*args, **kwargs)))
            self._decoder.decode(kwargs_raw)
        except Exception as error:
            raise self._misfit(error) from error
        return EMPTY_ARGS, kwargs_raw

    def decode(self, args: Raw, kwargs: Raw) -> Bound:
        """Return the arguments as the function is to be called with them.

        Raises:
            InvalidArguments: They do not fit the signature.
        """
        try:
            if args == EMPTY_ARGS and self._by_name:
                arguments = self._decoder.decode(kwargs)
            else:
                arguments = self._bind(args, kwargs)
        except Exception as error:
            raise self._misfit(error) from error
        return self._call(arguments)

    def _call(self, arguments: Any) -> Bound:
        values = msgspec.structs.astuple(arguments)
        if self._all_given:
            return values, {}
        # Behind a parameter that was left out, none can be given by position.
        count = len(self._positional)
        for place in self._optional:
            if values[place] is UNSET:
                count = place
                break
        named: dict[str, Any] = {}
        for place in range(count, len(values)):
            if values[place] is not UNSET:
                named[self._fields[place]] = values[place]
        positional = values[:count]
        if self._rest is not None:
            positional += tuple(named.pop(self._rest))
        if self._extra is not None:
            named.update(named.pop(self._extra))
        return positional, named

    def _bind(self, args: Raw, kwargs: Raw) -> Any:
        """Give every argument to its parameter, as a call in Python would."""
        positional = _raw_args.decode(args)
        count = len(self._positional)
        bound: dict[str, object] = dict(zip(self._positional, positional, strict=False))
        if self._rest is not None:
            bound[self._rest] = positional[count:]
        else:
            self._check_count(positional)
        extra: dict[str, Raw] = {}
        for name, value in _raw_kwargs.decode(kwargs).items():
            if name not in self._named:
                extra[name] = value
            elif name in bound:
                message = f"argument {name!r} given by name and position"
                raise TypeError(message)
            else:
                bound[name] = value
        if self._extra is not None:
            bound[self._extra] = extra
        elif extra:
            message = f"unexpected arguments {sorted(extra)}"
            raise TypeError(message)
        return self._decoder.decode(encode(bound))

    def _check_count(self, positional: Sequence[object]) -> None:
        if len(positional) > len(self._positional):
            message = f"takes {len(self._positional)} positional arguments, got {len(positional)}"
            raise TypeError(message)

    def _misfit(self, error: Exception) -> InvalidArguments:
        return InvalidArguments(f"task {self._task!r}: {error}")


def _parameters(task: str, function: Callable[..., Any]) -> list[Parameter]:
    """Return a function's parameters with their annotations resolved."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as error:
        message = (
            f"task {task!r}: an annotation cannot be resolved ({error}): "
            "its name must be importable at run time, not only under TYPE_CHECKING"
        )
        raise InvalidTask(message) from error
    return [
        parameter.replace(annotation=hints.get(parameter.name, Any))
        for parameter in inspect.signature(function).parameters.values()
    ]


def _name_of(parameters: list[Parameter], kind: Any) -> str | None:
    return next((p.name for p in parameters if p.kind is kind), None)


def _arguments_struct(parameters: list[Parameter]) -> type[msgspec.Struct]:
    """Build the struct that holds one call, keyword-only parameters last."""
    first = [p for p in parameters if p.kind in _BY_POSITION]
    rest = [p for p in parameters if p.kind not in _BY_POSITION]
    positional = msgspec.defstruct(
        "Arguments", [_field(p) for p in first], forbid_unknown_fields=True, frozen=True
    )
    return msgspec.defstruct(
        "Arguments",
        [_field(p) for p in rest],
        bases=(positional,),
        kw_only=True,
        forbid_unknown_fields=True,
        frozen=True,
    )


def _field(parameter: Parameter) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind: Any = parameter.annotation
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return (parameter.name, _generic(list, kind), [])
    if parameter.kind is Parameter.VAR_KEYWORD:
        return (parameter.name, _generic(dict, (str, kind)), {})
    if parameter.default is Parameter.empty:
        return (parameter.name, kind)
    return (parameter.name, kind | UnsetType, UNSET)


def _generic(origin: Any, arguments: Any) -> Any:
    return origin[arguments]
