"""From a broker URL to where the server is and how to speak to it."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any
from urllib.parse import SplitResult, unquote

from headrace.address import (
    BrokerAddress,
    Reader,
    read_options,
    read_prefix,
    read_seconds,
    understand,
)
from headrace.urls import split_hosts

DEFAULT_PORT = 6379
SENTINEL_PORT = 26379


class Kind(Enum):
    """What stands at the other end."""

    SERVER = auto()
    """One server, over TCP, with or without TLS."""
    SOCKET = auto()
    """One server, over a Unix socket."""
    SENTINEL = auto()
    """Sentinels that know the primary."""
    CLUSTER = auto()
    """A cluster; each queue lives in one of its slots."""


_KINDS = {
    "redis": Kind.SERVER,
    "rediss": Kind.SERVER,
    "unix": Kind.SOCKET,
    "redis+sentinel": Kind.SENTINEL,
    "redis+cluster": Kind.CLUSTER,
}


class Address(BrokerAddress, frozen=True, kw_only=True):
    """A broker URL, understood. It holds secrets: `url` is what may be shown.

    Attributes:
        kind: What stands at the other end.
        hosts: Names and ports: of the server, the sentinels, or some nodes of the cluster.
        path: Of the Unix socket.
        primary: The name under which the sentinels know the primary.
        db: Number of the database.
        username: For the server.
        password: For the server.
        sentinel_username: For the sentinels.
        sentinel_password: For the sentinels.
        track: Whether the server keeps an index of jobs by their ids.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    primary: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    track: bool = True


def parse_address(url: str) -> Address:
    """Understand a broker URL.

    Raises:
        InvalidURL: It is none of this broker; the message says which part.
    """
    return understand(url, _KINDS, _address)


def _address(shown: str, parts: SplitResult) -> Address:
    kind = _KINDS[parts.scheme]
    userinfo, _, netloc = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    options = read_options(parts.query, _OPTIONS)
    place = _place(kind, netloc, parts.path, "db" in options)
    if kind is Kind.CLUSTER and {**options, **place}.get("db"):
        message = "a database in a cluster is always 0"
        raise ValueError(message)
    options["tls"] = parts.scheme == "rediss" or options.get("tls", False)
    return Address(
        url=shown,
        kind=kind,
        username=unquote(username) or None,
        password=unquote(password) or None,
        **options,
        **place,
    )


def _place(kind: Kind, netloc: str, path: str, db_is_given: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return the fields that tell where the server is."""
    if kind is Kind.SOCKET:
        if netloc or not path.strip("/"):
            message = "a socket is written unix:///path/to/the.sock"
            raise ValueError(message)
        return {"path": unquote(path)}
    default = SENTINEL_PORT if kind is Kind.SENTINEL else DEFAULT_PORT
    fields: dict[str, Any] = {"hosts": split_hosts(netloc, default)}
    if kind is Kind.SERVER and len(fields["hosts"]) > 1:
        message = "one server has one host: redis+sentinel:// and redis+cluster:// take more"
        raise ValueError(message)
    steps = [unquote(step) for step in path.split("/") if step]
    if kind is Kind.SENTINEL:
        if not steps:
            message = "after the sentinels comes /name-of-the-primary"
            raise ValueError(message)
        fields["primary"] = steps.pop(0)
    if steps and not db_is_given:
        fields["db"] = _number("db", steps.pop(0))
    if steps:
        message = f"what is {steps[0]!r}?"
        raise ValueError(message)
    return fields


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 0xFFFF):
        message = f"{name} is a number from 0 to 65535"
        raise ValueError(message)
    return int(text)


def _yes(name: str, text: str) -> bool:
    if text not in ("yes", "no"):
        message = f"{name} is yes or no"
        raise ValueError(message)
    return text == "yes"


def _text(_: str, text: str) -> str:
    return text


_OPTIONS: dict[str, Reader] = {
    "db": _number,
    "prefix": read_prefix,
    "track": _yes,
    "timeout": read_seconds,
    "tls": _yes,
    "tls_ca": _text,
    "tls_cert": _text,
    "tls_key": _text,
    "sentinel_username": _text,
    "sentinel_password": _text,
}
