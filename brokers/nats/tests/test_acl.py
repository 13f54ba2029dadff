"""The rights that the documentation recommends: enough, none too many, and missed by name."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brokers.nats.tests.conftest import Connect, Start
from headrace import AuthFailed, Unavailable, Verdict
from headrace.broker import Cancelled, Control, Held, QueueSpec
from headrace.ids import new_id
from headrace.job import JobState
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from tests.servers import NatsServer

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "nats.md"
[TEXT] = re.findall(r"^```json\n(\{.*?^\})\n```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
USERS: list[dict[str, Any]] = json.loads(TEXT)["authorization"]["users"]
RIGHTS: dict[str, dict[str, list[str]]] = {one["user"]: one["permissions"] for one in USERS}

SPEC = QueueSpec(name="default", lease=30.0, lanes=2)
ANSWERS, ANSWERS_WITH_DOMAIN = "$JS.ACK.headrace_default.>", "$JS.ACK.*.*.headrace_default.>"
SPARED = {"$JS.API.INFO", "headrace.default.*.*.*", ANSWERS_WITH_DOMAIN}
"""Without these one goes on, with less."""

pytestmark = pytest.mark.anyio


def rights(user: str) -> list[str]:
    """Return all the rights that a user cannot do without."""
    granted = RIGHTS[user]["publish"] + RIGHTS[user]["subscribe"]
    return sorted(set(granted) - SPARED)


def without(user: str, right: str) -> dict[str, Any]:
    """Return a user who has all rights of another one but this one."""
    left = {kind: [one for one in those if one != right] for kind, those in RIGHTS[user].items()}
    return {"user": named(user, right), "password": "password", "permissions": left}


def named(user: str, right: str) -> str:
    return f"{user}-{right.encode().hex()}"


@pytest.fixture(scope="module")
def server(nats_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with the users of the page, and for each of their rights one who lacks it."""
    lacking = [without(user, one) for user in ("app", "worker") for one in (*rights(user), *SPARED)]
    settings = {"users": [*USERS, *lacking]}
    folder = tmp_path_factory.mktemp("acl")
    server = NatsServer(nats_binary, folder, authorization=settings).start()
    yield server
    server.stop()


@pytest.fixture
async def declared(server: NatsServer, connect: Connect) -> NatsBroker:
    """The administrator, who has declared the queue."""
    admin = await connect(url_of(server, "admin"))
    await admin.declare(SPEC)
    await admin.control("default", Control.PURGE_READY)
    await admin.control("default", Control.PURGE_DELAYED)
    await admin.control("default", Control.PURGE_DEAD)
    return admin


def url_of(server: NatsServer, user: str) -> str:
    return f"nats://{user}:password@127.0.0.1:{server.port}"


async def produce(broker: NatsBroker) -> str:
    """Do all that a producer does; return the id of a job that is left."""
    await broker.declare(SPEC)
    left, other, later, unique = (new_id() for _ in range(4))
    jobs = [job(left), job(other, expires=60.0), job(later, delay=60.0), job(unique, unique=left)]
    assert await broker.enqueue("default", jobs, batch=new_id()) == [None] * 4
    again = [job(left), job(unique=left)]
    assert await broker.enqueue("default", again, batch=new_id()) == [left, unique]
    [info] = await broker.lookup("default", [left], wait=0.1)
    assert info is not None
    assert info.state is JobState.QUEUED
    ids = [other, later, unique, "nobody"]
    removed = [Cancelled.REMOVED] * 3
    assert await broker.cancel("default", ids) == [*removed, Cancelled.NOT_FOUND]
    await broker.stats("default")
    return left


async def work(broker: NatsBroker) -> None:
    """Do all that a worker does."""
    await broker.declare(SPEC)
    await broker.maintain("default", "w")
    ids = [new_id() for _ in range(6)]
    jobs = [job(one, unique=one) for one in ids]
    assert await broker.enqueue("default", jobs, batch=new_id()) == [None] * 6
    leases = await broker.claim("default", "w", 10, 1.0)
    assert await broker.renew(leases) == [Held.OK] * len(leases)
    first, second, third, fourth, *others = leases
    outcomes: list[Outcome] = [
        Release(first),
        Reschedule(second, 60.0, 1, b"m"),
        Reschedule(third, 0.0, 1, b"m"),
        Dead(fourth, "why", b"m", 1, b"failure", 60.0),
        *(Done(lease, b"result", 60.0) for lease in others),
    ]
    assert await broker.settle(outcomes) == [True] * len(outcomes)
    [letter] = await broker.dead("default")
    assert await broker.redrive("default", [letter.id]) == 1
    back = await broker.claim("default", "w", 10, 1.0)
    assert {lease.id for lease in back} == {first.id, third.id, fourth.id}
    done = [Done(lease, b"result", 60.0) for lease in back]
    assert await broker.settle(done) == [True] * 3
    assert await broker.cancel("default", [second.id]) == [Cancelled.REMOVED]


async def test_the_rights_are_enough(
    server: NatsServer, declared: NatsBroker, connect: Connect
) -> None:
    app = await connect(url_of(server, "app"))
    left = await produce(app)
    waiting = asyncio.create_task(app.lookup("default", [left], wait=20.0))
    await work(await connect(url_of(server, "worker")))
    [info] = await waiting
    assert info is not None
    assert info.state.final
    assert [spec.name for spec in await declared.queues()] == ["default"]


@pytest.mark.parametrize("right", rights("app"))
async def test_no_right_of_an_app_can_be_spared(
    server: NatsServer, declared: NatsBroker, connect: Connect, right: str
) -> None:
    with pytest.raises(AuthFailed) as caught:
        async with asyncio.timeout(4):
            await produce(await connect(url_of(server, named("app", right))))
    assert is_named(right, str(caught.value))


@pytest.mark.parametrize("right", rights("worker"))
async def test_no_right_of_a_worker_can_be_spared(
    server: NatsServer, declared: NatsBroker, connect: Connect, right: str
) -> None:
    with pytest.raises(AuthFailed) as caught:
        async with asyncio.timeout(4):
            await work(await connect(url_of(server, named("worker", right))))
    assert is_named(right, str(caught.value))


def is_named(right: str, message: str) -> bool:
    """Tell whether a message ends in a subject that a right would have covered."""
    subject = message.rpartition(" ")[2].split(".")
    wanted = right.split(".")
    if wanted[-1] == ">":
        wanted, subject = wanted[:-1], subject[: len(wanted) - 1]
    pairs = zip(wanted, subject, strict=True)
    return all(ours in (theirs, "*") for ours, theirs in pairs)


@pytest.mark.parametrize("right", sorted(SPARED))
async def test_without_some_rights_one_goes_on_with_less(
    server: NatsServer, declared: NatsBroker, connect: Connect, right: str
) -> None:
    await produce(await connect(url_of(server, named("app", right))))
    await work(await connect(url_of(server, named("worker", right))))


async def test_a_server_that_names_domains_in_acknowledgements_asks_for_another_right(
    start: Start, connect: Connect
) -> None:
    lacking = [without("worker", right) for right in (ANSWERS, ANSWERS_WITH_DOMAIN)]
    server = start(
        jetstream={"domain": "hub"},
        feature_flags={"js_ack_fc_v2": True},
        authorization={"users": [*USERS, *lacking]},
    )
    await (await connect(url_of(server, "admin"))).declare(SPEC)
    await work(await connect(url_of(server, named("worker", ANSWERS))))
    with pytest.raises(AuthFailed) as caught:
        async with asyncio.timeout(4):
            await work(await connect(url_of(server, named("worker", ANSWERS_WITH_DOMAIN))))
    assert is_named(ANSWERS_WITH_DOMAIN, str(caught.value))


async def test_who_may_not_ask_for_info_is_warned_of_it(
    server: NatsServer, connect: Connect
) -> None:
    broker = await connect(url_of(server, named("app", "$JS.API.INFO")))
    finding = (await broker.examine())[-1]
    assert (finding.check, finding.verdict) == ("JetStream", Verdict.WARNING)
    assert "$JS.API.INFO" in finding.detail
    assert "password" not in f"{finding}"


async def test_an_app_may_not_work(
    server: NatsServer, declared: NatsBroker, connect: Connect
) -> None:
    app = await connect(url_of(server, "app"))
    await produce(app)
    for wait in (0.0, 4.0):
        with pytest.raises(AuthFailed, match=r"MSG\.NEXT\.headrace_default\.lane-0"):
            async with asyncio.timeout(2):
                await app.claim("default", "w", 1, wait)
    with pytest.raises(AuthFailed, match=r"CONSUMER\.PAUSE\.headrace_default"):
        await app.control("default", Control.PAUSE)


async def test_a_queue_of_another_name_is_out_of_reach(
    server: NatsServer, connect: Connect
) -> None:
    broker = await connect(url_of(server, "worker"))
    with pytest.raises(AuthFailed, match=r"STREAM\.INFO\.headrace_Other"):
        await broker.declare(QueueSpec(name="Other"))
    with pytest.raises(Unavailable):
        await broker.claim("Other", "w", 1, 0.0)


async def test_a_prefix_whose_inbox_is_denied_fails_at_once(server: NatsServer) -> None:
    broker = NatsBroker(f"{url_of(server, 'worker')}?prefix=other")
    with pytest.raises(AuthFailed, match=r"subscribe to _INBOX\.other\."):
        await broker.open()
    [finding] = await broker.examine()
    assert finding.verdict is Verdict.REFUSED
    assert "password" not in f"{finding}"
