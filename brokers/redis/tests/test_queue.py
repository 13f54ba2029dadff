"""Queues on a server: settings that must agree, leases of their own, and queues that are lost."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import pytest

from brokers.redis.tests.conftest import Connect, Start
from headrace import ConfigMismatch
from headrace.broker import Cancelled, QueueSpec
from headrace.ids import new_id
from headrace.outcome import Dead, Done
from headrace.testing.conformance.lab import job
from headrace_redis.keys import SUFFIXES, queue_prefix
from tests.conftest import records_of
from tests.servers import RedisServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("option", "spec"),
    [
        ("track=no", QueueSpec(name="q", lease=5.0)),
        ("track=yes", QueueSpec(name="q", lease=6.0)),
        ("track=yes", QueueSpec(name="q", lease=5.0, lanes=2)),
    ],
)
async def test_users_of_a_queue_must_agree(
    own_valkey: RedisServer, connect: Connect, option: str, spec: QueueSpec
) -> None:
    ours = await connect(own_valkey.url)
    await ours.declare(QueueSpec(name="q", lease=5.0))
    theirs = await connect(f"{own_valkey.url}?{option}")
    with pytest.raises(ConfigMismatch, match=r"exists with lease=5\.0 lanes=3 track=yes"):
        await theirs.declare(spec)
    await ours.declare(QueueSpec(name="q", lease=5.0))


async def test_each_queue_has_a_lease_of_its_own(valkey: RedisServer, connect: Connect) -> None:
    broker = await connect(valkey.url)
    short, long = f"q-{new_id()}", f"q-{new_id()}"
    await broker.declare(QueueSpec(name=short, lease=0.2))
    await broker.declare(QueueSpec(name=long, lease=60.0))
    for queue in (short, long):
        await broker.enqueue(queue, [job("a")], batch="1")
    [first] = await broker.claim(short, "w", 1, 0)
    [other] = await broker.claim(long, "w", 1, 0)
    [again] = await broker.claim(short, "v", 1, 5)
    assert again.deliveries == 2
    assert await broker.claim(long, "v", 1, 0) == []
    assert await broker.settle([Done(first), Done(again), Done(other)]) == [True, False, True]


@pytest.mark.parametrize("loss", ["flushall", "del", "xgroup destroy"])
@pytest.mark.parametrize("verb", ["claim", "wait", "renew", "stats"])
async def test_a_queue_that_the_server_lost_is_declared_again(
    own_valkey: RedisServer,
    connect: Connect,
    caplog: pytest.LogCaptureFixture,
    loss: str,
    verb: str,
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lanes=1))
    await broker.enqueue("q", [job("a")], batch="1")
    [lease] = await broker.claim("q", "w", 1, 0)
    with own_valkey.client() as client:
        if loss == "flushall":
            client.flushall()
        elif loss == "del":
            client.delete("headrace:{q}:s0", "headrace:{q}:cfg")
        else:
            client.xgroup_destroy("headrace:{q}:s0", "w")
    if verb == "wait":
        await broker.claim("q", "w", 1, 0.3)
    elif verb == "claim":
        await broker.claim("q", "w", 1, 0)
    elif verb == "renew":
        await broker.renew([lease])
    else:
        await broker.stats("q")
    assert await broker.enqueue("q", [job("b")], batch="2") == [None]
    assert "b" in [one.id for one in await broker.claim("q", "v", 10, 1)]
    errors = [one for one in records_of(caplog) if one.levelname == "ERROR"]
    assert {one.getMessage() for one in errors} <= {
        "the server had lost the queue, it is declared again"
    }


async def test_a_unix_socket_leads_to_the_same_server(start: Start, connect: Connect) -> None:
    with TemporaryDirectory() as folder:  # short: a socket's path has at most 107 characters
        path = f"{folder}/r.sock"
        server = start(unixsocket=path)
        by_port, by_path = await connect(server.url), await connect(f"unix://{path}")
    await by_port.declare(QueueSpec(name="q"))
    await by_path.declare(QueueSpec(name="q"))
    await by_port.enqueue("q", [job("a")], batch="1")
    [lease] = await by_path.claim("q", "w", 1, 1)
    assert lease.id == "a"


@pytest.mark.parametrize("track", ["yes", "no"])
async def test_what_is_over_cannot_be_cancelled(
    valkey: RedisServer, connect: Connect, track: str
) -> None:
    broker = await connect(f"{valkey.url}?track={track}")
    queue = f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lease=60.0))
    await broker.enqueue(queue, [job("done"), job("dead")], batch="1")
    done, dead = await broker.claim(queue, "w", 2, 0)
    await broker.settle([Done(done, None, 60.0), Dead(dead, "why", b"", 1, None, 0.0)])
    answers = await broker.cancel(queue, ["done", "dead", "nobody"])
    unseen = Cancelled.NOT_FOUND if track == "yes" else Cancelled.SIGNALLED
    assert answers == [Cancelled.NOT_FOUND, Cancelled.NOT_FOUND, unseen]


async def test_housekeeping_keeps_the_mark_of_a_job_to_be_cancelled(
    valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(f"{valkey.url}?track=no")
    queue = f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lease=60.0))
    await broker.enqueue(queue, [job("a")], batch="1")
    assert await broker.cancel(queue, ["a"]) == [Cancelled.SIGNALLED]
    await broker.maintain(queue, "w")
    assert await broker.claim(queue, "w", 1, 0) == []


async def test_a_leased_entry_that_an_operator_deletes_stops_nobody(
    valkey: RedisServer, connect: Connect
) -> None:
    broker, queue = await connect(valkey.url), f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lanes=1, lease=0.2))
    await broker.enqueue(queue, [job("deleted"), job("other")], batch="1")
    assert len(await broker.claim(queue, "w", 2, 0)) == 2
    lane = f"headrace:{{{queue}}}:s0"
    with valkey.client() as client:
        [(entry, _)] = client.xrange(lane, count=1)
        client.xdel(lane, entry)
    [again] = await broker.claim(queue, "v", 2, 5)
    assert (again.id, again.deliveries) == ("other", 2)
    with valkey.client() as client:
        assert client.xpending(lane, "w")["pending"] == 1


async def test_what_an_operator_deleted_cannot_be_cancelled(
    valkey: RedisServer, connect: Connect
) -> None:
    broker, queue = await connect(valkey.url), f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lanes=1, lease=60.0))
    await broker.enqueue(queue, [job("ready"), job("delayed", delay=60.0)], batch="1")
    prefix = queue_prefix("headrace", queue)
    with valkey.client() as client:
        [(entry, _)] = client.xrange(f"{prefix}s0")
        client.xdel(f"{prefix}s0", entry)
        client.hdel(prefix + SUFFIXES["BODIES"], "delayed")
    answers = await broker.cancel(queue, ["ready", "delayed"])
    assert answers == [Cancelled.NOT_FOUND, Cancelled.NOT_FOUND]


async def test_a_dead_letter_that_cannot_be_read_goes_back_to_the_first_lane(
    valkey: RedisServer, connect: Connect
) -> None:
    broker, queue = await connect(valkey.url), f"q-{new_id()}"
    await broker.declare(QueueSpec(name=queue, lease=60.0))
    prefix = queue_prefix("headrace", queue)
    with valkey.client() as client:
        client.zadd(prefix + SUFFIXES["GRAVES"], {"a": 1})
        client.hset(prefix + SUFFIXES["LETTERS"], "a", "scribble")
    assert await broker.redrive(queue, ["a"]) == 1
    assert (await broker.stats(queue)).ready == (1, 0, 0)
    [lease] = await broker.claim(queue, "w", 1, 0)
    assert (lease.id, lease.body) == ("a", b"scribble")
