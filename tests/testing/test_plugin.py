"""Whoever has pytest finds the fixture, whatever runs his async tests."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest

APP = """
from headrace import Queue, RetryPolicy

queue = Queue("memory://", name="mails")
reports = Queue("memory://", name="reports")

@queue.task(retry=RetryPolicy(attempts=2, base=60, jitter=0))
async def send(to: str) -> int:
    return len(to)

@reports.task
def report() -> str:
    return "done"

async def sign_up(to: str) -> None:
    async with queue:
        await queue.enqueue(send, to)
"""

TESTS = """
import asyncio
import pytest
from app import queue, reports, report, send, sign_up

{marks}

async def test_function(headrace_queue):
    await sign_up("a@b.c")
    headrace_queue.assert_enqueued(send, "a@b.c")
    assert await headrace_queue.drain() == 1

class TestMethods:
    async def test_method(self, headrace_queue):
        await sign_up("a@b.c")
        assert len(headrace_queue.enqueued()) == 1

@pytest.fixture
def signed_up(headrace_queue):
    asyncio.run(sign_up("a@b.c"))
    return headrace_queue

@pytest.mark.parametrize("times", [1, 2])
async def test_through_a_fixture(signed_up, times):
    for _ in range(times):
        await sign_up("d@e.f")
    assert await signed_up.drain() == 1 + times

ended = []

async def test_job_that_runs_on(headrace_queue):
    async def hang():
        try:
            await headrace_queue.clock.sleep(1000)
        finally:
            ended.append(asyncio.get_running_loop().is_running())
    hang = headrace_queue.task(hang)
    await headrace_queue.enqueue(hang)
    await headrace_queue.drain()
    assert ended == []

async def test_it_has_ended_with_its_test():
    assert ended == [True]
    assert queue.url == "memory://"
"""

SYNC = """
import asyncio
from anyio.from_thread import start_blocking_portal
from app import queue, reports, report, send, sign_up

def test_application_in_another_thread(headrace_queue):
    with start_blocking_portal() as portal:
        portal.call(sign_up, "a@b.c")
        headrace_queue.assert_enqueued(send, "a@b.c")
        assert portal.call(headrace_queue.drain) == 1

def test_all_queues(headrace_queue):
    asyncio.run(reports.enqueue(report))
    assert headrace_queue.assert_enqueued(report).queue == "reports"
    assert asyncio.run(headrace_queue.drain()) == 1
    assert headrace_queue.name == "mails"

async def never_collected(headrace_queue): ...
"""

INI = """
[pytest]
headrace_app =
    app:queue
    app:reports
pythonpath = .
filterwarnings = error
"""

LEAN = [f"-pno:{plugin}" for plugin in ("benchmark", "hypothesispytest", "randomly", "xdist")]
"""What others have installed, and what takes most of the time here."""

SCOPE = "-oasyncio_default_fixture_loop_scope=function"
MODES = {
    "anyio": ("", ["-pno:asyncio", "-oanyio_mode=auto"]),
    "anyio marks": ("pytestmark = pytest.mark.anyio", ["-pno:asyncio"]),
    "asyncio": ("", ["-oasyncio_mode=auto", SCOPE]),
    "asyncio marks": ("pytestmark = pytest.mark.asyncio", [SCOPE]),
}
BACKEND = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Write an application, and the configuration that names its queues."""
    pytester.makepyfile(app=APP)
    pytester.makeini(INI)
    return pytester


@pytest.mark.parametrize("mode", MODES)
def test_async_tests_find_the_queue_in_a_harness(mode: str, project: pytest.Pytester) -> None:
    marks, options = MODES[mode]
    if "asyncio" in mode:
        pytest.importorskip("pytest_asyncio")
    project.makeconftest(BACKEND)
    project.makepyfile(test_app=TESTS.format(marks=marks))
    result = project.runpytest_subprocess(*LEAN, *options)
    result.assert_outcomes(passed=6)


def test_tests_without_an_event_loop_find_it_too(project: pytest.Pytester) -> None:
    project.makepyfile(test_app=SYNC)
    project.runpytest_subprocess(*LEAN, "-pno:asyncio").assert_outcomes(passed=2)


def test_a_conftest_may_name_the_queue(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(app=APP)
    pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def headrace_app():
            from app import queue
            return queue
    """)
    pytester.makepyfile("""
        import asyncio
        from app import sign_up, queue

        def test_named(headrace_queue):
            asyncio.run(sign_up("a@b.c"))
            assert headrace_queue.name == queue.name == "mails"
            assert queue.broker is headrace_queue.broker
            assert len(headrace_queue.enqueued()) == 1
    """)
    pytester.runpytest_subprocess(*LEAN).assert_outcomes(passed=1)


def test_who_does_not_ask_for_it_pays_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys

        def test_nothing():
            assert "pytest_headrace" in sys.modules
            assert not [name for name in sys.modules if name.startswith("headrace")]
    """)
    pytester.runpytest_subprocess(*LEAN).assert_outcomes(passed=1)


def test_pytest_finds_it() -> None:
    [plugin] = entry_points(group="pytest11", name="headrace")
    assert plugin.value == "pytest_headrace"
    assert "pytest_headrace" in sys.modules
