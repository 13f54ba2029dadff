"""What is mutated, and which tests are meant to notice."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
SCRIPTS = "brokers/redis/src/headrace_redis/lua"
CHAPTERS = "tests/mutation/redis_chapters.py"


class Target(Struct, frozen=True):
    """One source file.

    Attributes:
        path: From the root of the project.
        tests: What pytest is told to run, the quickest first.
        only: An expression that selects among them, as with `-k`.
        server: Whether the tests need a Redis server.
    """

    path: str
    tests: tuple[str, ...]
    only: str = "not uvloop"
    server: bool = False


def _worker(name: str, *tests: str) -> Target:
    return Target(f"src/headrace/worker/{name}.py", tests)


def _memory(name: str) -> Target:
    tests = ("tests/unit/test_memory.py", "tests/test_conformance.py::TestMemory")
    return Target(f"src/headrace/memory/{name}.py", tests)


def _script(name: str, *chapters: str, tests: tuple[str, ...] = ()) -> Target:
    found = [f"{chapter}Chapter" for chapter in chapters] or ["Chapter"]
    files = tuple(f"brokers/redis/tests/{file}.py" for file in tests)
    only = " or ".join([*found, *tests])
    return Target(f"{SCRIPTS}/{name}.lua", (*files, CHAPTERS), only, server=True)


SCRIPT_PARTS = ("queue", "index", "ending", "leases", "jobs", "delayed", "letters")

AREAS: dict[str, tuple[Target, ...]] = {
    "worker": (
        Target("src/headrace/retry.py", ("tests/unit/test_retry.py",)),
        _worker("verdict", "tests/worker/test_verdict.py", "tests/worker/test_executor.py"),
        _worker("attempt", "tests/worker/test_attempt.py", "tests/worker/test_executor.py"),
        _worker("settler", "tests/worker/test_settler.py"),
        _worker("backoff", "tests/worker/test_small_parts.py", "tests/worker/test_settler.py"),
        _worker("heartbeat", "tests/worker/test_heartbeat.py"),
        _worker("heart", "tests/worker/test_heart.py"),
    ),
    "memory": tuple(
        _memory(name) for name in ("store", "lanes", "remembered", "liveness", "record", "broker")
    ),
    "redis": (
        _script("settle", "Settle", "Control", "Lease"),
        _script("renew", "Lease", "Control"),
        Target(
            f"{SCRIPTS}/cancel.lua",
            ("brokers/redis/tests/test_queue.py", CHAPTERS),
            "ControlChapter or cancelled",
            server=True,
        ),
        _script(
            "claim",
            *("Claim", "Lease", "Settle", "Schedule"),
            tests=("test_queue", "test_consumer", "test_hostile"),
        ),
        _script("enqueue", "Enqueue", "Schedule", tests=("test_queue",)),
        _script("redrive", "Control", "Inspection", tests=("test_queue",)),
        _script("maintain", "Schedule", "Lease", "Control", tests=("test_queue",)),
        *(_script(part, tests=("test_queue", "test_hostile")) for part in SCRIPT_PARTS),
    ),
}
