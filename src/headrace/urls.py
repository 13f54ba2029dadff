"""Broker URLs: what may be shown of them, and what their query says."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlsplit

from headrace.errors import InvalidURL

_HIDDEN = "***"
_PLACEHOLDER = "<a URL that cannot be parsed>"


def redact_url(url: str) -> str:
    """Return a URL without anything secret, for logs, errors and representations.

    User name, password and every value of the query are hidden. Text that cannot be parsed as a
    URL is hidden whole.

    Examples:
        >>> redact_url("redis://app:secret@host:6379/0?prefix=shop")
        'redis://***@host:6379/0?prefix=***'
    """
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _PLACEHOLDER
    # An @ behind the host part means that a password with / ? or # in it was cut in two.
    if not parts.scheme or "@" in parts.path + parts.query + parts.fragment:
        return _PLACEHOLDER
    user = f"{_HIDDEN}@" if "@" in parts.netloc else ""
    hidden = "&".join(f"{key}={_HIDDEN}" for key, _ in query)
    return f"{parts.scheme}://{user}{host}{parts.path}{'?' if hidden else ''}{hidden}"


def split_url(url: str) -> SplitResult:
    """Return the parts of a broker URL.

    Raises:
        InvalidURL: It has no scheme, or cannot be parsed.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        message = f"not a broker URL: {redact_url(url)}"
        # What was wrong with it may be told with the user name and the password.
        raise InvalidURL(message) from None
    if not parts.scheme or "://" not in url:
        message = f"a broker URL begins with a scheme, as in memory://, not {redact_url(url)!r}"
        raise InvalidURL(message)
    return parts


def split_hosts(netloc: str, default_port: int) -> tuple[tuple[str, int], ...]:
    """Return the names and ports of a list such as `a,b:6380,[::1]`; without a name, `localhost`.

    Raises:
        ValueError: It is no such list; the message says why.
    """
    texts = netloc.split(",")
    if len(texts) > 1 and not all(texts):
        message = "there is a comma without a host"
        raise ValueError(message)
    return tuple(_host(text, default_port) for text in texts)


def _host(text: str, default_port: int) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    return host or "localhost", _port(port) if port else default_port


def _port(text: str) -> int:
    # Nothing longer is a port, and a very long number could not even be read.
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 0xFFFF):
        message = "port is a number from 1 to 65535"
        raise ValueError(message)
    return int(text)
