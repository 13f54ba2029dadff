"""The operator's commands on NATS, as real processes: what they say and exit with."""

from __future__ import annotations

import pytest

from brokers.nats.tests.conftest import Start
from tests.command import headrace, told
from tests.servers import NatsServer, free_port


@pytest.mark.anyio
async def test_the_doctor_says_what_is_wrong(node: NatsServer, start: Start) -> None:
    findings = await told("doctor", node.url)
    warned = [one["check"] for one in findings if one["verdict"] == "warning"]
    assert warned == ["replicas", "sync_interval"]
    server = start(accounts={"plain": {"users": [{"user": "app", "password": "hunter2"}]}})
    url = f"nats://app:hunter2@127.0.0.1:{server.port}"
    code, out, err = await headrace("doctor", url)
    assert (code, "hunter2" in out + err) == (3, False)
    assert "remedy: start the server with JetStream" in out
    code, _, err = await headrace("info", url)
    assert (code, "JetStream" in err, "hunter2" in err) == (3, True, False)


@pytest.mark.anyio
async def test_the_exit_code_tells_a_refusal_from_a_server_that_is_away(start: Start) -> None:
    server = start(authorization={"user": "app", "password": "the right one"})
    code, _, err = await headrace("info", f"nats://app:hunter2@127.0.0.1:{server.port}?timeout=1")
    assert (code, "hunter2" in err, "Traceback" in err) == (3, False, False)
    code, _, err = await headrace("info", f"nats://app:hunter2@127.0.0.1:{free_port()}?timeout=1")
    assert (code, "hunter2" in err, "Traceback" in err) == (4, False, False)
    code, _, err = await headrace("info", "nats://app:hunter2@h/x")
    assert (code, "hunter2" in err, "Traceback" in err) == (2, False, False)
