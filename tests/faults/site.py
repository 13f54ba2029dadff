"""What the fault tests know of a server, so that the same tests run on each kind of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec import Struct

from headrace import Queue
from headrace.errors import BrokerError
from tests.proxy import Proxy
from tests.servers import Server

KINDS = ("nats", "redis")

DAMAGES = {
    "nats": ("everything", "stream", "consumers", "consumer"),
    "redis": ("everything", "scripts", "groups", "lane"),
}
"""What each kind of server can forget of a queue: see `Site.damage`."""

REFUSALS = {
    "nats": ("authorization",),
    "redis": ("NOREPLICAS", "READONLY", "MISCONF", "maxclients", "NOAUTH", "NOPERM"),
}
"""Why each kind of server can refuse: see `Site.refusal`."""


class Sign(Struct, frozen=True):
    """What a reply on the wire is known by.

    Attributes:
        request: What the request contains.
        reply: What the reply contains.
    """

    request: bytes = b""
    reply: bytes = b""


class Site(ABC):
    """A server, and how it is broken.

    Args:
        folder: Where it keeps its files.
        options: Of its configuration.

    Attributes:
        scheme: Of its URLs.
        multiplexed: Whether clients send requests before earlier ones were answered.
        durable: Options with which a killed server forgets nothing.
        signs: The replies that can be lost: `enqueue`, `settle`, and the ways in which jobs come to
            a worker, `claim` and `wait`.
        lost_claim: The lease of a queue whose jobs come to the next claim although the reply to
            the last one was lost. Longer than a test where the server knows who claimed them.
        patience: Seconds for which a claim waits for jobs that are there.
        counts_at_once: Whether a job whose result is there is counted no more.
        aside: Seconds for which a job that died twice waits if its consumer has another such job.
        connects_again: Whether what is sent again is sent over a new connection.
        knocks: Connections that clients try while the server is away, to be waited for.
        cut_settlements: How two settlements at a time end if no reply comes.
        locked: Options with which it asks for the password `secret`.
    """

    scheme: ClassVar[str]
    multiplexed: ClassVar[bool]
    durable: ClassVar[Mapping[str, Any]]
    signs: ClassVar[Mapping[str, Sign]]
    lost_claim: ClassVar[float]
    patience: ClassVar[float]
    counts_at_once: ClassVar[bool]
    aside: ClassVar[float]
    connects_again: ClassVar[bool]
    knocks: ClassVar[int]
    cut_settlements: ClassVar[list[type[BrokerError]]]
    locked: ClassVar[Mapping[str, Any]]

    server: Server

    @abstractmethod
    def __init__(self, folder: Path, **options: Any) -> None: ...

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.server.port}"

    @abstractmethod
    def url_with(self, password: str) -> str:
        """Return where it listens, and what to say there."""

    def proxy(self) -> Proxy:
        """Return a way to it on which things happen."""
        return Proxy(self.server.port, self.scheme, multiplexed=self.multiplexed)

    def sign(self, name: str) -> Sign:
        """Return what a reply is known by, or skip the test visibly if there is no such reply."""
        if name not in self.signs:
            pytest.skip(f"there is no reply to {name} on {self.scheme}")
        return self.signs[name]

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it serves; again after it was killed."""

    def kill(self) -> None:
        """Kill it as the kernel would."""
        self.server.kill()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.server.stop()

    @abstractmethod
    def connections(self) -> int:
        """Count the connections that it took since it was started."""

    @abstractmethod
    async def damage(self, what: str, queue: Queue) -> None:
        """Make it forget part of a queue: one of `DAMAGES`."""

    @abstractmethod
    async def plant(self, queue: Queue, data: bytes) -> None:
        """Put bytes, behind the broker's back, wherever something of a queue is kept.

        Among it is a job `planted` in lane 0 that is these bytes, and how the job `over` ended.
        """

    @abstractmethod
    async def drop_jobs(self, queue: Queue) -> None:
        """Make it forget the jobs that are ready in lane 1, and where they were."""

    @abstractmethod
    async def drop_lane(self, queue: Queue, lane: int) -> None:
        """Make it forget who reads a lane. The jobs stay."""

    @abstractmethod
    def full(self) -> AbstractAsyncContextManager[None]:
        """Let there be no room on it for the while."""

    @abstractmethod
    def refusal(self, why: str) -> AbstractAsyncContextManager[type[BrokerError]]:
        """Make it refuse for the while, for one of `REFUSALS`; gives what that must look like."""


def kind_of(kind: str) -> type[Site]:
    """Return the sites of a kind, or skip the test visibly if their plug-in is not there."""
    # Not imported, for a plug-in that is there and broken must not be passed over.
    package = find_spec(f"headrace_{kind}")
    folders = package.submodule_search_locations or () if package else ()
    if not any((Path(folder) / "broker.py").exists() for folder in folders):
        pytest.skip(f"there is no broker for {kind}:// here")
    if kind == "redis":
        from tests.faults.redis_site import RedisSite

        return RedisSite
    from tests.faults.nats_site import NatsSite

    return NatsSite
