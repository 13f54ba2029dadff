"""What a producer does for each job."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from benchmarks.micro.subject import Subject, each
from headrace import Queue, RetryPolicy
from headrace.ids import new_id

queue = Queue("memory://")


@queue.task
async def send_email(to: str, subject: str, *, html: bool = False) -> int:
    """Stand for what an application does."""
    return len(to) + len(subject) + html


call = send_email.call("a@b.c", "hi", html=True)
chosen = send_email.options(
    delay=timedelta(minutes=1), unique="welcome:42", retry=RetryPolicy(attempts=5)
)

SUBJECTS = [
    Subject("call: check and encode", each(partial(send_email.call, "a@b.c", "hi", html=True))),
    Subject("call: of an unknown task", each(partial(queue.remote("resize").call, "a.png"))),
    Subject("job: id", each(new_id)),
    Subject("job: draft", each(partial(queue.draft, call, send_email.effective, None))),
    Subject(
        "job: draft with options",
        each(partial(queue.draft, call, chosen.effective, chosen.settings)),
    ),
]
