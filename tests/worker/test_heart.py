"""Workers on a broker outside their event loop: what goes on while a task blocks that."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from headrace import (
    AuthFailed,
    Ending,
    JobCancelled,
    JobState,
    Queue,
    Unavailable,
    Worker,
    current_job,
)
from headrace.job import NewJob
from headrace.outcome import Release
from headrace.worker.heart import Heart
from headrace.worker.run import Run
from headrace.worker.watch import blocker
from tests.distribution import install
from tests.shared_broker import SERVERS, URL_VARIABLE, Server, SharedBroker

LEASE = 1.5 if os.environ.get(URL_VARIABLE) else 0.4
"""Seconds. Short, for these tests live in real time; real servers need longer to answer."""

PATIENCE = 20.0
"""Seconds after which a test that waits in a thread gives up."""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the shared broker as a distribution that is found like any other."""
    install(tmp_path, "shared-broker", shared="tests.shared_broker:SharedBroker")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])


@pytest.fixture
def server(plugin: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with start_blocking_portal() as portal:
        server = Server(portal.call(_its_loop))
        monkeypatch.setitem(SERVERS, "mill", server)
        monkeypatch.setitem(SERVERS, "mill:2", server)
        yield server
        portal.call(server.broker.close)


async def _its_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


class Log(logging.Handler):
    """Lets a thread wait for a line of the log."""

    def __init__(self) -> None:
        super().__init__()
        self._said = threading.Condition()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        with self._said:
            self.records.append(record)
            self._said.notify_all()

    def find(self, message: str) -> list[logging.LogRecord]:
        return [record for record in self.records if record.getMessage() == message]

    def wait_for(self, message: str) -> logging.LogRecord:
        """Block until this was logged."""
        with self._said:
            assert self._said.wait_for(lambda: self.find(message), PATIENCE), message
        return self.find(message)[0]


@pytest.fixture
def log() -> Iterator[Log]:
    handler, logger = Log(), logging.getLogger("headrace")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == "headrace-heart":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def mill(url: str = "shared://mill", **settings: Any) -> Queue:
    """Return a client of the server, as each event loop needs one of its own."""
    return Queue(url, lease=LEASE, **settings)


def endless(queue: Queue) -> asyncio.Event:
    """Give a queue the task `long`, which never ends, and return what tells that it began."""
    started = asyncio.Event()

    @queue.task
    async def long() -> None:
        started.set()
        await asyncio.Event().wait()

    return started


@asynccontextmanager
async def serving(worker: Worker) -> AsyncGenerator[Worker]:
    """Run a worker in this event loop."""
    running = asyncio.create_task(worker.run(signals=False))
    while not worker.ready:
        assert not running.done()
        await asyncio.sleep(0)
    try:
        yield worker
    finally:
        worker.stop()
        worker.stop()
        await running


@asynccontextmanager
async def apart(queue: Queue, **settings: Any) -> AsyncGenerator[Worker]:
    """Run a worker in another thread, in an event loop of the same kind, that may be blocked."""
    worker = Worker(queue, **settings)
    factory = type(asyncio.get_running_loop())
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> Ending:
        loops.append(asyncio.get_running_loop())
        return await worker.run(signals=False)

    def hurry() -> None:
        worker.stop()
        worker.stop()

    def live() -> Ending:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(run())

    running = asyncio.create_task(asyncio.to_thread(live))
    while not worker.ready:
        assert not running.done()
        await asyncio.sleep(0)
    try:
        yield worker
    finally:
        loops[0].call_soon_threadsafe(hurry)
        await running


# a blocked event loop


async def test_a_task_that_blocks_the_event_loop_keeps_its_lease(server: Server) -> None:
    starts: list[int] = []
    blocked, idle = mill(), mill()

    @blocked.task
    async def block(seconds: float) -> str:
        starts.append(current_job().deliveries)
        threading.Event().wait(seconds)
        return "done"

    @idle.task(name="block")
    async def take_over(seconds: float) -> str:
        starts.append(current_job().deliveries)
        return "taken over"

    async with mill() as face, apart(blocked) as worker:
        job = await face.enqueue("block", 3 * LEASE)
        while worker.tally.claimed == 0:
            await asyncio.sleep(0)
        async with serving(Worker(idle)):
            assert await job.result(timeout=PATIENCE) == "done"
    assert starts == [1]
    assert worker.tally.facts()["succeeded"] == 1


async def test_without_a_url_a_task_that_blocks_the_event_loop_loses_its_lease(
    server: Server, log: Log
) -> None:
    """Why there is a thread: with one client alone, another worker takes the job over."""
    taken = threading.Event()
    blocked, idle = Queue(SharedBroker("shared://mill"), lease=LEASE), mill()

    @blocked.task
    async def block() -> str:
        taken.wait(PATIENCE)
        await asyncio.Event().wait()
        return "never"

    @idle.task(name="block")
    async def take_over() -> int:
        taken.set()
        return current_job().deliveries

    async with mill() as face, apart(blocked) as worker:
        [warning] = log.find(
            "leases are renewed in the event loop, give the queue a URL to have a thread do it"
        )
        assert vars(warning)["queue"] == "default"
        job = await face.enqueue("block")
        while worker.tally.claimed == 0:
            await asyncio.sleep(0)
        async with serving(Worker(idle)):
            assert await job.result(timeout=PATIENCE) == 2
            await asyncio.to_thread(log.wait_for, "lease lost")


async def test_past_max_stall_the_job_is_let_go_and_told_so(server: Server, log: Log) -> None:
    taken, told = threading.Event(), threading.Event()
    blocked, idle = mill(), mill()

    @blocked.task
    async def block() -> None:
        taken.wait(PATIENCE)
        try:
            await asyncio.Event().wait()
        finally:
            told.set()

    @blocked.task
    async def behind() -> str:
        return "too late"

    @idle.task(name="block")
    async def take_over() -> int:
        return current_job().deliveries

    @idle.task(name="behind")
    async def take_over_too() -> int:
        taken.set()
        return current_job().deliveries

    async with mill() as face:
        jobs = [await face.enqueue(name) for name in ("block", "behind")]
        async with apart(blocked, concurrency=1, prefetch=1, max_stall=0.5) as worker:
            while worker.tally.claimed < 2:
                await asyncio.sleep(0)
            async with serving(Worker(idle, concurrency=1, prefetch=0)):
                assert [await job.result(timeout=PATIENCE) for job in jobs] == [2, 2]
            await asyncio.to_thread(told.wait, PATIENCE)
            lost = await asyncio.to_thread(log.wait_for, "lease lost")
            again = await asyncio.to_thread(log.wait_for, "event loop runs again")
            while worker.tally.lost < 2:
                await asyncio.sleep(0)
    assert vars(lost)["reason"] == "another worker has it"
    [let_go] = log.find("event loop is blocked for too long, leases are let go")
    assert (let_go.levelname, vars(let_go)["job_id"]) == ("ERROR", jobs[0].id)
    assert vars(again)["seconds"] >= vars(let_go)["seconds"] >= 0.5
    assert (worker.tally.succeeded, worker.tally.lost) == (0, 2)


async def test_what_blocks_the_event_loop_is_told(server: Server, log: Log) -> None:
    queue = mill()

    def deep() -> None:
        log.wait_for("event loop is blocked")

    @queue.task
    async def block() -> None:
        deep()

    async with mill() as face, apart(queue):
        job = await face.enqueue("block")
        await job.result(timeout=PATIENCE)
        await asyncio.to_thread(log.wait_for, "event loop runs again")
        job = await face.enqueue("block")
        await job.result(timeout=PATIENCE)
    [blocked] = log.find("event loop is blocked")
    facts = vars(blocked)
    assert (blocked.levelname, facts["job_id"] != job.id) == ("WARNING", True)
    assert (facts["task"], facts["queue"]) == ("block", "default")
    assert 1.0 <= facts["seconds"] < PATIENCE
    assert "threading.py:" in facts["where"]
    assert "Condition.wait" in facts["where"]
    [again] = log.find("event loop runs again")
    assert (again.levelname, vars(again)["seconds"] >= 1.0) == ("INFO", True)


async def test_who_blocks_is_said_as_far_as_it_is_known(server: Server) -> None:
    loop, thread = asyncio.get_running_loop(), threading.get_ident()
    asked: list[dict[str, object]] = []

    async with mill() as queue:
        jobs = [await queue.enqueue("good"), queue.job("hostile")]
        await queue.broker.enqueue("default", [NewJob(id="hostile", body=b"\xc1")], batch="b")
        runs = [Run(lease) for lease in await queue.broker.claim("default", "worker", 2, 0)]
        assert len(runs) == 2

        def block() -> None:
            asking = threading.Thread(target=lambda: asked.append(blocker(loop, thread, runs)))
            asking.start()
            asking.join()

        async def task() -> None:
            block()

        for job in jobs:
            await asyncio.create_task(task(), name=job.id)
        await asyncio.create_task(task(), name="not-a-job")
        called = loop.run_in_executor(None, lambda: None)
        called.add_done_callback(lambda _: block())
        await called
        await asyncio.sleep(0)
        for run in runs:
            await queue.broker.settle([Release(run.lease)])
    where = [facts.pop("where") for facts in asked]
    assert all("threading.py:" in str(place) for place in where)
    assert asked == [
        {"job_id": jobs[0].id, "queue": "default", "task": "good"},
        {"job_id": "hostile", "queue": "default", "task": ""},
        {},
        {},
    ]


# beating


async def test_a_running_job_is_cancelled_through_the_thread(server: Server) -> None:
    queue = mill()
    started = endless(queue)

    async with mill() as face, serving(Worker(queue)) as worker:
        job = await face.enqueue("long")
        await started.wait()
        assert await job.cancel()
        with pytest.raises(JobCancelled):
            await job.result(timeout=PATIENCE)
    assert worker.tally.cancelled == 1
    heart = server.clients[2]
    assert (heart.thread, heart.home) == ("headrace-heart", None), "it is closed"
    assert heart.calls["renew"] >= 1
    assert server.clients[0].calls["renew"] == 0, "there is one who renews"


async def test_renewals_without_an_answer_cost_the_job_and_not_the_worker(
    server: Server, log: Log
) -> None:
    queue = mill()
    started = endless(queue)

    @queue.task
    async def short() -> str:
        return "done"

    async with mill() as face, serving(Worker(queue)) as worker:
        heart = server.clients[2]
        heart.hold("renew")
        job = await face.enqueue("long")
        await started.wait()
        lost = await asyncio.to_thread(log.wait_for, "lease lost")
        while worker.tally.lost == 0:
            await asyncio.sleep(0)
        assert vars(lost)["reason"] == "it could not be renewed in time"
        assert vars(lost)["job_id"] == job.id
        [trouble] = log.find("broker trouble, trying again")
        assert vars(trouble)["error"] == "OutcomeUnknown"
        assert trouble.exc_info is None
        heart.release("renew")
        assert await (await face.enqueue("short")).result(timeout=PATIENCE) == "done"
        assert await job.cancel()


async def test_it_beats_on_while_the_worker_drains(server: Server) -> None:
    queue, idle = mill(), mill()
    starts: list[int] = []
    begun = asyncio.Event()

    @queue.task
    async def long() -> str:
        starts.append(current_job().deliveries)
        begun.set()
        while not worker._shutdown.requested.is_set():
            await asyncio.sleep(0)
        for _ in range(9):  # renewals take a third of a lease each
            await asyncio.to_thread(server.renewed.acquire)
        return "done"

    @idle.task(name="long")
    async def take_over() -> str:
        starts.append(current_job().deliveries)
        return "taken over"

    worker = Worker(queue)
    running = asyncio.create_task(worker.run(signals=False))
    async with mill() as face:
        job = await face.enqueue("long")
        await begun.wait()
        worker.stop()
        async with serving(Worker(idle)):
            assert await running is Ending.DRAINED
            assert await job.result(timeout=PATIENCE) == "done"
    assert starts == [1]


async def test_each_broker_gets_one_more_client(server: Server) -> None:
    first, second, third = mill(name="a"), mill(name="b"), mill("shared://mill:2", name="c")
    memory = Queue("memory://")
    async with serving(Worker(first, second, third, memory)) as worker:
        assert [source in worker._heart for source in worker._sources] == [True, True, True, False]
    assert [client.thread for client in server.clients[3:]] == ["headrace-heart"] * 2
    assert [client.home for client in server.clients] == [None] * 5


async def test_a_broker_in_this_process_needs_no_thread() -> None:
    async with serving(Worker(Queue("memory://"))):
        assert "headrace-heart" not in [thread.name for thread in threading.enumerate()]


async def test_a_bug_in_the_thread_is_not_hidden(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = mill()
    started = endless(queue)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    worker = Worker(queue)
    running = asyncio.create_task(worker.run(signals=False))
    async with mill() as face:
        job = await face.enqueue("long")
        await started.wait()
        [heartbeat] = worker._heart._heartbeats.values()
        monkeypatch.setattr(heartbeat, "_stop_overdue", broken)
        with pytest.raises(ExceptionGroup) as caught:
            await running
        assert caught.group_contains(ZeroDivisionError)
        assert await job.status() is JobState.QUEUED, "its job is given back all the same"


# beginning and end


def with_faults(server: Server, faults: Callable[[SharedBroker], None]) -> None:
    """Prepare the client of the thread, which is the second one."""

    def greet(client: SharedBroker) -> None:
        if len(server.clients) == 2:
            faults(client)

    server.greet = greet


async def test_a_broker_that_refuses_the_second_client_ends_the_worker(server: Server) -> None:
    with_faults(server, lambda client: client.fail("open", AuthFailed("no more clients")))
    with pytest.raises(AuthFailed, match="no more"):
        await Worker(mill()).run(signals=False)
    assert server.clients[0].home is None, "the first one is closed"


async def test_a_worker_does_not_serve_before_its_heart_beats(server: Server, log: Log) -> None:
    def trouble(client: SharedBroker) -> None:
        client.fail("open", Unavailable("down"), times=2)
        client.fail("declare", Unavailable("down"))

    with_faults(server, trouble)
    async with serving(Worker(mill())):
        records = [record for record in log.records if record.name == "headrace.worker"]
        assert [record.getMessage() for record in records] == [
            "broker trouble, trying again",
            "broker is well again",
            "worker is serving",
        ]
        assert vars(records[0])["service"] == "heartbeat"


async def test_a_worker_that_waits_for_its_heart_can_be_stopped(server: Server, log: Log) -> None:
    with_faults(server, lambda client: client.fail("open", Unavailable("down"), times=1_000))
    worker = Worker(mill())
    running = asyncio.create_task(worker.run(signals=False))
    await asyncio.to_thread(log.wait_for, "broker trouble, trying again")
    worker.stop()
    assert await running is Ending.DRAINED
    assert log.find("worker is serving") == []


@pytest.mark.parametrize("verb", ["open", "renew"])
async def test_a_cancelled_worker_leaves_no_thread(server: Server, verb: Any) -> None:
    """Neither while the second client connects, nor while it waits for an answer."""
    with_faults(server, lambda client: client.hold(verb))
    queue = mill()
    endless(queue)
    worker = Worker(queue)
    running = asyncio.create_task(worker.run(signals=False))
    while len(server.clients) < 2 or not server.clients[1].calls["open"]:
        await asyncio.sleep(0)
    if verb == "renew":
        async with mill() as face:
            await face.enqueue("long")
            while not server.clients[1].calls["renew"]:
                await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert "headrace-heart" not in [thread.name for thread in threading.enumerate()]


async def test_a_client_that_does_not_close_does_not_keep_the_worker(
    server: Server, log: Log
) -> None:
    with_faults(server, lambda client: client.hold("close"))
    async with serving(Worker(mill())):
        pass
    assert log.find("heartbeat thread does not end")
    server.clients[1].release("close")


async def test_a_client_that_fails_to_close_harms_nobody(server: Server, log: Log) -> None:
    with_faults(server, lambda client: client.fail("close", Unavailable("down")))
    async with serving(Worker(mill())):
        pass
    assert log.find("heartbeat thread does not end") == []


async def test_ending_what_never_began_is_harmless() -> None:
    heart = Heart(300.0)
    await heart.run()
    await heart.close()
