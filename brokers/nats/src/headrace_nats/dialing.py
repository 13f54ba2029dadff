"""How to speak to the server: what the driver is told."""

from __future__ import annotations

import base64
import logging
import re
import ssl
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nkeys  # type: ignore[import-untyped]
from nats.errors import InvalidUserCredentialsError

from headrace.errors import AuthFailed
from headrace_nats.address import Address

logger: logging.Logger = logging.getLogger("headrace.nats")

PING_INTERVAL = 5.0
"""Seconds between two pings: after three of them without an answer a connection counts as dead."""

RECONNECT_WAIT = 0.25
"""Seconds between two attempts to reach the same server."""

_JWT = re.compile(rb"\beyJ[\w-]+\.[\w-]+\.[\w-]+")
_SEED = re.compile(rb"\bSU[A-Z2-7]{56}\b")

_key_pair: Callable[[bytes], Any] = cast("Any", nkeys).from_seed
_warned: set[str] = set()


def options(address: Address) -> dict[str, Any]:
    """Return the keyword arguments for `Client.connect`, which make it try for ever.

    Files are read here. Those of `creds` are read again for each connection, so that a client
    goes on with credentials that were renewed.

    Raises:
        AuthFailed: A file cannot be used; the message says which one.
    """
    _check_files(address)
    scheme = "tls" if address.tls else "nats"
    return {
        "servers": [f"{scheme}://{_written(host)}:{port}" for host, port in address.hosts],
        "name": "headrace",
        # Followed by an id of the client's own. Rights to inboxes can be given for each prefix.
        "inbox_prefix": f"_INBOX.{address.prefix}",
        "connect_timeout": address.timeout,
        "allow_reconnect": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_WAIT,
        "ping_interval": PING_INTERVAL,
        "max_outstanding_pings": 2,
        **_credentials(address),
        **({"tls": _context(address)} if address.tls else {}),
    }


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


# credentials


def _credentials(address: Address) -> dict[str, Any]:
    """Return what to show the server: never within a URL, which the driver may log."""
    if address.creds is not None:
        with _blaming(address, "creds", "JWT and seed of a user"):
            return _signed(Path(address.creds))
    if address.nkey is not None:
        with _blaming(address, "nkey", "seed of a user"):
            return {"nkeys_seed_str": _find(_SEED, Path(address.nkey)).decode()}
    if address.token is not None:
        return {"token": address.token}
    if address.username is not None:
        return {"user": address.username, "password": address.password}
    return {}


def _signed(creds: Path) -> dict[str, Any]:
    """Return what reads the file for each connection.

    The driver's own readers never come back from a file without a JWT, and an error that is
    neither its own nor the system's ends its attempts to connect again.
    """

    def jwt() -> bytes:
        return _find(_JWT, creds)

    def sign(nonce: str) -> bytes:
        signature: bytes = _key_pair(_find(_SEED, creds)).sign(nonce.encode())
        return base64.b64encode(signature)

    jwt()
    sign("")
    return {"user_jwt_cb": jwt, "signature_cb": sign}


def _find(pattern: re.Pattern[bytes], path: Path) -> bytes:
    found = pattern.search(path.read_bytes())
    if found is None:
        raise InvalidUserCredentialsError
    return found[0]


# TLS


def _context(address: Address) -> ssl.SSLContext:
    """Return what verifies the certificate of each server, and its name as the URL has it."""
    with _blaming(address, "tls_ca", "certificates in PEM"):
        context = ssl.create_default_context(cafile=address.tls_ca)
    if address.tls_cert is not None:
        with _blaming(address, "tls_cert, tls_key", "certificate and its open key in PEM"):
            # Without an answer OpenSSL would ask for the passphrase of a key on the terminal.
            context.load_cert_chain(address.tls_cert, address.tls_key, password="")
    return context


# files


def _check_files(address: Address) -> None:
    for option in ("creds", "nkey", "tls_ca", "tls_cert", "tls_key"):
        name: str | None = getattr(address, option)
        if name is not None:
            with _blaming(address, option), Path(name).open("rb") as file:
                file.read(1)
            if option in ("creds", "nkey", "tls_key"):
                _warn_if_open_to_all(option, name)


def _warn_if_open_to_all(option: str, name: str) -> None:
    if Path(name).stat().st_mode & stat.S_IROTH and name not in _warned:
        _warned.add(name)
        logger.warning(
            "file of secrets can be read by every user of this machine",
            extra={"option": option, "file": name},
        )


@contextmanager
def _blaming(address: Address, option: str, wanted: str = "") -> Generator[None]:
    """Say which option names a file that is of no use, and not what it says: it may be secret."""
    try:
        yield
    except InvalidUserCredentialsError:
        problem = f"no {wanted} in it"
    except ssl.SSLError as error:
        problem = f"no {wanted} in it: {error}"
    except OSError as error:
        problem = error.strerror or str(error)
    else:
        return
    message = f"{address.url}: {option}: {problem}"
    raise AuthFailed(message) from None
