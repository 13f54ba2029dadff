"""The operator's commands on Redis, as real processes: what they say and exit with."""

from __future__ import annotations

import pytest

from brokers.redis.tests.conftest import Start
from tests.command import headrace, told
from tests.servers import free_port


@pytest.mark.anyio
async def test_the_doctor_says_what_is_wrong(start: Start) -> None:
    server = start(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    code, out, _ = await headrace("doctor", server.url)
    assert code == 3
    assert "remedy: CONFIG SET maxmemory-policy noeviction" in out
    code, _, err = await headrace("info", server.url)
    assert (code, "noeviction" in err) == (3, True)
    findings = await told("doctor", start().url)
    assert [one["check"] for one in findings if one["verdict"] == "warning"] == ["persistence"]


@pytest.mark.anyio
async def test_the_exit_code_tells_a_refusal_from_a_server_that_is_away(start: Start) -> None:
    server = start(requirepass="the right one")
    code, _, err = await headrace("info", f"redis://:hunter2@127.0.0.1:{server.port}")
    assert (code, "hunter2" in err, "Traceback" in err) == (3, False, False)
    code, _, err = await headrace("info", f"redis://:hunter2@127.0.0.1:{free_port()}")
    assert (code, "hunter2" in err, "Traceback" in err) == (4, False, False)
    code, _, err = await headrace("info", "redis://:hunter2@h/x")
    assert (code, "hunter2" in err, "Traceback" in err) == (2, False, False)
