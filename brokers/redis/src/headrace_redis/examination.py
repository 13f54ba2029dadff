"""What must be true of a server so that jobs are safe on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headrace.errors import AuthFailed, BrokerError
from headrace.finding import Finding, Verdict
from headrace_redis.server import Server

OLDEST = (6, 2)
"""XAUTOCLAIM came with Redis 6.2."""

Info = Mapping[str, str]


async def examine(server: Server) -> list[Finding]:
    """Look at a server, and say everything that was seen.

    Raises:
        BrokerError: It cannot be reached, or refuses the credentials.
    """
    await server.command("PING")
    try:
        info = read_info(await server.command("INFO"))
    except AuthFailed:
        return [_unseen()]
    return list(judge(info))


def read_info(reply: bytes) -> dict[str, str]:
    """Return what the server says of itself, by name."""
    lines = (line.partition(":") for line in reply.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}


def unreachable(error: BrokerError) -> Finding:
    """Return the finding that stands for a server that cannot be asked."""
    kind = "credentials" if isinstance(error, AuthFailed) else "connection"
    remedy = (
        "check the user, the password and what the user may do"
        if isinstance(error, AuthFailed)
        else "check that the server runs and that the URL leads to it"
    )
    return Finding(kind, Verdict.REFUSED, str(error), remedy)


def judge(info: Info) -> Iterator[Finding]:
    """Return what to think of what a server says of itself."""
    yield Finding("connection", Verdict.OK, "the server answers")
    yield _version(info)
    yield _role(info)
    yield _eviction(info)
    yield _persistence(info)
    yield _fsync(info)


def _unseen() -> Finding:
    return Finding(
        "settings",
        Verdict.WARNING,
        "this user may not ask for INFO: version, eviction and persistence are unknown",
        "allow +info for this user, or look at them as another user",
    )


def _version(info: Info) -> Finding:
    valkey = info.get("valkey_version")
    if valkey is not None:
        return Finding("version", Verdict.OK, f"Valkey {valkey}")
    version = info.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= OLDEST:
        return Finding("version", Verdict.OK, f"Redis {version}")
    return Finding(
        "version",
        Verdict.REFUSED,
        f"Redis {version}: abandoned jobs cannot be taken over",
        "use Redis 6.2 or newer, or Valkey",
    )


def _role(info: Info) -> Finding:
    if info.get("role") != "slave":
        return Finding("role", Verdict.OK, "it takes writes")
    return Finding(
        "role",
        Verdict.REFUSED,
        "this is a replica: it takes no writes",
        "point the URL to the primary, or use redis+sentinel://",
    )


def _eviction(info: Info) -> Finding:
    policy = info.get("maxmemory_policy", "unknown")
    if info.get("maxmemory", "0") == "0":
        return Finding("eviction", Verdict.OK, f"no memory limit, so nothing is evicted ({policy})")
    if policy == "noeviction":
        return Finding("eviction", Verdict.OK, "maxmemory-policy noeviction")
    return Finding(
        "eviction",
        Verdict.REFUSED,
        f"maxmemory-policy {policy}: the server would throw jobs or their results away",
        "CONFIG SET maxmemory-policy noeviction",
    )


def _persistence(info: Info) -> Finding:
    if info.get("aof_enabled") == "1":
        return Finding("persistence", Verdict.OK, "the append-only file is on")
    return Finding(
        "persistence",
        Verdict.WARNING,
        "the append-only file is off: when the server dies, every job since its last snapshot "
        "is lost, or every job if it takes none",
        "CONFIG SET appendonly yes",
    )


def _fsync(info: Info) -> Finding:
    if info.get("aof_enabled") == "1" and info.get("aof_last_write_status") == "err":
        return Finding(
            "disk",
            Verdict.WARNING,
            "the last write of the append-only file failed",
            "look at the disk and at the server's log",
        )
    if info.get("rdb_last_bgsave_status") == "err":
        return Finding(
            "disk",
            Verdict.WARNING,
            "the last snapshot failed: the server may soon refuse writes (MISCONF)",
            "look at the disk and at the server's log",
        )
    return Finding("disk", Verdict.OK, "no write has failed")
