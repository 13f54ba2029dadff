"""What the driver is told, against real servers: every way to show who one is, and TLS."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from nats.errors import Error, InvalidUserCredentialsError, SecureConnWantedError
from nats.js import JetStreamContext

from brokers.nats.tests.conftest import Start
from brokers.nats.tests.credentials import USER, Authority, Key
from headrace import AuthFailed
from headrace_nats import dialing
from headrace_nats.address import parse_address
from headrace_nats.client import Client
from headrace_nats.dialing import options
from tests.proxy import Proxy
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

Connect: TypeAlias = Callable[..., Coroutine[Any, Any, Client]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return connected clients, or raise what the first attempt raises; close them at the end."""
    clients: list[Client] = []

    async def connected(url: str, **settings: Any) -> Client:
        client = Client()
        clients.append(client)
        told: dict[str, Any] = {"allow_reconnect": False, "error_cb": ignore, **settings}
        await client.connect(**(options(parse_address(url)) | told))
        return client

    yield connected
    async with asyncio.timeout(10):
        for client in clients:
            await client.close()


@pytest.fixture(autouse=True)
def nothing_was_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "_warned", set[str]())


async def ignore(error: Exception) -> None:
    pass


async def answers(client: Client) -> bool:
    """Tell whether requests find JetStream, and replies the client."""
    await JetStreamContext(client).account_info()
    return True


class Authorities:
    """Two authorities, and certificates of the first one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._authority = trustme.CA()
        self.ca, self.other = str(folder / "ca"), str(folder / "other")
        self._authority.cert_pem.write_to_path(self.ca)
        trustme.CA().cert_pem.write_to_path(self.other)

    def issue(self, name: str) -> tuple[str, str]:
        """Return the files of a certificate for a name, and of its key."""
        issued = self._authority.issue_cert(name)
        certificate, key = (self.folder / f"{name}.{part}" for part in ("cert", "key"))
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        return str(certificate), str(key)

    def server(self, name: str = "127.0.0.1", **settings: Any) -> dict[str, Any]:
        """Return the settings of a server with a certificate for `name`."""
        certificate, key = self.issue(name)
        files = {"cert_file": certificate, "key_file": key, "ca_file": self.ca}
        return {"tls": {**files, **settings}}


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    return Authorities(tmp_path)


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


# who one is


async def test_a_server_without_users_lets_everybody_in(start: Start, connect: Connect) -> None:
    assert await answers(await connect(start().url))


async def test_user_and_password_go_to_the_server(start: Start, connect: Connect) -> None:
    server = start(authorization={"user": "shop", "password": "p@ss/word"})
    host = f"127.0.0.1:{server.port}"
    assert await answers(await connect(f"nats://shop:p%40ss%2Fword@{host}"))
    for wrong in ("shop:word@", "shop@", ""):
        with pytest.raises(Error, match="Authorization Violation"):
            await connect(f"nats://{wrong}{host}")


async def test_a_token_goes_to_the_server(start: Start, connect: Connect) -> None:
    server = start(authorization={"token": "hunter:2"})
    host = f"127.0.0.1:{server.port}"
    assert await answers(await connect(f"nats://hunter%3A2@{host}"))
    with pytest.raises(Error, match="Authorization Violation"):
        await connect(f"nats://hunter@{host}")


async def test_an_nkey_signs_for_the_client(start: Start, connect: Connect, tmp_path: Path) -> None:
    known, stranger = Key(USER), Key(USER)
    server = start(authorization={"users": [{"nkey": known.public}]})
    file = secret(tmp_path / "user.nk", f"# of the shop\n{known.seed}\n{known.public}\n")
    assert await answers(await connect(f"{server.url}?nkey={file}"))
    secret(file, stranger.seed)
    with pytest.raises(Error, match="Authorization Violation"):
        await connect(f"{server.url}?nkey={file}")


async def test_a_creds_file_signs_for_the_client(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    authority, stranger = Authority(), Authority()
    server = start(**authority.settings)
    file = secret(tmp_path / "user.creds", authority.creds())
    assert await answers(await connect(f"{server.url}?creds={file}"))
    secret(file, stranger.creds())
    with pytest.raises(Error, match="Authorization Violation"):
        await connect(f"{server.url}?creds={file}")


async def test_a_client_goes_on_with_credentials_that_were_renewed(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    authority = Authority()
    server = start(**authority.settings)
    file = secret(tmp_path / "user.creds", authority.creds(expires=int(time.time()) + 2))
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    back = asyncio.Event()

    async def again() -> None:
        back.set()

    client = await connect(
        f"{server.url}?creds={file}",
        allow_reconnect=True,
        reconnect_time_wait=0.01,
        error_cb=errors.put,
        reconnected_cb=again,
    )
    file.write_text("written only in part")
    async with asyncio.timeout(20):
        assert "authentication expired" in str(await errors.get())
        while not isinstance(await errors.get(), InvalidUserCredentialsError):
            pass
        file.write_text(authority.creds())
        await back.wait()
    assert await answers(client)


# TLS


async def test_requests_travel_over_tls(
    start: Start, connect: Connect, authorities: Authorities
) -> None:
    server = start(**authorities.server(), authorization={"user": "u", "password": "p"})
    client = await connect(f"tls://u:p@127.0.0.1:{server.port}?tls_ca={authorities.ca}")
    assert await answers(client)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_of_another_authority_or_name_is_refused(
    start: Start, connect: Connect, authorities: Authorities, host: str
) -> None:
    server = start(**authorities.server("127.0.0.1"))
    ca = authorities.other if host == "127.0.0.1" else authorities.ca
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(f"tls://{host}:{server.port}?tls_ca={ca}")


async def test_a_server_that_wants_tls_is_verified_without_being_asked_for_it(
    start: Start, connect: Connect, authorities: Authorities
) -> None:
    server = start(**authorities.server())
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(server.url)


async def test_each_server_is_verified_under_its_own_name(
    start: Start, connect: Connect, authorities: Authorities
) -> None:
    servers = {name: start(**authorities.server(name)) for name in ("localhost", "127.0.0.1")}
    hosts = ",".join(f"{name}:{server.port}" for name, server in servers.items())
    back = asyncio.Event()

    async def again() -> None:
        back.set()

    url = f"tls://{hosts}?tls_ca={authorities.ca}"
    client = await connect(url, allow_reconnect=True, reconnect_time_wait=0, reconnected_cb=again)
    first = client.connected_url
    assert first is not None
    servers[str(first.hostname)].stop()
    async with asyncio.timeout(20):
        await back.wait()
    second = client.connected_url
    assert second is not None
    assert second.hostname != first.hostname
    assert await answers(client)


async def test_a_client_can_show_a_certificate(
    start: Start, connect: Connect, authorities: Authorities
) -> None:
    server = start(**authorities.server(verify=True))
    url = f"tls://127.0.0.1:{server.port}?tls_ca={authorities.ca}"
    with pytest.raises(OSError):  # noqa: PT011 - a reset or an alert, whichever comes first
        await connect(url)
    certificate, key = authorities.issue("127.0.0.1")
    assert await answers(await connect(f"{url}&tls_cert={certificate}&tls_key={key}"))


async def test_credentials_do_not_go_where_tls_was_taken_away(
    start: Start, connect: Connect
) -> None:
    server = start(authorization={"user": "u", "password": "p"})
    with pytest.raises(SecureConnWantedError):
        await connect(f"tls://u:p@127.0.0.1:{server.port}")


async def test_servers_that_are_named_before_tls_begins_are_not_believed(connect: Connect) -> None:
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"tls_required":true,"connect_urls":["evil.example:4222"]}\r\n')
        await reader.read(1)
        writer.close()

    client = Client()
    async with await asyncio.start_server(lie, "127.0.0.1", 0) as liar:
        port = liar.sockets[0].getsockname()[1]
        told = options(parse_address(f"tls://127.0.0.1:{port}"))
        told["allow_reconnect"] = False
        with pytest.raises(OSError):  # noqa: PT011 - it hangs up in the handshake
            await client.connect(**told, error_cb=ignore)
        assert [server.port for server in client.servers] == [port]


async def test_after_a_failed_handshake_the_driver_tries_again(
    start: Start, connect: Connect, authorities: Authorities
) -> None:
    server = start(**authorities.server())
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    url = f"tls://127.0.0.1:{server.port}?tls_ca={authorities.other}"
    running = asyncio.create_task(
        connect(url, allow_reconnect=True, reconnect_time_wait=0, error_cb=errors.put)
    )
    async with asyncio.timeout(20):
        for _ in range(3):
            assert isinstance(await errors.get(), ssl.SSLCertVerificationError)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# connections that break


@pytest.mark.parametrize("secure", [False, True])
async def test_a_connection_on_which_nothing_comes_any_more_is_replaced(
    start: Start, connect: Connect, authorities: Authorities, secure: bool
) -> None:
    server = start(**authorities.server() if secure else {})
    lost, back = asyncio.Event(), asyncio.Event()

    async def away() -> None:
        lost.set()

    async def again() -> None:
        back.set()

    async with Proxy(server.port) as proxy:
        host = f"127.0.0.1:{proxy.port}"
        client = await connect(
            f"tls://{host}?tls_ca={authorities.ca}" if secure else f"nats://{host}",
            allow_reconnect=True,
            ping_interval=0.05,
            reconnect_time_wait=0.05,
            connect_timeout=0.5,
            disconnected_cb=away,
            reconnected_cb=again,
        )
        proxy.black_hole()
        # More than fits between the two: the driver has something left to send.
        for _ in range(40):
            client._transport.write(b"PUB nowhere 1000000\r\n" + bytes(1_000_000) + b"\r\n")  # type: ignore[union-attr]
        async with asyncio.timeout(20):
            await lost.wait()
            proxy.heal()
            await back.wait()
            assert await answers(client)


async def test_a_client_that_the_server_throws_out_comes_back(
    start: Start, connect: Connect
) -> None:
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    back = asyncio.Event()

    async def again() -> None:
        back.set()

    client = await connect(
        start().url,
        allow_reconnect=True,
        reconnect_time_wait=0,
        error_cb=errors.put,
        reconnected_cb=again,
    )
    client._transport.write(b"NONSENSE\r\n")  # type: ignore[union-attr]
    async with asyncio.timeout(20):
        assert "unknown protocol operation" in str(await errors.get())
        await back.wait()
        assert await answers(client)


async def test_a_connection_whose_bytes_cannot_be_read_is_replaced(
    node: NatsServer, connect: Connect
) -> None:
    """Without waiting for pings that stay without an answer."""
    back = asyncio.Event()

    async def again() -> None:
        back.set()

    client = await connect(
        node.url,
        allow_reconnect=True,
        ping_interval=600,
        reconnect_time_wait=0,
        reconnected_cb=again,
    )
    client._transport._io_reader.feed_data(b"INFO {\r\n")  # type: ignore[union-attr]
    async with asyncio.timeout(20):
        await back.wait()
        assert await answers(client)


async def test_what_an_old_connection_left_unread_is_not_read_with_the_new_one(
    node: NatsServer, connect: Connect
) -> None:
    lost, back = list[bool](), asyncio.Event()

    async def away() -> None:
        # As if it had been read behind the end, before the reading stopped.
        client._ps.buf += b"INFO {"
        lost.append(True)

    async def again() -> None:
        back.set()

    client = await connect(
        node.url,
        allow_reconnect=True,
        ping_interval=600,
        reconnect_time_wait=0,
        disconnected_cb=away,
        reconnected_cb=again,
    )
    client._transport.write(b"NONSENSE\r\n")  # type: ignore[union-attr]
    async with asyncio.timeout(20):
        await back.wait()
        assert await answers(client)
    assert lost == [True]


async def test_a_missing_permission_is_told_and_ends_nothing(
    start: Start, connect: Connect
) -> None:
    user = {"user": "u", "password": "p", "permissions": {"publish": "allowed"}}
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    server = start(authorization={"users": [user]})
    client = await connect(f"nats://u:p@127.0.0.1:{server.port}", error_cb=errors.put)
    await client.publish("forbidden", b"")
    async with asyncio.timeout(20):
        assert "permissions violation for publish" in str(await errors.get())
    await client.flush()


# what the driver is told


def test_the_driver_never_gives_up_and_sees_soon_that_nobody_answers() -> None:
    told = options(parse_address("nats://a,[::1]:1?prefix=shop&timeout=2"))
    assert told == {
        "servers": ["nats://a:4222", "nats://[::1]:1"],
        "name": "headrace",
        "inbox_prefix": "_INBOX.shop",
        "connect_timeout": 2.0,
        "allow_reconnect": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "ping_interval": 5.0,
        "max_outstanding_pings": 2,
    }


def test_no_url_that_the_driver_sees_holds_a_secret() -> None:
    told = options(parse_address("nats://user:hunter2@a,b"))
    assert (told["user"], told["password"]) == ("user", "hunter2")
    assert told["servers"] == ["nats://a:4222", "nats://b:4222"]
    assert options(parse_address("nats://hunter2@a"))["token"] == "hunter2"


def test_certificates_and_names_are_always_verified() -> None:
    context = options(parse_address("tls://h"))["tls"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("option", ["creds", "nkey", "tls_ca", "tls_cert", "tls_key"])
def test_a_file_that_is_missing_is_named_by_its_option_alone(option: str, tmp_path: Path) -> None:
    there = secret(tmp_path / "there", "")
    files = {"tls_cert": there, "tls_key": there} if option in ("tls_cert", "tls_key") else {}
    query = "&".join(f"{name}={file}" for name, file in {**files, option: "hunter2"}.items())
    with pytest.raises(AuthFailed) as caught:
        options(parse_address(f"tls://h?{query}"))
    assert str(caught.value).endswith(f": {option}: No such file or directory")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("creds", "no JWT and seed of a user in it"),
        ("nkey", "no seed of a user in it"),
        ("tls_ca", "no certificates in PEM in it"),
    ],
)
def test_a_file_that_holds_something_else_is_named_by_its_option(
    option: str, problem: str, tmp_path: Path
) -> None:
    file = secret(tmp_path / "file", "-----BEGIN NATS USER JWT-----\nhunter2\n")
    with pytest.raises(AuthFailed, match=rf": {option}: {problem}") as caught:
        options(parse_address(f"tls://h?{option}={file}"))
    assert "hunter2" not in str(caught.value)


def test_creds_without_a_seed_are_refused(tmp_path: Path) -> None:
    jwt = Authority().creds().partition("\n\n")[0]
    file = secret(tmp_path / "half.creds", jwt)
    with pytest.raises(AuthFailed, match="JWT and seed"):
        options(parse_address(f"nats://h?creds={file}"))


def test_a_certificate_and_the_key_of_another_one_are_refused(authorities: Authorities) -> None:
    certificate, _ = authorities.issue("a")
    _, key = authorities.issue("b")
    with pytest.raises(AuthFailed, match="tls_cert, tls_key: no certificate and its open key"):
        options(parse_address(f"tls://h?tls_cert={certificate}&tls_key={key}"))


def test_nobody_is_asked_for_the_passphrase_of_a_key(authorities: Authorities) -> None:
    certificate, name = authorities.issue("a")
    key = serialization.load_pem_private_key(Path(name).read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8
    closed = serialization.BestAvailableEncryption(b"hunter2")
    Path(name).write_bytes(key.private_bytes(serialization.Encoding.PEM, form, closed))
    with pytest.raises(AuthFailed, match="tls_cert, tls_key: no certificate and its open key"):
        options(parse_address(f"tls://h?tls_cert={certificate}&tls_key={name}"))


def test_a_file_of_secrets_that_everybody_can_read_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = secret(tmp_path / "user.nk", Key(USER).seed)
    address = parse_address(f"nats://h?nkey={file}")
    with caplog.at_level(logging.WARNING, "headrace.nats"):
        options(address)
        assert caplog.records == []
        file.chmod(0o644)
        options(address)
        options(address)
    [record] = caplog.records
    assert record.getMessage() == "file of secrets can be read by every user of this machine"
    assert (vars(record)["option"], vars(record)["file"]) == ("nkey", str(file))
