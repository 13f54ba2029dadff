from __future__ import annotations

import pytest

from headrace.broker import Capability
from headrace.plugins import broker_from_url
from tests.reference.page import rows, sections

PAGE = sections("capabilities.md")
FLAGS = [flag.name for flag in Capability]
URLS = {
    "`memory://`": ["memory://"],
    "`redis://`": [
        "redis://host",
        "rediss://host",
        "unix:///run/redis.sock",
        "redis+sentinel://host/main",
        "redis+cluster://host",
    ],
    "`redis://…?track=no`": ["redis://host?track=no", "redis+cluster://host?track=no"],
    "`nats://`": ["nats://host", "tls://host"],
    "`nats://…?storage=memory`": ["nats://host?storage=memory"],
}


def test_every_flag_is_there_and_is_explained() -> None:
    declared = rows(PAGE["Who declares what"])
    explained = rows(PAGE["What each means"])
    assert [row[0] for row in declared] == [f"`{name}`" for name in FLAGS]
    assert [row[0] for row in explained] == [f"`{name}`" for name in FLAGS]
    assert all(len(row) == 3 and all(row) for row in explained)


@pytest.mark.parametrize(
    ("column", "url"), [(column, url) for column, urls in URLS.items() for url in urls]
)
async def test_the_table_is_what_the_brokers_declare(column: str, url: str) -> None:
    scheme = url.partition(":")[0]
    if scheme != "memory":
        package = "headrace_nats" if scheme in ("nats", "tls") else "headrace_redis"
        pytest.importorskip(package)
    table = PAGE["Who declares what"]
    head = next(line for line in table.splitlines() if line.startswith("| capability"))
    number = [cell.strip() for cell in head[1:-1].split("|")].index(column)
    declared = broker_from_url(url).capabilities
    told = {row[0].strip("`"): row[number] for row in rows(table)}
    assert told == {flag.name: "yes" if flag in declared else "no" for flag in Capability}
