"""From a broker URL to where the server is and how to speak to it."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

from msgspec import Struct

from headrace.durations import seconds
from headrace.errors import InvalidOption, InvalidURL
from headrace.ids import is_valid_id
from headrace.urls import redact_url, split_hosts, split_url

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

_OPTIONS = (
    "db",
    "prefix",
    "track",
    "timeout",
    "tls",
    "tls_ca",
    "tls_cert",
    "tls_key",
    "sentinel_username",
    "sentinel_password",
)


class Address(Struct, frozen=True, kw_only=True):
    """A broker URL, understood. It holds secrets: `url` is what may be shown.

    Attributes:
        url: Redacted.
        kind: What stands at the other end.
        hosts: Names and ports: of the server, the sentinels, or some nodes of the cluster.
        path: Of the Unix socket.
        primary: The name under which the sentinels know the primary.
        db: Number of the database.
        username: For the server.
        password: For the server.
        sentinel_username: For the sentinels.
        sentinel_password: For the sentinels.
        tls: Whether to speak TLS. Certificates are always verified.
        tls_ca: File of certificate authorities; `None`: those of the system.
        tls_cert: File of the client's certificate.
        tls_key: File of the client's key.
        timeout: Seconds to wait for a connection, and for an answer.
        prefix: What all keys begin with.
        track: Whether the server keeps an index of jobs by their ids.
    """

    url: str
    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str | None = None
    primary: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = None
    tls: bool = False
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    timeout: float = 5.0
    prefix: str = "headrace"
    track: bool = True

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
    kind = _KINDS.get(parts.scheme)
    if kind is None:
        raise _invalid(url, f"the schemes are {', '.join(_KINDS)}")
    if "@" in parts.path + parts.query + parts.fragment:
        # A password with one of these in it was cut in two: nothing of what follows may show.
        raise _invalid(url, "percent-encode / ? # @ in the user name, the password and options")
    try:
        return _address(url, kind, parts)
    except InvalidURL:
        raise
    except ValueError as error:
        raise _invalid(url, str(error)) from None


def _invalid(url: str, problem: str) -> InvalidURL:
    return InvalidURL(f"{redact_url(url)}: {problem}")


def _address(url: str, kind: Kind, parts: SplitResult) -> Address:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise _invalid(url, f"no option {unknown[0]!r}; there are {', '.join(_OPTIONS)}")
    userinfo, _, netloc = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    fields: dict[str, Any] = {
        "url": redact_url(url),
        "kind": kind,
        "username": unquote(username) or None,
        "password": unquote(password) or None,
        "tls": parts.scheme == "rediss" or _yes("tls", options.get("tls", "no")),
        "track": _yes("track", options.get("track", "yes")),
        "db": _number("db", options.get("db", "0")),
    }
    for name in ("tls_ca", "tls_cert", "tls_key", "sentinel_username", "sentinel_password"):
        fields[name] = options.get(name)
    if "timeout" in options:
        fields["timeout"] = _timeout(options["timeout"])
    if "prefix" in options:
        fields["prefix"] = _prefix(options["prefix"])
    return Address(**{**fields, **_place(kind, netloc, parts.path, "db" in options)})


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
    if steps or (kind is Kind.CLUSTER and fields.get("db")):
        message = f"what is {steps[0] if steps else 'a database in a cluster'!r}?"
        raise ValueError(message)
    return fields


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 0xFFFF):
        message = f"{name} is a number from 0 to 65535"
        raise ValueError(message)
    return int(text)


def _timeout(text: str) -> float:
    try:
        timeout = seconds(float(text), name="timeout")
    except (ValueError, InvalidOption):
        timeout = 0.0
    if timeout <= 0:
        message = f"timeout is a number of seconds, more than 0, not {text!r}"
        raise ValueError(message)
    return timeout


def _prefix(text: str) -> str:
    if not is_valid_id(text):
        message = f"a prefix is 1 to 64 of A-Z a-z 0-9 _ -, not {text!r}"
        raise ValueError(message)
    return text


def _yes(name: str, text: str) -> bool:
    if text not in ("yes", "no"):
        message = f"{name} is yes or no, not {text!r}"
        raise ValueError(message)
    return text == "yes"
