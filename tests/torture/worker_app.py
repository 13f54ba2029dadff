"""The module that `headrace worker` is given: a queue that the environment names."""

import os
from pathlib import Path

from headrace import Queue
from tests.torture.app import Tasks, witnessed
from tests.torture.ledger import Ledger

queue = Queue(
    os.environ["TORTURE_URL"],
    name=os.environ["TORTURE_QUEUE"],
    lease=float(os.environ["TORTURE_LEASE"]),
    result_ttl=float(os.environ["TORTURE_RESULT_TTL"]),
)
ledger = Ledger.in_folder(Path(os.environ["TORTURE_FOLDER"]))
witnessed(queue.broker, ledger)
tasks = Tasks(queue, ledger)
