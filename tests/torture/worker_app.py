"""The module that `headrace worker` is given: a queue that the environment names."""

import os
import time
from pathlib import Path

from headrace import Queue, clock
from tests.torture.app import Tasks, witnessed
from tests.torture.ledger import Ledger

now, ahead = time.time, float(os.environ["TORTURE_AHEAD"])
# These two are all that the product reads.
time.time = lambda: now() + ahead
setattr(clock, "wall_time", time.time)  # noqa: B010 - it is not public

queue = Queue(
    os.environ["TORTURE_URL"],
    name=os.environ["TORTURE_QUEUE"],
    lease=float(os.environ["TORTURE_LEASE"]),
    result_ttl=float(os.environ["TORTURE_RESULT_TTL"]),
)
ledger = Ledger.in_folder(Path(os.environ["TORTURE_FOLDER"]))
witnessed(queue.broker, ledger)
tasks = Tasks(queue, ledger)
