"""The way to the server: clients of the driver, with its retries off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from redis.asyncio import ConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import Connection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from headrace.faultpoint import reach
from headrace_redis.address import Address, Kind
from headrace_redis.connections import Connections
from headrace_redis.errors import mapped
from headrace_redis.gate import Gate
from headrace_redis.keys import NOWHERE
from headrace_redis.scripts import Script

Client: TypeAlias = Any
"""`Redis` or `RedisCluster`: the driver's types know little of raw commands."""

CONNECTIONS = 16
"""For verbs that answer at once; more callers wait for one of these."""

UNBOUNDED = 1 << 16
"""What the driver's pools are told: they refuse callers rather than let them wait."""


class Server:
    """Runs scripts and commands. It connects when it is used first.

    Verbs, renewals and blocking reads have connections of their own, so that none of them waits
    for another.

    Args:
        address: Where it is.
        longest_read: Seconds that a blocking read waits at most.
    """

    def __init__(self, address: Address, longest_read: float) -> None:
        self._address = address
        self._gate = Gate()
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._calls = _link(address, address.timeout)
        self._renewals = _link(address, address.timeout)
        self._reads = _link(address, longest_read + address.timeout)

    async def run(self, script: Script, queue: str, *args: bytes | str | float) -> Any:
        """Run a script on a queue, given its prefix, and return the raw reply.

        Raises:
            BrokerError: See `errors`.
        """
        async with self._free:
            with self._gate, mapped():
                return await _evaluate(self._calls, script, queue, args)

    async def renew(self, script: Script, queue: str, *args: bytes | str | float) -> Any:
        """Do the same on the connection that is kept for renewals."""
        with self._gate, mapped():
            return await _evaluate(self._renewals, script, queue, args)

    async def command(self, *args: bytes | str | float) -> Any:
        """Run one command and return the raw reply.

        Raises:
            BrokerError: See `errors`.
        """
        async with self._free:
            with self._gate, mapped():
                return await self._calls.execute_command(*args)

    async def read(self, *args: bytes | str | float) -> Any:
        """Run one command that blocks. Never cancel it: what it was given would be lost.

        Raises:
            BrokerError: See `errors`.
        """
        with self._gate, mapped():
            return await self._reads.execute_command(*args)

    async def close(self) -> None:
        """Let go of all connections. Calls that are under way fail."""
        self._gate.shut()
        await self._disconnect()
        await self._gate.emptied()
        # One that was about to connect has done so since.
        await self._disconnect()

    async def _disconnect(self) -> None:
        for client in (self._calls, self._renewals, self._reads):
            await client.aclose()


async def _evaluate(
    client: Client, script: Script, queue: str, args: tuple[bytes | str | float, ...]
) -> Any:
    keys = (2, queue, queue + NOWHERE)
    reach(script.before)
    try:
        reply = await client.execute_command("EVALSHA", script.digest, *keys, *args)
    except NoScriptError:
        reply = await client.execute_command("EVAL", script.text, *keys, *args)
    reach(script.after)
    return reply


def subscriber(address: Address) -> Client:
    """Return a client for one subscription."""
    if address.kind is Kind.CLUSTER:
        # A message that is published anywhere in a cluster arrives at every node.
        host, port = address.hosts[0]
        return Redis(host=host, port=port, ssl=address.tls, **_tls(address), **_options(address))
    return _client(address, address.timeout)


def _link(address: Address, timeout: float) -> Client | Connections:
    client = _client(address, timeout)
    # Only the driver's client of a cluster knows which node has a key.
    return client if address.kind is Kind.CLUSTER else Connections(client, timeout)


def _client(address: Address, timeout: float) -> Client:
    options = {**_options(address), "socket_timeout": timeout}
    makers: dict[Kind, Callable[..., Client]] = {
        Kind.SERVER: _one_server,
        Kind.SOCKET: _socket,
        Kind.SENTINEL: _sentinel,
        Kind.CLUSTER: _cluster,
    }
    client = makers[address.kind](address, options)
    _answer_raw(client)
    return client


def _options(address: Address) -> dict[str, Any]:
    return {
        "username": address.username,
        "password": address.password,
        "protocol": 2,
        "client_name": "headrace",
        "driver_info": None,
        "socket_timeout": address.timeout,
        "socket_connect_timeout": address.timeout,
        "socket_keepalive": True,
        "max_connections": UNBOUNDED,
        "retry": Retry(NoBackoff(), 0),
    }


def _tls(address: Address) -> dict[str, Any]:
    if not address.tls:
        return {}
    return {
        "ssl_ca_certs": address.tls_ca,
        "ssl_certfile": address.tls_cert,
        "ssl_keyfile": address.tls_key,
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
    }


def _one_server(address: Address, options: dict[str, Any]) -> Client:
    host, port = address.hosts[0]
    kind = SSLConnection if address.tls else Connection
    options |= {"host": host, "port": port, "db": address.db, "connection_class": kind}
    return Redis.from_pool(ConnectionPool(**options, **_tls(address)))


def _socket(address: Address, options: dict[str, Any]) -> Client:
    options |= {"path": address.path, "db": address.db}
    options["connection_class"] = UnixDomainSocketConnection
    del options["socket_keepalive"]
    return Redis.from_pool(ConnectionPool(**options))


class _FoundByOthers(Redis):
    """A client whose sentinels are let go with it: the driver would forget them."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _sentinel(address: Address, options: dict[str, Any]) -> Client:
    secure = {"ssl": True, **_tls(address)} if address.tls else {}
    own = {
        **options,
        **secure,
        "username": address.sentinel_username,
        "password": address.sentinel_password,
    }
    sentinel: Client = cast("Any", Sentinel)(address.hosts, sentinel_kwargs=own)
    options |= {"db": address.db, **secure}
    return sentinel.master_for(address.primary, redis_class=_FoundByOthers, **options)


class _Nodes(RedisCluster):
    """A client that lets go of its connections whatever it is about.

    The driver keeps those of one that has just failed, or has not found all nodes yet.
    """

    async def aclose(self) -> None:
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")


def _cluster(address: Address, options: dict[str, Any]) -> Client:
    return _Nodes(
        startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
        ssl=address.tls,
        **_tls(address),
        **options,
    )


def _answer_raw(client: Client) -> None:
    """Keep the driver from rebuilding the replies of the commands that we parse ourselves."""
    for command in ("XREADGROUP", "INFO", "CONFIG GET"):
        client.set_response_callback(command, _unchanged)


def _unchanged(reply: Any, **_: Any) -> Any:
    return reply
