"""From a broker URL to where the server is and how to speak to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from msgspec import Struct

from headrace.durations import seconds
from headrace.errors import InvalidOption, InvalidURL
from headrace.ids import is_valid_id
from headrace.urls import redact_url, split_hosts, split_url

DEFAULT_PORT = 4222

SCHEMES = ("nats", "tls")


class Address(Struct, frozen=True, kw_only=True):
    """A broker URL, understood. It holds secrets: `url` is what may be shown.

    Attributes:
        url: Redacted.
        hosts: Names and ports of some servers of the cluster, or of the one server.
        username: Goes with `password`.
        password: Goes with `username`.
        token: Stands alone.
        creds: File with the JWT and the seed of a user.
        nkey: File with the seed of a user.
        tls: Whether to insist on TLS. Certificates are always verified.
        tls_ca: File of certificate authorities; `None`: those of the system.
        tls_cert: File of the client's certificate.
        tls_key: File of the client's key.
        timeout: Seconds to wait for a connection, and for an answer.
        prefix: What all streams and subjects begin with.
        replicas: On how many servers of a cluster a queue that is declared is kept.
        storage: Where it is kept: `file` or `memory`.
        window: Seconds for which it knows a message again that it has stored.
    """

    url: str
    hosts: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    token: str | None = None
    creds: str | None = None
    nkey: str | None = None
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    timeout: float = 5.0
    prefix: str = "headrace"
    replicas: int = 1
    storage: str = "file"
    window: float = 120.0

    def __repr__(self) -> str:
        return f"<Address {self.url}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Rich, which shows local variables in tracebacks, would show every field.
        return [("url", self.url)]


def parse_address(url: str) -> Address:
    """Understand a broker URL.

    Raises:
        InvalidURL: It is none of this broker; the message says which part.
    """
    parts = split_url(url)
    if parts.scheme not in SCHEMES:
        raise _invalid(url, f"the schemes are {', '.join(SCHEMES)}")
    if "@" in parts.path + parts.query + parts.fragment:
        # A password with one of these in it was cut in two: nothing of what follows may show.
        raise _invalid(url, "percent-encode / ? # @ in the user name, the password and options")
    try:
        return _address(url, parts)
    except ValueError as error:
        raise _invalid(url, str(error)) from None


def _invalid(url: str, problem: str) -> InvalidURL:
    return InvalidURL(f"{redact_url(url)}: {problem}")


def _address(url: str, parts: SplitResult) -> Address:
    if parts.path.strip("/") or parts.fragment:
        message = "behind the hosts comes nothing but ? and options"
        raise ValueError(message)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        message = f"no option {unknown[0]!r}; there are {', '.join(_OPTIONS)}"
        raise ValueError(message)
    userinfo, _, netloc = parts.netloc.rpartition("@")
    fields = {name: _OPTIONS[name](name, text) for name, text in options.items()}
    fields |= _user(userinfo)
    fields["hosts"] = split_hosts(netloc, DEFAULT_PORT)
    address = Address(url=redact_url(url), tls=parts.scheme == "tls", **fields)
    _refuse_contradictions(address)
    return address


def _user(userinfo: str) -> dict[str, str]:
    """Return the fields that stand before the `@`."""
    if "@" in userinfo:
        message = "user name and password stand once, before the first host; write @ in them as %40"
        raise ValueError(message)
    username, colon, password = (unquote(part) for part in userinfo.partition(":"))
    if not colon:
        return {"token": username} if username else {}
    if not (username and password):
        message = "a user name and a password go together; a token stands alone before the @"
        raise ValueError(message)
    return {"username": username, "password": password}


def _refuse_contradictions(address: Address) -> None:
    ways = (address.username, address.token, address.creds, address.nkey)
    if sum(way is not None for way in ways) > 1:
        message = "choose one of user name and password, a token, creds and nkey"
        raise ValueError(message)
    files = (address.tls_ca, address.tls_cert, address.tls_key)
    if any(files) and not address.tls:
        message = "tls_ca, tls_cert and tls_key want tls:// in place of nats://"
        raise ValueError(message)
    if (address.tls_cert is None) is not (address.tls_key is None):
        message = "tls_cert and tls_key go together"
        raise ValueError(message)


def _prefix(name: str, text: str) -> str:
    if not is_valid_id(text):
        message = f"{name} is 1 to 64 of A-Z a-z 0-9 _ -"
        raise ValueError(message)
    return text


def _replicas(name: str, text: str) -> int:
    if text not in ("1", "3", "5"):
        message = f"{name} is 1, 3 or 5"
        raise ValueError(message)
    return int(text)


def _storage(name: str, text: str) -> str:
    if text not in ("file", "memory"):
        message = f"{name} is file or memory"
        raise ValueError(message)
    return text


def _seconds(name: str, text: str) -> float:
    try:
        duration = seconds(float(text), name=name)
    except (ValueError, InvalidOption):
        duration = 0.0
    if duration <= 0:
        message = f"{name} is a number of seconds, more than 0"
        raise ValueError(message)
    return duration


def _file(name: str, text: str) -> str:
    if not text:
        message = f"{name} is the name of a file"
        raise ValueError(message)
    return text


_OPTIONS: dict[str, Callable[[str, str], Any]] = {
    "prefix": _prefix,
    "replicas": _replicas,
    "storage": _storage,
    "window": _seconds,
    "timeout": _seconds,
    "creds": _file,
    "nkey": _file,
    "tls_ca": _file,
    "tls_cert": _file,
    "tls_key": _file,
}
"""What reads an option, given its name and its text. No error shows the text: it may be secret."""
