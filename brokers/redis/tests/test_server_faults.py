"""What becomes of jobs when the server itself fails, refuses or forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from headrace import Queue
from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown, Overloaded, Unavailable
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from headrace_redis.keys import lane, queue_prefix
from tests.asking import result_of, settled
from tests.ledger import Ledger
from tests.proxy import Proxy
from tests.servers import RedisServer, free_port

Working: TypeAlias = Any
Make: TypeAlias = Callable[..., Queue]
Start: TypeAlias = Callable[..., RedisServer]
LOST = "the server had lost the queue, it is declared again"
JOBS = 200


class Held:
    """A task that goes on until it is let go."""

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self.go_on = asyncio.Event()

        @queue.task(retry=None)
        async def held(number: int) -> int:
            ledger.start(number)
            await self.go_on.wait()
            ledger.end(number)
            return number


def lanes_of(queue: Queue) -> list[str]:
    prefix = queue_prefix("headrace", queue.name)
    return [lane(prefix, number) for number in range(queue.spec.lanes)]


def flush_all(client: Any, _: Queue) -> None:
    client.flushall()


def flush_scripts(client: Any, _: Queue) -> None:
    client.script_flush()


def destroy_groups(client: Any, queue: Queue) -> None:
    for key in lanes_of(queue):
        client.xgroup_destroy(key, "w")


def delete_lane(client: Any, queue: Queue) -> None:
    client.delete(lanes_of(queue)[1])


# what it forgets


@pytest.mark.parametrize("works", [False, True])
@pytest.mark.parametrize("forget", [flush_all, flush_scripts, destroy_groups, delete_lane])
async def test_a_worker_goes_on_with_a_server_that_forgot(
    valkey: RedisServer,
    make: Make,
    ledger: Ledger,
    working: Working,
    caplog: pytest.LogCaptureFixture,
    forget: Callable[[Any, Queue], None],
    works: bool,
) -> None:
    queue = make(valkey.url, lease=2.0)
    held = Held(queue, ledger)
    async with queue, working(queue):
        await result_of(await queue.enqueue("work", 0))
        if works:
            await queue.enqueue("held", 1)
            await ledger.until(lambda: ledger.started[1] == 1)
        with valkey.client() as client:
            forget(client, queue)
        assert await result_of(await queue.enqueue("work", 2)) == 2
        held.go_on.set()
        await settled(queue)
        assert queue.spec in await queue.broker.queues()
    assert ledger.started[0] == ledger.ended[0] == 1
    said = [record for record in caplog.records if record.message == LOST]
    assert len(said) == (forget is not flush_scripts)


async def test_without_its_groups_a_queue_loses_no_job_and_repeats_none_that_is_over(
    valkey: RedisServer, make: Make, ledger: Ledger, working: Working
) -> None:
    queue = make(valkey.url, lease=2.0)
    held = Held(queue, ledger)
    work, hold = queue.remote("work"), queue.tasks["held"]
    async with queue, working(queue, concurrency=3, prefetch=0):
        for handle in await queue.enqueue_many(work.call(n) for n in range(20)):
            await result_of(handle)
        handles = await queue.enqueue_many(hold.call(n) for n in range(20, 40))
        delayed = await queue.enqueue(work.options(delay=2), 40)
        await ledger.until(lambda: len(ledger.started) == 23)
        with valkey.client() as client:
            destroy_groups(client, queue)
        held.go_on.set()
        assert [await result_of(handle) for handle in handles] == list(range(20, 40))
        assert await result_of(delayed) == 40
        await settled(queue)
    assert set(ledger.ended) == set(range(41))
    assert {ledger.started[n] for n in range(20)} == {1}


async def test_a_job_that_was_deleted_with_its_lane_is_unknown_and_can_be_sent_again(
    valkey: RedisServer, make: Make
) -> None:
    async with make(valkey.url) as queue:
        task = queue.remote("work").options(job_id="one", unique="key")
        handle = await queue.enqueue(task, 1)
        assert (await queue.enqueue(task, 1)).duplicate
        with valkey.client() as client:
            delete_lane(client, queue)
        other = await queue.enqueue(queue.remote("work").options(unique="key"), 1)
        assert not other.duplicate
        assert await handle.info() is None
        assert await other.cancel()
        assert not (await queue.enqueue(task, 1)).duplicate
        [lease] = await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert lease.id == "one"


async def test_a_group_that_is_missing_holds_up_no_other_lane(
    valkey: RedisServer, make: Make
) -> None:
    async with make(valkey.url) as queue:
        first, last = (
            queue.remote("work").options(priority=0),
            queue.remote("work").options(priority=2),
        )
        # The sweep, which looks at every lane first, is over and not due soon.
        assert await queue.broker.claim(queue.name, "w", 10, 0.0) == []
        await queue.enqueue(first, 1)
        await queue.enqueue(last, 2)
        with valkey.client() as client:
            client.xgroup_destroy(lanes_of(queue)[2], "w")
        leases: list[Lease] = []
        while len(leases) < 2:
            leases += await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert [lease.priority for lease in leases] == [0, 2]


# when it dies


async def test_a_server_that_is_killed_and_comes_back_lost_nothing_that_was_accepted(
    start: Start, make: Make, ledger: Ledger, working: Working
) -> None:
    server = start(appendonly="yes", appendfsync="always")
    loop = asyncio.get_running_loop()
    async with Proxy(server.port) as proxy:
        queue = make(proxy.url, lease=3.0, max_deliveries=20)
        async with queue, working(queue, concurrency=10):
            accepted: dict[int, Any] = {}

            async def produce() -> None:
                for number in range(JOBS):
                    try:
                        accepted[number] = await queue.enqueue("work", number, number % 3)
                    except BrokerError:
                        continue

            producing = asyncio.create_task(produce())
            await ledger.until(lambda: len(ledger.ended) > JOBS // 10)
            server.kill()
            began, before = loop.time(), proxy.accepted
            while proxy.accepted < before + 25:
                await asyncio.sleep(0)
            # Every service of the worker tries by itself, and the producer; none of them hotly.
            assert 25 / (loop.time() - began) < 40
            await asyncio.to_thread(server.start)
            await producing
            assert len(accepted) == JOBS
            for number, handle in accepted.items():
                assert await result_of(handle) == number
            await settled(queue)
        with server.client() as client:
            assert client.info("stats")["total_connections_received"] < 100


# when it refuses


async def test_a_full_server_takes_no_jobs_but_outcomes(
    start: Start, make: Make, ledger: Ledger, working: Working
) -> None:
    server = start()
    queue = make(server.url, lease=2.0)
    held = Held(queue, ledger)

    @queue.task
    async def fails_once(number: int) -> int:
        if ledger.start(number) == 1:
            await held.go_on.wait()
            raise ValueError(number)
        return number

    async with queue, working(queue):
        succeeds = await queue.enqueue("held", 1)
        fails = await queue.enqueue(fails_once, 2)
        await ledger.until(lambda: len(ledger.started) == 2)
        with server.client() as client:
            client.config_set("maxmemory", "1")
            with pytest.raises(Overloaded):
                await queue.enqueue("work", 3)
            assert (ledger.started[1], ledger.started[2]) == (1, 1)
            held.go_on.set()
            assert await succeeds.result(5) == 1
            while (stats := await queue.stats()).running:
                pass
            assert stats.delayed == 1
            client.config_set("maxmemory", "0")
        assert await fails.result(10) == 2
        assert await (await queue.enqueue("work", 3)).result(10) == 3


def refusal(queue: Queue) -> Any:
    """Store a job, past the patience of the queue."""
    return queue.broker.enqueue(queue.name, [NewJob(id=new_id(), body=b"")], batch=new_id())


async def refused(queue: Queue) -> BrokerError:
    """Return what comes back when the connections that broke are used up."""
    while True:
        try:
            await refusal(queue)
        except OutcomeUnknown:
            continue
        except BrokerError as error:
            return error
        raise AssertionError("it was not refused")


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


@pytest.mark.parametrize(
    ("begin", "end", "kind"),
    [
        pytest.param(no_replicas, replicas_again, Unavailable, id="NOREPLICAS"),
        pytest.param(demote, promote, Unavailable, id="READONLY"),
        pytest.param(break_snapshots, mend_snapshots, Unavailable, id="MISCONF"),
        pytest.param(crowd, make_room, Unavailable, id="maxclients"),
        pytest.param(lock_up, unlock, AuthFailed, id="NOAUTH"),
        pytest.param(forbid, allow, AuthFailed, id="NOPERM"),
    ],
)
async def test_a_worker_survives_a_server_that_refuses(
    start: Start,
    make: Make,
    working: Working,
    caplog: pytest.LogCaptureFixture,
    begin: Callable[[Any], None],
    end: Callable[[Any], None],
    kind: type[BrokerError],
) -> None:
    server = start()
    (server.folder / "dump.rdb").mkdir()
    queue = make(server.url)
    async with queue, working(queue) as worker:
        assert await result_of(await queue.enqueue("work", 1)) == 1
        with server.client() as client:
            begin(client)
            assert type(await refused(queue)) is kind
            async with asyncio.timeout(20):
                while worker.ready:
                    await asyncio.sleep(0)
            end(client)
        await insisted(queue)
        assert await result_of(await queue.enqueue("work", 2)) == 2
    assert LOST not in caplog.messages


async def insisted(queue: Queue) -> None:
    """Ask until there is an answer: connections that the server closed are used up first."""
    async with asyncio.timeout(20):
        while True:
            try:
                await queue.stats()
            except BrokerError:
                continue
            return


async def test_a_server_that_still_loads_is_unavailable(start: Start, make: Make) -> None:
    server = start(
        **{"enable-debug-command": "yes", "loading-process-events-interval-bytes": "1024"}
    )
    async with make(server.url) as queue:
        with server.client() as client:
            client.execute_command("DEBUG", "POPULATE", "200", "filler", "1000")
            client.config_set("key-load-delay", "10000")
            reloading = asyncio.create_task(
                asyncio.to_thread(client.execute_command, "DEBUG", "RELOAD")
            )
            while not reloading.done():
                try:
                    await queue.stats()
                except Unavailable as error:
                    assert "oading" in str(error)
                    break
            else:
                raise AssertionError("it never said that it loads")
            await reloading
        await insisted(queue)


async def test_a_wrong_password_is_told_at_once(start: Start, make: Make) -> None:
    server = start(requirepass="secret")
    for url in (server.url, server.url.replace("//", "//:wrong@")):
        with pytest.raises(AuthFailed):
            await make(url).open()
    async with make(server.url.replace("//", "//:secret@")) as queue:
        assert sum((await queue.stats()).ready) == 0
