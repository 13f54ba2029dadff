"""TLS: with certificates of an authority of the test's own, and against one of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from brokers.redis.tests.conftest import Connect, Start
from headrace import BrokerError, Verdict
from headrace.broker import QueueSpec
from headrace.testing.conformance.lab import job
from headrace_redis import RedisBroker
from tests.servers import free_port

pytestmark = pytest.mark.anyio


class Secure:
    """A server that speaks TLS, for clients of the authority in `ca` only if `clients` is yes."""

    def __init__(self, start: Start, folder: Path, clients: str = "no") -> None:
        authority = trustme.CA()
        self.ca, self.certificate, self.key = (folder / name for name in ("ca", "cert", "key"))
        authority.cert_pem.write_to_path(self.ca)
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.certificate)
        self.port = free_port()
        files = {"cert": self.certificate, "key": self.key, "ca_cert": self.ca}
        options = {f"tls_{name}_file": str(path) for name, path in files.items()}
        try:
            start("redis-path", tls_port=str(self.port), tls_auth_clients=clients, **options)
        except RuntimeError as error:
            if "tls" not in str(error).lower():
                raise
            pytest.skip("this server was built without TLS")


@pytest.fixture
def secure(start: Start, tmp_path: Path) -> Secure:
    return Secure(start, tmp_path)


async def test_jobs_travel_over_tls(secure: Secure, connect: Connect) -> None:
    broker = await connect(f"rediss://127.0.0.1:{secure.port}?tls_ca={secure.ca}")
    await broker.declare(QueueSpec(name="q"))
    await broker.enqueue("q", [job("a")], batch="1")
    [lease] = await broker.claim("q", "w", 1, 0)
    assert lease.id == "a"
    [info] = await broker.lookup("q", ["a"], wait=0.05)
    assert info is not None


async def test_redis_with_the_option_is_rediss(secure: Secure, connect: Connect) -> None:
    await connect(f"redis://127.0.0.1:{secure.port}?tls=yes&tls_ca={secure.ca}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_of_another_authority_or_name_is_refused(
    secure: Secure, tmp_path: Path, host: str
) -> None:
    other = tmp_path / "other"
    trustme.CA().cert_pem.write_to_path(other)
    ca = other if host == "127.0.0.1" else secure.ca
    broker = RedisBroker(f"rediss://{host}:{secure.port}?tls_ca={ca}")
    with pytest.raises(BrokerError, match="certificate verify failed"):
        await broker.open()
    [finding] = await broker.examine()
    assert finding.verdict is Verdict.REFUSED


async def test_a_client_can_show_a_certificate(start: Start, tmp_path: Path) -> None:
    secure = Secure(start, tmp_path, clients="yes")
    url = f"rediss://127.0.0.1:{secure.port}?tls_ca={secure.ca}"
    with pytest.raises(BrokerError):
        await RedisBroker(url).open()
    broker = RedisBroker(f"{url}&tls_cert={secure.certificate}&tls_key={secure.key}")
    await broker.open()
    await broker.close()
