"""Servers of the tests' own: they are what they say, and what they store outlives them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nats.errors import TimeoutError as Unanswered
from nats.js.api import StreamConfig

from tests.servers import NatsCluster, NatsServer, nats_server

STREAM = StreamConfig(name="kept", subjects=["kept.>"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def binary() -> Path:
    found = nats_server()
    if found is None:
        pytest.skip("there is no nats-server here")
    return found


@pytest.fixture
def server(binary: Path, tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(binary, tmp_path / "nats").start()
    yield server
    server.stop()


@pytest.mark.parametrize("end", [NatsServer.kill, NatsServer.stop])
async def test_what_is_stored_outlives_the_process(
    server: NatsServer, end: Callable[[NatsServer], None]
) -> None:
    async with server.client() as client:
        await client.jetstream().add_stream(STREAM)
        await client.jetstream().publish("kept.one", b"1")
    end(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    server.start()
    async with server.client() as client:
        assert (await client.jetstream().stream_info("kept")).state.messages == 1


async def test_a_frozen_server_answers_when_it_is_woken(server: NatsServer) -> None:
    async with server.client() as client:
        server.signal(signal.SIGSTOP)
        with pytest.raises(Unanswered):
            while True:  # the signal takes its time
                await client.flush(1)
    server.signal(signal.SIGCONT)
    async with server.client() as client:
        await client.flush(10)


async def test_options_are_changed_while_it_runs(server: NatsServer) -> None:
    server.reload(max_payload=2048)
    async with server.client() as client:
        assert client.max_payload == 2048


def test_two_on_one_port_are_told_apart(server: NatsServer, tmp_path: Path) -> None:
    other = NatsServer(server.binary, tmp_path / "other")
    other.port = server.port
    with pytest.raises(RuntimeError, match="address already in use"):
        other.start()


def test_another_version_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_NATS_SERVER", "/opt/nats-server")
    assert nats_server() == Path("/opt/nats-server")


async def test_a_stream_of_three_nodes_outlives_its_leader(binary: Path, tmp_path: Path) -> None:
    cluster = NatsCluster(binary, tmp_path)
    try:
        async with cluster.start().client() as client:
            await client.jetstream().add_stream(STREAM, num_replicas=3)
            await client.jetstream().publish("kept.one", b"1")
        killed = cluster.kill_leader("kept")
        assert not killed.running
        assert cluster.leader_of("kept").running
        async with cluster.client() as client:
            assert (await client.jetstream().stream_info("kept")).state.messages == 1
        cluster.start_again(killed)
        async with killed.client() as client:
            assert (await client.jetstream().stream_info("kept")).state.messages == 1
    finally:
        cluster.stop()
