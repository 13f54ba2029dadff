"""What drivers alone can do, on real servers."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from headrace.bench.floors import EventLoopFloor
from headrace.bench.record import Variant
from tests.servers import REDIS_SERVERS, NatsServer, RedisServer, nats_server

OFF: Variant = {"results": "off", "concurrency": 10}
ON: Variant = {"results": "on", "concurrency": 10}


async def test_the_event_loop_is_a_floor_of_draining_alone() -> None:
    floor = EventLoopFloor(500)
    assert (await floor.throughput("drain", OFF) or 0) > 0
    assert await floor.throughput("enqueue", {"way": "bulk"}) is None


@pytest.mark.parametrize("results", [OFF, ON], ids=["off", "on"])
async def test_redis_keeps_nothing_of_its_floor(tmp_path: Path, results: Variant) -> None:
    pytest.importorskip("headrace_redis")
    floors = importlib.import_module("benchmarks.floors.redis")
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, tmp_path / "server").start()
    try:
        floor = floors.RedisFloor(server.url, 1_200)
        for way in ("sequential", "bulk"):
            assert await floor.throughput("enqueue", {"way": way}) > 0
        assert await floor.throughput("drain", results) > 0
        assert await floor.throughput("burst", {}) is None
        with server.client() as client:
            assert client.dbsize() == 0
    finally:
        server.stop()


async def test_nats_keeps_nothing_of_its_floor(tmp_path: Path) -> None:
    pytest.importorskip("headrace_nats")
    floors = importlib.import_module("benchmarks.floors.nats")
    binary = nats_server()
    if binary is None:
        pytest.skip("there is no server here")
    server = NatsServer(binary, tmp_path / "server").start()
    try:
        floor = floors.NatsFloor(server.url, 1_200)
        for way in ("sequential", "bulk"):
            assert await floor.throughput("enqueue", {"way": way}) > 0
        assert await floor.throughput("drain", OFF) > 0
        assert await floor.throughput("drain", ON) is None
        assert server.ask("jsz")["streams"] == 0
    finally:
        server.stop()
