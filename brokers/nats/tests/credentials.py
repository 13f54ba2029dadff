"""Keys and credentials files, made without the tools of NATS."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from typing import Any, cast

import nkeys  # type: ignore[import-untyped]

_nkeys: Any = cast("Any", nkeys)
OPERATOR: int = _nkeys.PREFIX_BYTE_OPERATOR
ACCOUNT: int = _nkeys.PREFIX_BYTE_ACCOUNT
USER: int = _nkeys.PREFIX_BYTE_USER
UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


class Key:
    """A fresh key pair.

    Attributes:
        seed: Its secret half, as a file of keys has it.
        public: Its other half.
    """

    def __init__(self, kind: int) -> None:
        self.seed: str = _nkeys.encode_seed(os.urandom(32), kind).decode()
        pair = _nkeys.from_seed(self.seed.encode())
        self.public: str = pair.public_key.decode()
        self._sign: Callable[[bytes], bytes] = pair.sign

    def issue(self, subject: str, kind: str, *, expires: int | None = None, **nats: Any) -> str:
        """Return a JWT for the key `subject`."""
        claims = {
            "iat": int(time.time()),
            "iss": self.public,
            "jti": subject,
            "name": kind,
            "nats": {"type": kind, "version": 2, **nats},
            "sub": subject,
        }
        if expires is not None:
            claims["exp"] = expires
        head = _segment(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
        text = f"{head}.{_segment(json.dumps(claims).encode())}"
        return f"{text}.{_segment(self._sign(text.encode()))}"


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authority:
    """An operator with one account that may use JetStream, and what it tells a server."""

    def __init__(self) -> None:
        operator, system, self._account = Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT)
        limits = {**UNLIMITED, "conn": -1, "leaf": -1, "imports": -1, "exports": -1}
        storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        granted = {system: limits, self._account: {**limits, **storage, "wildcards": True}}
        self.settings: dict[str, Any] = {
            "operator": operator.issue(operator.public, "operator"),
            "system_account": system.public,
            "resolver": "MEMORY",
            "resolver_preload": {
                key.public: operator.issue(key.public, "account", limits=these)
                for key, these in granted.items()
            },
        }

    def creds(self, expires: int | None = None) -> str:
        """Return the text of a credentials file for a new user.

        Args:
            expires: When, in seconds since the epoch.
        """
        user = Key(USER)
        jwt = self._account.issue(user.public, "user", expires=expires, **UNLIMITED)
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
        )
