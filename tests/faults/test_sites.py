"""NATS sites do what they say, to the driver: no broker is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.errors import ConnectionClosedError, NoRespondersError
from nats.errors import TimeoutError as Unanswered
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from headrace import Queue
from tests.faults.nats_site import NatsSite, consumer_of, stream_of
from tests.faults.site import DAMAGES, KINDS, REFUSALS
from tests.proxy import Proxy


@pytest.fixture
def nats_site(tmp_path: Path) -> Iterator[NatsSite]:
    site = NatsSite(tmp_path)
    site.start()
    yield site
    site.stop()


@pytest.fixture
def queue() -> Queue:
    return Queue("memory://", name="q")


async def fill(client: Any, queue: Queue) -> None:
    """Make what a broker makes of a queue, as far as sites know of it."""
    jetstream, stream = client.jetstream(), stream_of(queue)
    config = StreamConfig(name=stream, subjects=["q.>"], retention=RetentionPolicy.WORK_QUEUE)
    await jetstream.add_stream(config)
    for lane in range(queue.spec.lanes):
        reader = ConsumerConfig(durable_name=consumer_of(lane), filter_subject=f"q.{lane}")
        await jetstream.add_consumer(stream, reader)


async def left(client: Any) -> list[str]:
    """Return the streams and consumers that are there."""
    jetstream, names = client.jetstream(), list[str]()
    for stream in await jetstream.streams_info():
        names.append(stream.config.name)
        names += [reader.name for reader in await jetstream.consumers_info(stream.config.name)]
    return sorted(names)


def test_each_kind_has_its_damages_and_refusals() -> None:
    assert set(DAMAGES) == set(REFUSALS) == set(KINDS)


@pytest.mark.parametrize(
    ("what", "remains"),
    [
        ("everything", []),
        ("stream", []),
        ("consumers", ["headrace_q"]),
        ("consumer", ["headrace_q", "lane-0", "lane-2"]),
    ],
)
async def test_a_site_forgets_what_it_is_told_to(
    nats_site: NatsSite, queue: Queue, what: str, remains: list[str]
) -> None:
    async with nats_site.node.client() as client:
        await fill(client, queue)
        await nats_site.damage(what, queue)
        assert await left(client) == remains


async def test_a_site_drops_one_lane(nats_site: NatsSite, queue: Queue) -> None:
    async with nats_site.node.client() as client:
        await fill(client, queue)
        await nats_site.drop_lane(queue, 2)
        assert await left(client) == ["headrace_q", "lane-0", "lane-1"]


async def test_a_site_refuses_those_that_are_connected_too(nats_site: NatsSite) -> None:
    port = nats_site.node.port
    reader, answer, writer = await login(port)
    assert answer == b"PONG"
    async with nats_site.refusal("authorization"):
        async with asyncio.timeout(10):
            assert b"Authorization Violation" in await reader.read()
        for password, said in (("wrong", b"Authorization Violation"), ("secret", b"PONG")):
            _, answer, other = await login(port, user="headrace", **{"pass": password})
            assert said in answer
            other.close()
    _, answer, other = await login(port)
    assert answer == b"PONG"
    for end in (writer, other):
        end.close()


async def login(port: int, **said: str) -> tuple[asyncio.StreamReader, bytes, asyncio.StreamWriter]:
    """Connect as a client does, and return the last line of the answer too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    connect = json.dumps({"verbose": False, "pedantic": False, **said})
    writer.write(f"CONNECT {connect}\r\nPING\r\n".encode())
    return reader, (await reader.readline()).strip(), writer


async def connect(url: str) -> Any:
    driver: Any = nats
    return await driver.connect(url, allow_reconnect=False, error_cb=silent)


async def silent(error: Exception) -> None: ...


async def test_a_reply_of_the_server_is_lost_on_the_way(nats_site: NatsSite, queue: Queue) -> None:
    async with nats_site.proxy() as proxy, nats_site.node.client() as near:
        await fill(near, queue)
        client = await connect(proxy.url)
        sign = nats_site.sign("enqueue")
        lost = proxy.swallow(request=sign.request, reply=sign.reply)
        with pytest.raises((Unanswered, ConnectionClosedError)):
            await client.jetstream(timeout=1).publish("q.1", b"1")
        assert lost.is_set()
        assert (await near.jetstream().stream_info(stream_of(queue))).state.messages == 1
        await client.close()


async def test_the_way_to_the_server_is_cut_and_comes_back(nats_site: NatsSite) -> None:
    async with nats_site.proxy() as proxy:
        driver: Any = nats
        client = await driver.connect(proxy.url, reconnect_time_wait=0.1, error_cb=silent)
        for fault in (Proxy.cut, Proxy.black_hole):
            before = proxy.accepted
            fault(proxy)
            if fault is Proxy.cut:
                while proxy.accepted == before or not client.is_connected:
                    await asyncio.sleep(0)
            else:
                with pytest.raises(Unanswered):
                    await client.request("nobody", timeout=0.5)
            proxy.heal()
            with pytest.raises(NoRespondersError):
                await client.request("nobody", timeout=5)
        await client.close()
