"""The one place where the driver's errors become Headrace's."""

from __future__ import annotations

import re

from redis import exceptions as driver

from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown, Overloaded, Unavailable


class QueueLost(Unavailable):
    """The server no longer has the queue, or a consumer group of it: declare it again."""


_KINDS: dict[str, type[BrokerError]] = {
    "NOQUEUE": QueueLost,
    "NOGROUP": QueueLost,
    "UNBLOCKED": QueueLost,
    "OOM": Overloaded,
    "READONLY": Unavailable,
    "LOADING": Unavailable,
    "MISCONF": Unavailable,
    "NOREPLICAS": Unavailable,
    "MASTERDOWN": Unavailable,
    "CLUSTERDOWN": Unavailable,
    "TRYAGAIN": Unavailable,
    "MOVED": Unavailable,
    "ASK": Unavailable,
    "BUSY": Unavailable,
    "NOAUTH": AuthFailed,
    "WRONGPASS": AuthFailed,
    "NOPERM": AuthFailed,
}
"""By the server's error codes. Inside a script Redis 6.2 puts them in the middle of its text."""

_CODE = re.compile(r"(?:^|\s|-|')(" + "|".join(_KINDS) + r")\b")

_MAY_NOT = re.compile(r"ACL failure in script|The user executing the script can't")
"""A missing right inside a script has no code: as Redis 7 and Valkey say it, and Redis 6.2."""

_AUTH = (
    driver.AuthenticationError,
    driver.AuthenticationWrongNumberOfArgsError,
    driver.AuthorizationError,
    driver.NoPermissionError,
)

_NEVER_SENT = re.compile(
    r"connecting to|No connection available|max number of clients|Too many connections"
)

_CLOSED = re.compile(r"the handler is closed")
"""What uvloop says to who writes on a connection that was just cut, before anything is sent."""

_UNKNOWN_NODE = re.compile(r"'NoneType' object has no attribute")
"""What the driver comes to when a node of a cluster sends it on to one that has no slot yet."""


class _Mapping:
    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and (ours := _ours(error)):
            raise ours from error


_mapping = _Mapping()


def mapped() -> _Mapping:
    """Return a context that lets only Headrace's errors out."""
    return _mapping


def _ours(error: BaseException) -> BrokerError | None:
    """Return what takes the place of an error; `None`: it passes."""
    if isinstance(error, driver.RedisError | driver.RedisClusterException):
        return translate(error)
    if isinstance(error, OSError | EOFError):
        return OutcomeUnknown(_text(error))
    if isinstance(error, RuntimeError) and _CLOSED.search(str(error)):
        return Unavailable(_text(error))
    if isinstance(error, AttributeError) and _UNKNOWN_NODE.search(str(error)):
        return OutcomeUnknown(_text(error))
    return None


def translate(error: driver.RedisError | driver.RedisClusterException) -> BrokerError:
    """Return what an error of the driver means."""
    return _kind(error)(_text(error))


def _kind(error: Exception) -> type[BrokerError]:
    if isinstance(error, driver.ResponseError):
        return _by_code(error)
    if isinstance(error, _AUTH):
        return AuthFailed
    if isinstance(error, driver.ConnectionError | driver.TimeoutError):
        loading = isinstance(error, driver.BusyLoadingError)
        return Unavailable if loading or _NEVER_SENT.search(str(error)) else OutcomeUnknown
    if isinstance(error, driver.InvalidResponse):
        return OutcomeUnknown
    return _by_class(error)


def _by_code(error: driver.ResponseError) -> type[BrokerError]:
    # redis-py cuts the codes that it has classes for off the text.
    if isinstance(error, _AUTH) or _MAY_NOT.search(str(error)):
        return AuthFailed
    if isinstance(error, driver.OutOfMemoryError):
        return Overloaded
    code = _CODE.search(str(error))
    return _KINDS[code[1]] if code else _by_class(error)


def _by_class(error: Exception) -> type[BrokerError]:
    temporary = (
        driver.ReadOnlyError,
        driver.ClusterError,
        driver.RedisClusterException,
        driver.ClusterDownError,
        driver.TryAgainError,
        driver.AskError,
        driver.MovedError,
    )
    return Unavailable if isinstance(error, temporary) else BrokerError


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
