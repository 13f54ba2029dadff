"""From a broker URL to an address: what brokers on servers have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import SplitResult, parse_qsl

from msgspec import Struct

from headrace.durations import seconds
from headrace.errors import InvalidOption, InvalidURL
from headrace.ids import is_valid_id
from headrace.urls import redact_url, split_url

Reader: TypeAlias = Callable[[str, str], Any]
"""Reads an option, given its name and its text. No error shows the text: it may be secret."""


class BrokerAddress(Struct, frozen=True, kw_only=True):
    """A broker URL, understood. It holds secrets: `url` is what may be shown.

    Attributes:
        url: Redacted.
        tls: Whether to insist on TLS. Certificates are always verified.
        tls_ca: File of certificate authorities; `None`: those of the system.
        tls_cert: File of the client's certificate.
        tls_key: File of the client's key.
        timeout: Seconds to wait for a connection, and for an answer.
        prefix: What all names that the broker gives on the server begin with.
    """

    url: str
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    timeout: float = 5.0
    prefix: str = "headrace"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Rich, which shows local variables in tracebacks, would show every field.
        return [("url", self.url)]


A = TypeVar("A", bound=BrokerAddress)


def understand(url: str, schemes: Collection[str], read: Callable[[str, SplitResult], A]) -> A:
    """Understand a broker URL.

    Args:
        url: With its secrets.
        schemes: Those of the broker.
        read: Makes the address, given the redacted URL and the parts of the whole one. A
            `ValueError` of it says what is wrong, and shows no secret.

    Raises:
        InvalidURL: It is none of this broker; the message says which part.
    """
    parts, shown = split_url(url), redact_url(url)
    try:
        _check(parts, schemes)
        return read(shown, parts)
    except ValueError as error:
        message = f"{shown}: {error}"
        raise InvalidURL(message) from None


def _check(parts: SplitResult, schemes: Collection[str]) -> None:
    if parts.scheme not in schemes:
        message = f"the schemes are {', '.join(schemes)}"
        raise ValueError(message)
    if "@" in parts.path + parts.query + parts.fragment:
        # A password with one of these in it was cut in two: nothing of what follows may show.
        message = "percent-encode / ? # @ in the user name, the password and options"
        raise ValueError(message)


def read_options(query: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return what stands behind the `?`: the value of each option that is given, by its name.

    Raises:
        ValueError: There is no such option, or its reader does not like its text.
    """
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(set(options) - set(readers))
    if unknown:
        message = f"no option {unknown[0]!r}; there are {', '.join(readers)}"
        raise ValueError(message)
    return {name: readers[name](name, text) for name, text in options.items()}


def read_prefix(name: str, text: str) -> str:
    """Return what names on a server begin with.

    Raises:
        ValueError: It might be read as more than one name.
    """
    if not is_valid_id(text):
        message = f"a {name} is 1 to 64 of A-Z a-z 0-9 _ -"
        raise ValueError(message)
    return text


def read_seconds(name: str, text: str) -> float:
    """Return a time in seconds.

    Raises:
        ValueError: It is no number, or not more than 0.
    """
    try:
        duration = seconds(float(text), name=name)
    except (ValueError, InvalidOption):
        duration = 0.0
    if duration <= 0:
        message = f"{name} is a number of seconds, more than 0"
        raise ValueError(message)
    return duration
