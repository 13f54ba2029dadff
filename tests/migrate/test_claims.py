"""What the pages say of other queues and no example shows, as far as it can be seen in a moment."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

pytest.importorskip("headrace_redis")
pytest.importorskip("headrace_nats")

from tests.migrate.ground import commands_of, running_server
from tests.migrate.terminal import Terminal

DEFAULTS = {
    "celery": """
        from celery.app.defaults import DEFAULTS
        from celery.app.task import Task
        from kombu.transport.redis import Channel
        assert DEFAULTS["task_acks_late"] is False
        assert DEFAULTS["task_reject_on_worker_lost"] is None
        assert DEFAULTS["result_expires"].total_seconds() == 86400
        assert Channel.visibility_timeout == 3600
        assert Channel.priority_steps == [0, 3, 6, 9]
        assert Task.max_retries == 3
        assert not hasattr(Task, "autoretry_for")
    """,
    "arq": """
        from arq import Worker
        from arq.constants import expires_extra_ms
        async def work(ctx): ...
        worker = Worker(functions=[work], handle_signals=False)
        assert (worker.job_timeout_s, worker.in_progress_timeout_s) == (300, 310)
        assert (worker.max_tries, worker.max_jobs, worker.keep_result_s) == (5, 10, 3600)
        assert worker._job_completion_wait == 0
        assert worker.allow_abort_jobs is False
        assert expires_extra_ms == 86_400_000
    """,
    "taskiq": """
        import inspect
        from taskiq.cli.worker.args import WorkerArgs
        from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker
        stream = inspect.signature(RedisStreamBroker).parameters
        assert stream["idle_timeout"].default == 600_000
        assert stream["maxlen"].default is None
        results = inspect.signature(RedisAsyncResultBackend).parameters
        assert results["result_ex_time"].default is None
        args = WorkerArgs(broker="", modules=[])
        assert (args.workers, args.max_async_tasks, args.wait_tasks_timeout) == (2, 100, None)
    """,
    "saq": """
        import inspect
        from saq import Job, Worker
        job = Job("work")
        assert (job.timeout, job.heartbeat, job.retries, job.ttl) == (10, 0, 1, 600)
        worker = inspect.signature(Worker).parameters
        assert worker["concurrency"].default == 10
        assert worker["shutdown_grace_period_s"].default is None
    """,
}
"""Of each, what the pages say of its defaults."""

SWEEP = """
    import asyncio
    import os
    from saq import Queue
    async def main():
        queue = Queue.from_url(os.environ["URL"])
        await queue.connect()
        await queue.enqueue("work", key="first")
        await queue.dequeue()
        await queue.sweep()
        print((await queue.job("first")).error)
        await queue.disconnect()
    asyncio.run(main())
"""


@pytest.mark.parametrize("peer", DEFAULTS)
def test_defaults_are_as_the_pages_say(peer: str, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(textwrap.dedent(DEFAULTS[peer]))
    with Terminal(tmp_path, commands_of(peer), tmp_path / "log") as terminal:
        assert terminal.enter("python ask.py") == ""


def test_saq_sweeps_a_job_that_was_just_taken(tmp_path: Path) -> None:
    (tmp_path / "take.py").write_text(textwrap.dedent(SWEEP))
    with (
        running_server(tmp_path / "server") as url,
        Terminal(tmp_path, commands_of("saq"), tmp_path / "log") as terminal,
    ):
        terminal.enter(f"export URL={url}")
        assert terminal.enter("python take.py") == "swept\n"
