"""Valkey, and how it is broken."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec import Struct

from headrace import Queue
from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown, Unavailable
from headrace_redis.keys import SUFFIXES, lane, queue_prefix, queues
from headrace_redis.scripts import CLAIM, ENQUEUE, SETTLE
from tests.faults.site import Sign, Site
from tests.servers import REDIS_SERVERS, RedisServer, free_port


def lane_key(queue: Queue, number: int) -> str:
    return lane(queue_prefix("headrace", queue.name), number)


def flush_all(client: Any, _: Queue) -> None:
    client.flushall()


def flush_scripts(client: Any, _: Queue) -> None:
    client.script_flush()


def destroy_groups(client: Any, queue: Queue) -> None:
    for number in range(queue.spec.lanes):
        client.xgroup_destroy(lane_key(queue, number), "w")


def delete_lane(client: Any, queue: Queue) -> None:
    client.delete(lane_key(queue, 1))


def plant(client: Any, queue: Queue, data: bytes) -> None:
    """Put bytes into each kind of key, and into each place in it."""
    prefix = queue_prefix("headrace", queue.name)
    add, put = partial(client.execute_command, "XADD"), partial(client.execute_command, "HSET")
    jobs = lane_key(queue, 0), "*"
    add(*jobs, "i", "planted", "b", data)
    add(*jobs, "x", data)
    add(*jobs, data, data, data, data)
    add(*jobs, "b", data, "i", "planted-2")
    for odd in ("a", "u", "e", "f", "m"):
        add(*jobs, "i", f"planted-{odd}", "b", b"body", odd, data)
    for odd_id in (data, "a b", "*", "ä", b"\xff"):
        add(*jobs, "i", odd_id, "b", b"body")
    for number, job_id in enumerate(("delayed", b"\xff\xfe", "a b")):
        client.zadd(prefix + SUFFIXES["DELAYED"], {job_id: number})
        put(prefix + SUFFIXES["BODIES"], job_id, data)
        client.zadd(prefix + SUFFIXES["GRAVES"], {job_id: number})
        put(prefix + SUFFIXES["LETTERS"], job_id, data)
    for field in ("letters", "sweep", "elected", "term", "collect", "cursor0", "cursor1"):
        put(prefix + SUFFIXES["HOUSE"], field, data)
    client.set(f"{prefix}{SUFFIXES['RESULT']}over", data)
    put(f"{prefix}{SUFFIXES['RESULT']}odd", "a", data)
    put(f"{prefix}{SUFFIXES['INDEX']}over", "", data)
    put(prefix + SUFFIXES["WAITERS"], "planted", data)
    put(prefix + SUFFIXES["UNIQUE"], "key", data)
    for channel in client.pubsub_channels("headrace:over:*"):
        client.publish(channel, data)
    client.sadd(queues("headrace"), data)


DAMAGES: dict[str, Callable[[Any, Queue], None]] = {
    "everything": flush_all,
    "scripts": flush_scripts,
    "groups": destroy_groups,
    "lane": delete_lane,
}


def kill_clients(client: Any) -> None:
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def no_replicas(client: Any) -> None:
    client.config_set("min-replicas-to-write", 1)


def replicas_again(client: Any) -> None:
    client.config_set("min-replicas-to-write", 0)


def demote(client: Any) -> None:
    client.replicaof("127.0.0.1", free_port())


def promote(client: Any) -> None:
    client.replicaof("NO", "ONE")


def break_snapshots(client: Any) -> None:
    client.config_set("save", "3600 1")
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        pass


def mend_snapshots(client: Any) -> None:
    client.config_set("stop-writes-on-bgsave-error", "no")
    client.config_set("save", "")


def crowd(client: Any) -> None:
    client.config_set("maxclients", 1)
    kill_clients(client)


def make_room(client: Any) -> None:
    client.config_set("maxclients", 1000)


def lock_up(client: Any) -> None:
    client.config_set("requirepass", "secret")
    kill_clients(client)


def unlock(client: Any) -> None:
    client.config_set("requirepass", "")


def forbid(client: Any) -> None:
    client.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")


def allow(client: Any) -> None:
    client.execute_command("ACL", "SETUSER", "default", "+evalsha", "+eval")


class Refusal(Struct, frozen=True):
    """How the server is made to refuse, and to serve again, and what refusing looks like."""

    begin: Callable[[Any], None]
    end: Callable[[Any], None]
    kind: type[BrokerError]


REFUSALS = {
    "NOREPLICAS": Refusal(no_replicas, replicas_again, Unavailable),
    "READONLY": Refusal(demote, promote, Unavailable),
    "MISCONF": Refusal(break_snapshots, mend_snapshots, Unavailable),
    "maxclients": Refusal(crowd, make_room, Unavailable),
    "NOAUTH": Refusal(lock_up, unlock, AuthFailed),
    "NOPERM": Refusal(forbid, allow, AuthFailed),
}


class RedisSite(Site):
    """Valkey or Redis, with nothing kept on disk unless `durable` asks for it."""

    scheme = "redis"
    multiplexed = False
    durable: ClassVar[Mapping[str, Any]] = {"appendonly": "yes", "appendfsync": "always"}
    signs: ClassVar[Mapping[str, Sign]] = {
        "enqueue": Sign(request=ENQUEUE.digest.encode()),
        "claim": Sign(request=CLAIM.digest.encode()),
        "wait": Sign(request=b"XREADGROUP"),
        "settle": Sign(request=SETTLE.digest.encode()),
    }
    lost_claim = 30.0
    patience = 0.0
    counts_at_once = True
    aside = 0.0
    connects_again = True
    knocks = 25
    # The second one has a connection of its own, which never got as far as sending it.
    cut_settlements: ClassVar[list[type[BrokerError]]] = [OutcomeUnknown, Unavailable]
    locked: ClassVar[Mapping[str, Any]] = {"requirepass": "secret"}

    def __init__(self, folder: Path, version: str = "valkey-9.1", **options: Any) -> None:
        binary = REDIS_SERVERS[version]()
        if binary is None:
            pytest.skip(f"there is no {version} here")
        self.valkey = RedisServer(binary, folder, **options)
        self.server = self.valkey

    def url_with(self, password: str) -> str:
        return self.url.replace("//", f"//:{password}@")

    def start(self) -> None:
        self.valkey.start()

    def connections(self) -> int:
        with self.valkey.client() as client:
            taken: int = client.info("stats")["total_connections_received"]
        return taken

    async def plant(self, queue: Queue, data: bytes) -> None:
        with self.valkey.client() as client:
            plant(client, queue, data)

    async def damage(self, what: str, queue: Queue) -> None:
        with self.valkey.client() as client:
            DAMAGES[what](client, queue)

    async def drop_jobs(self, queue: Queue) -> None:
        await self.damage("lane", queue)

    async def drop_lane(self, queue: Queue, lane: int) -> None:
        with self.valkey.client() as client:
            client.xgroup_destroy(lane_key(queue, lane), "w")

    @asynccontextmanager
    async def full(self) -> AsyncGenerator[None]:
        with self.valkey.client() as client:  # one for both: no other might come in
            client.config_set("maxmemory", 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)

    @asynccontextmanager
    async def refusal(self, why: str) -> AsyncGenerator[type[BrokerError]]:
        snapshot = self.valkey.folder / "dump.rdb"
        snapshot.mkdir(exist_ok=True)  # where a file is to be written
        refusal = REFUSALS[why]
        with self.valkey.client() as client:  # one for both: no other might come in
            refusal.begin(client)
            try:
                yield refusal.kind
            finally:
                refusal.end(client)
