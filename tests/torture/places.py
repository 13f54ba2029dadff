"""The servers that are tortured, each set up to forget nothing when it is killed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.faults.nats_site import NatsSite
from tests.faults.redis_site import RedisSite
from tests.faults.site import Site
from tests.servers import REDIS_SERVERS


def _redis(version: str) -> Callable[[Path], Site]:
    def place(folder: Path) -> Site:
        return RedisSite(folder, version, **RedisSite.durable)

    return place


ROOM = 128 << 20
"""Bytes that a NATS server may store: few enough to fill it in a moment."""


def _nats(folder: Path) -> Site:
    return NatsSite(folder, jetstream={"max_file_store": ROOM}, **NatsSite.durable)


PLACES: Mapping[str, Callable[[Path], Site]] = {
    **{version: _redis(version) for version in REDIS_SERVERS},
    "nats": _nats,
}
"""By the name that `--broker` takes."""
