"""What was enqueued can be asserted, and what was not is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from headrace import Priority, Queue, RetryPolicy
from headrace.testing import Enqueued, Harness


@dataclass
class Mail:
    to: str
    copies: tuple[str, ...] = ()


@pytest.fixture
def headrace_app() -> Queue:
    queue = Queue("memory://", name="mails")

    @queue.task(timeout=30, retry=RetryPolicy(attempts=7), headers={"kind": "mail"})
    async def send(to: str, subject: str = "hi", *, html: bool = False) -> None: ...

    @queue.task
    async def post(mail: Mail, *paths: Path, **extra: int) -> None: ...

    @queue.task
    async def loose(anything: Any) -> None: ...

    return queue


async def test_a_job_is_found_by_its_arguments(headrace_queue: Harness) -> None:
    send = headrace_queue.tasks["send"]
    handle = await headrace_queue.enqueue(send, "a@b.c", html=True)
    job = headrace_queue.assert_enqueued(send, "a@b.c", html=True)
    assert (job.id, job.queue, job.task) == (handle.id, "mails", "send")
    assert (job.args, job.kwargs) == (("a@b.c",), {"html": True})
    for found in (
        headrace_queue.assert_enqueued(send),
        headrace_queue.assert_enqueued("send"),
        headrace_queue.assert_enqueued("send", to="a@b.c", html=True),
        headrace_queue.assert_enqueued(send, "a@b.c", "hi", html=True),
        headrace_queue.assert_enqueued(send, ANY, ANY, html=ANY),
        headrace_queue.assert_enqueued(headrace_queue.remote("send"), "a@b.c", html=True),
    ):
        assert found == job
    for args, kwargs in ((("a@b.c",), {}), (("x",), {"html": True}), ((7,), {"html": True})):
        with pytest.raises(AssertionError):
            headrace_queue.assert_enqueued(send, *args, **kwargs)


async def test_arguments_are_compared_as_the_task_gets_them(headrace_queue: Harness) -> None:
    post, loose = headrace_queue.tasks["post"], headrace_queue.tasks["loose"]
    mail = Mail("a@b.c", ("d@e.f",))
    await headrace_queue.enqueue(post, mail, Path("x"), Path("y"), width=3)
    job = headrace_queue.assert_enqueued(post, mail, Path("x"), Path("y"), width=3)
    assert job.args == (mail, Path("x"), Path("y"))
    await headrace_queue.enqueue(loose, (1, 2))
    assert headrace_queue.assert_enqueued(loose, (1, 2)).args == ([1, 2],)


async def test_a_call_that_cannot_be_made_is_a_mistake_in_the_test(headrace_queue: Harness) -> None:
    with pytest.raises(TypeError, match="copies"):
        headrace_queue.assert_enqueued(headrace_queue.tasks["send"], "a@b.c", copies=3)


async def test_a_job_is_found_by_its_options(headrace_queue: Harness) -> None:
    send = headrace_queue.tasks["send"]
    now = datetime.fromtimestamp(headrace_queue.clock.time(), UTC)
    special = send.options(
        delay=timedelta(minutes=1),
        priority=Priority.HIGH,
        unique="hi:1",
        unique_for=90,
        expires=3600,
        timeout=5,
        result_ttl=0,
        retry=RetryPolicy(attempts=2),
        headers={"trace": "x"},
        job_id="mine",
    )
    await headrace_queue.enqueue(special, "a@b.c")
    job = headrace_queue.assert_enqueued(special, "a@b.c")
    assert job.at == now + timedelta(minutes=1)
    for options in (
        send.options(at=now + timedelta(minutes=1)),
        send.options(delay=60),
        send.options(priority=0),
        send.options(job_id="mine", timeout=5),
    ):
        assert headrace_queue.enqueued(options) == [job]
    for other in (
        send.options(at=now),
        send.options(delay=61),
        send.options(priority=1),
        send.options(unique="hi:2"),
        send.options(unique="hi:1", unique_for=91),
        send.options(expires=None),
        send.options(timeout=30),
        send.options(result_ttl=1),
        send.options(retry=RetryPolicy(attempts=7)),
        send.options(headers={"kind": "mail"}),
        send.options(job_id="yours"),
    ):
        assert headrace_queue.enqueued(other) == []


async def test_options_of_the_task_are_those_of_its_jobs(headrace_queue: Harness) -> None:
    send = headrace_queue.tasks["send"]
    await headrace_queue.enqueue("send", "a@b.c")
    expected = send.options(timeout=30, retry=RetryPolicy(attempts=7), headers={"kind": "mail"})
    headrace_queue.assert_enqueued(expected, "a@b.c")
    headrace_queue.assert_enqueued(headrace_queue.remote("send").options(timeout=30), "a@b.c")
    assert not headrace_queue.enqueued(send.options(timeout=None))


async def test_a_task_of_other_processes_is_found_by_its_name(headrace_queue: Harness) -> None:
    invoice = headrace_queue.remote("invoice")
    await headrace_queue.enqueue(invoice.options(delay=60), 42, currency="EUR")
    job = headrace_queue.assert_enqueued("invoice", 42, currency="EUR")
    assert (job.args, job.kwargs) == ((42,), {"currency": "EUR"})
    assert headrace_queue.enqueued(invoice.options(delay=60)) == [job]
    with pytest.raises(AssertionError):
        headrace_queue.assert_enqueued(invoice, 43, currency="EUR")


async def test_arguments_that_do_not_fit_are_shown_as_they_travel(headrace_queue: Harness) -> None:
    elsewhere = Queue(headrace_queue.broker, name="mails")
    async with elsewhere:
        await elsewhere.enqueue("send", 1, 2, 3, 4)
    assert headrace_queue.enqueued()[0].args == (1, 2, 3, 4)
    with pytest.raises(AssertionError, match=r"send\(1, 2, 3, 4\)"):
        headrace_queue.assert_enqueued("send", "a@b.c")


async def test_duplicates_and_what_has_run(headrace_queue: Harness) -> None:
    send = headrace_queue.tasks["send"]
    for _ in range(2):
        await headrace_queue.enqueue(send.options(unique="once"), "a@b.c")
    assert len(headrace_queue.enqueued(send)) == 1
    await headrace_queue.drain()
    assert len(headrace_queue.enqueued(send)) == 1
    await headrace_queue.enqueue(send.options(unique="once"), "d@e.f")
    assert [job.args[0] for job in headrace_queue.enqueued()] == ["a@b.c", "d@e.f"]


async def test_a_failure_says_what_there_is(headrace_queue: Harness) -> None:
    send = headrace_queue.tasks["send"]
    with pytest.raises(AssertionError) as failure:
        headrace_queue.assert_enqueued(send)
    assert str(failure.value) == "send(…) was not enqueued, nothing was"
    await headrace_queue.enqueue(send.options(delay=60, unique="x"), "a@b.c", html=True)
    await headrace_queue.enqueue("invoice", 42)
    with pytest.raises(AssertionError) as failure:
        headrace_queue.assert_enqueued(send.options(delay=5), "a@b.c")
    assert str(failure.value) == (
        "send('a@b.c') with delay=5.0 was not enqueued, but:\n"
        "  send('a@b.c', html=True) with delay=60.0, unique='x', headers={'kind': 'mail'}\n"
        "  invoice(42)"
    )
    await headrace_queue.enqueue_many(send.call(str(number)) for number in range(30))
    with pytest.raises(AssertionError, match=r"12 more before them\n  send\('10'\)"):
        headrace_queue.assert_enqueued("nothing")


def test_it_is_data() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    job = Enqueued(id="1", queue="q", task="t", args=(), kwargs={"a": 1}, at=at)
    assert str(job) == "t(a=1)"
