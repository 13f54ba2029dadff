"""The module that `headrace worker` is given: a queue that the environment names."""

import os
import signal
import time
from pathlib import Path

from headrace import Queue, clock
from tests.torture.app import Tasks, witnessed
from tests.torture.ledger import Ledger

now, jump = time.time, float(os.environ["TORTURE_JUMP"])
ahead = [float(os.environ["TORTURE_AHEAD"])]
# These two are all that the product reads.
time.time = lambda: now() + sum(ahead)
setattr(clock, "wall_time", time.time)  # noqa: B010 - it is not public


def leap(*_: object) -> None:
    """Let the wall clock jump ahead, and back the next time."""
    ahead[1:] = [] if ahead[1:] else [jump]


signal.signal(signal.SIGURG, leap)

queue = Queue(
    os.environ["TORTURE_URL"],
    name=os.environ["TORTURE_QUEUE"],
    lease=float(os.environ["TORTURE_LEASE"]),
    result_ttl=float(os.environ["TORTURE_RESULT_TTL"]),
)
ledger = Ledger.in_folder(Path(os.environ["TORTURE_FOLDER"]))
witnessed(queue.broker, ledger)
tasks = Tasks(queue, ledger)
