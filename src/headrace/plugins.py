"""From a broker URL to a broker: each URL scheme is an entry point of the group `headrace.brokers`.

The core obeys its own rule: `memory` is found the same way as a stranger's broker.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from headrace.broker import Broker, BrokerFactory
from headrace.errors import SchemeConflict, UnknownScheme
from headrace.urls import split_url

GROUP = "headrace.brokers"
"""The entry point group. A name is a URL scheme, its object a `BrokerFactory`."""

_EXTRAS = {
    "redis": "redis",
    "rediss": "redis",
    "redis+sentinel": "redis",
    "redis+cluster": "redis",
    "unix": "redis",
    "nats": "nats",
    "tls": "nats",
}


def broker_from_url(url: str) -> Broker:
    """Return an unopened broker for a URL.

    Args:
        url: Such as `memory://` or `redis://localhost:6379/0`.

    Raises:
        InvalidURL: It is no URL, or the broker does not understand it.
        UnknownScheme: No installed package serves its scheme.
        SchemeConflict: More than one does.
    """
    scheme = split_url(url).scheme
    factory: BrokerFactory = pick(scheme, entry_points(group=GROUP)).load()
    return factory(url)


def pick(scheme: str, installed: Iterable[EntryPoint]) -> EntryPoint:
    """Return the one entry point that serves a scheme.

    Raises:
        UnknownScheme: None does.
        SchemeConflict: More than one does.
    """
    by_name = [(entry.name, entry) for entry in installed]
    claimants = {entry.value: entry for name, entry in by_name if name == scheme}
    if not claimants:
        raise UnknownScheme(_unknown(scheme, sorted({name for name, _ in by_name})))
    if len(claimants) > 1:
        names = " and ".join(sorted(map(_describe, claimants.values())))
        message = f"{scheme}:// is claimed by {names}: uninstall all but one"
        raise SchemeConflict(message)
    return next(iter(claimants.values()))


def _describe(entry: EntryPoint) -> str:
    package = f" of {entry.dist.name}" if entry.dist is not None else ""
    return f"{entry.value}{package}"


def _unknown(scheme: str, installed: list[str]) -> str:
    known = ", ".join(f"{name}://" for name in installed) or "none"
    extra = _EXTRAS.get(scheme)
    remedy = (
        f'pip install "headrace[{extra}]"'
        if extra is not None
        else f"install a package with an entry point {scheme!r} in the group {GROUP!r}"
    )
    return f"no broker serves {scheme}://. Installed: {known}. Remedy: {remedy}"
