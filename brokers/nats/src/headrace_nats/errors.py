"""The one place where the driver's errors, and the server's, become Headrace's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from nats import errors as driver

from headrace.errors import (
    AuthFailed,
    BrokerError,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    Unsupported,
)
from headrace_nats.wire import Failure


class QueueLost(Unavailable):
    """The server no longer has the stream of a queue, or a consumer of it: declare it again."""


_KINDS: dict[int, type[BrokerError]] = {
    10005: Unavailable,  # no suitable peers for placement
    10014: QueueLost,  # consumer not found
    10059: QueueLost,  # stream not found
    10002: Overloaded,  # resource limits exceeded for account
    10023: Overloaded,  # insufficient resources
    10026: Overloaded,  # maximum consumers limit reached
    10027: Overloaded,  # maximum number of streams reached
    10028: Overloaded,  # resource limits exceeded for server
    10047: Overloaded,  # insufficient storage resources available
    10054: Overloaded,  # message size exceeds maximum allowed
    10077: Overloaded,  # maximum messages or bytes of the stream
    10167: Overloaded,  # too many requests
    10176: Unavailable,  # batch publish is incomplete and was abandoned
    10210: Overloaded,  # too many batches
    10039: Unsupported,  # JetStream not enabled for account
    10076: Unsupported,  # JetStream not enabled
}
"""By the server's error codes, as its `errors.json` lists them."""


def translate(failure: Failure) -> BrokerError:
    """Return what an error of the server means."""
    kind = _KINDS.get(failure.err_code)
    if kind is None:
        kind = Unavailable if failure.code in (408, 503) else BrokerError
    return kind(f"{failure.description} ({failure.err_code})")


@contextmanager
def mapped() -> Generator[None]:
    """Let only Headrace's errors out of what sends something."""
    try:
        yield
    except (driver.AuthorizationError, driver.InvalidUserCredentialsError) as error:
        raise AuthFailed(_text(error)) from error
    except (driver.TimeoutError, TimeoutError) as error:
        raise OutcomeUnknown(_text(error)) from error
    except driver.Error as error:
        raise Unavailable(_text(error)) from error
    except OSError as error:
        raise OutcomeUnknown(_text(error)) from error


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
