"""From a broker URL to where the server is and how to speak to it."""

from __future__ import annotations

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

DEFAULT_PORT = 4222

SCHEMES = ("nats", "tls")


class Address(BrokerAddress, frozen=True, kw_only=True):
    """A broker URL, understood. It holds secrets: `url` is what may be shown.

    Attributes:
        hosts: Names and ports of some servers of the cluster, or of the one server.
        username: Goes with `password`.
        password: Goes with `username`.
        token: Stands alone.
        creds: File with the JWT and the seed of a user.
        nkey: File with the seed of a user.
        replicas: On how many servers of a cluster a queue that is declared is kept.
        storage: Where it is kept: `file` or `memory`.
        window: Seconds for which it knows a message again that it has stored.
    """

    hosts: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None
    token: str | None = None
    creds: str | None = None
    nkey: str | None = None
    replicas: int = 1
    storage: str = "file"
    window: float = 120.0


def parse_address(url: str) -> Address:
    """Understand a broker URL.

    Raises:
        InvalidURL: It is none of this broker; the message says which part.
    """
    return understand(url, SCHEMES, _address)


def _address(shown: str, parts: SplitResult) -> Address:
    if parts.path.strip("/") or parts.fragment:
        message = "behind the hosts comes nothing but ? and options"
        raise ValueError(message)
    fields = read_options(parts.query, _OPTIONS)
    userinfo, _, netloc = parts.netloc.rpartition("@")
    fields |= _user(userinfo)
    fields["hosts"] = split_hosts(netloc, DEFAULT_PORT)
    address = Address(url=shown, tls=parts.scheme == "tls", **fields)
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


def _file(name: str, text: str) -> str:
    if not text:
        message = f"{name} is the name of a file"
        raise ValueError(message)
    return text


_OPTIONS: dict[str, Reader] = {
    "prefix": read_prefix,
    "replicas": _replicas,
    "storage": _storage,
    "window": read_seconds,
    "timeout": read_seconds,
    "creds": _file,
    "nkey": _file,
    "tls_ca": _file,
    "tls_cert": _file,
    "tls_key": _file,
}
