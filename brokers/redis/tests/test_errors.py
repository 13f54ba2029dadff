"""What errors of the server and of the driver mean: applied, not applied, or unknown."""

from __future__ import annotations

import asyncio

import pytest
from redis import exceptions as driver

from headrace import (
    AuthFailed,
    BrokerError,
    HeadraceError,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
)
from headrace_redis.errors import QueueLost, mapped, translate
from tests.servers import RedisServer


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("NOQUEUE the queue is not declared", QueueLost),
        ("NOGROUP No such key 'headrace:{q}:s0' or consumer group 'w'", QueueLost),
        ("UNBLOCKED the stream key no longer exists", QueueLost),
        ("OOM command not allowed when used memory > 'maxmemory'.", Overloaded),
        ("READONLY You can't write against a read only replica.", Unavailable),
        ("LOADING Redis is loading the dataset in memory", Unavailable),
        ("MISCONF Redis is configured to save RDB snapshots, but it can't", Unavailable),
        ("NOREPLICAS Not enough good replicas to write.", Unavailable),
        ("MASTERDOWN Link with MASTER is down", Unavailable),
        ("CLUSTERDOWN Hash slot not served", Unavailable),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Unavailable),
        ("MOVED 3999 127.0.0.1:6381", Unavailable),
        ("ASK 3999 127.0.0.1:6381", Unavailable),
        ("BUSY Redis is busy running a script.", Unavailable),
        ("NOAUTH Authentication required.", AuthFailed),
        ("WRONGPASS invalid username-password pair or user is disabled.", AuthFailed),
        ("NOPERM this user has no permissions to run the 'info' command", AuthFailed),
        # Redis 6.2 wraps the errors of commands in a script.
        ("Error running script (call to f_1a): @user_script:9: -OOM not allowed", Overloaded),
        ("Error running script: @user_script:9: @user_script: 9: -READONLY You", Unavailable),
        ("user_script:3: NOGROUP No such key script: 1a, on @user_script:3.", QueueLost),
        ("ACL failure in script: User app has no permissions to run 'hset'", AuthFailed),
        ("Error: @user_script:9: The user executing the script can't run this command", AuthFailed),
        ("ERR unknown command 'XAUTOCLAIM'", BrokerError),
        ("BUSYGROUP Consumer Group name already exists", BrokerError),
        ("ERR the value OOMPH is not allowed", BrokerError),
    ],
)
def test_the_server_says_in_a_code_what_happened(text: str, kind: type[BrokerError]) -> None:
    error = translate(driver.ResponseError(text))
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (driver.ReadOnlyError("You can't write against a read only replica."), Unavailable),
        (driver.BusyLoadingError("Redis is loading the dataset in memory"), Unavailable),
        (driver.OutOfMemoryError("command not allowed"), Overloaded),
        (driver.ClusterDownError("Hash slot not served"), Unavailable),
        (driver.MovedError("3999 127.0.0.1:6381"), Unavailable),
        (driver.AskError("3999 127.0.0.1:6381"), Unavailable),
        (driver.TryAgainError("again"), Unavailable),
        (driver.RedisClusterException("no reachable node"), Unavailable),
        (driver.ClusterError("slots"), Unavailable),
        (driver.AuthenticationError("invalid username-password pair"), AuthFailed),
        (driver.AuthenticationWrongNumberOfArgsError("wrong number"), AuthFailed),
        (driver.AuthorizationError("no"), AuthFailed),
        (driver.NoPermissionError("this user has no permissions"), AuthFailed),
        (driver.ResponseError("something new"), BrokerError),
        (driver.InvalidResponse("nonsense"), OutcomeUnknown),
        (driver.DataError("of no type"), BrokerError),
    ],
)
def test_the_driver_says_in_a_class_what_happened(
    raised: driver.RedisError, kind: type[BrokerError]
) -> None:
    assert type(translate(raised)) is kind


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (driver.ConnectionError("Error 111 connecting to 127.0.0.1:1. Refused."), Unavailable),
        (driver.TimeoutError("Timeout connecting to server"), Unavailable),
        (driver.ConnectionError("No connection available."), Unavailable),
        (driver.MaxConnectionsError("Too many connections"), Unavailable),
        (driver.ConnectionError("max number of clients reached"), Unavailable),
        (driver.ConnectionError("Connection closed by server."), OutcomeUnknown),
        (driver.ConnectionError("Error 32 while writing to socket. Broken pipe."), OutcomeUnknown),
        (driver.TimeoutError("Timeout reading from 127.0.0.1:6379"), OutcomeUnknown),
        (ConnectionResetError("reset by peer"), OutcomeUnknown),
        (EOFError(), OutcomeUnknown),
    ],
)
def test_what_was_never_sent_is_told_from_what_may_have_arrived(
    raised: Exception, kind: type[BrokerError]
) -> None:
    with pytest.raises(BrokerError) as caught, mapped():
        raise raised
    assert type(caught.value) is kind
    assert caught.value.__cause__ is raised


def test_every_error_of_the_driver_becomes_one_of_ours() -> None:
    below = list(driver.RedisError.__subclasses__())
    while below:
        kind = below.pop()
        below += kind.__subclasses__()
        error = kind.__new__(kind, "why")
        with pytest.raises(HeadraceError), mapped():
            raise error


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(KeyError), mapped():
        raise KeyError


@pytest.mark.anyio
async def test_a_connection_that_was_just_cut_is_unavailable_under_uvloop(
    anyio_backend: object, own_valkey: RedisServer
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", own_valkey.port)
    writer.transport.abort()
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="the handler is closed"), mapped():
        writer.writelines([b"PING\r\n"])


def test_other_errors_of_the_program_are_let_through() -> None:
    with pytest.raises(RuntimeError, match="a bug"), mapped():
        raise RuntimeError("a bug")
