"""Headrace: an asyncio-native task queue with pluggable brokers and one set of guarantees.

    queue = Queue("redis://localhost:6379/0")

    @queue.task(retry=RetryPolicy(attempts=5), timeout=30)
    async def send_email(to: str, subject: str) -> int: ...

    async with queue:
        job = await queue.enqueue(send_email, "a@b.c", "hi")
        print(await job.result(timeout=10))

What is exported here is public; everything else may change between versions, but for the broker
contract in `headrace.broker` and what stands in `headrace.testing`.
"""

from headrace.broker import Broker, QueueStats
from headrace.context import CurrentJob, current_job
from headrace.errors import (
    AuthFailed,
    BrokerError,
    ConfigMismatch,
    DuplicateTask,
    HeadraceError,
    InvalidArguments,
    InvalidEnvelope,
    InvalidOption,
    InvalidResult,
    InvalidTask,
    InvalidURL,
    JobCancelled,
    JobError,
    JobExpired,
    JobFailed,
    JobNotFound,
    NoCurrentJob,
    OutcomeUnknown,
    Overloaded,
    PluginError,
    QueueClosed,
    Reject,
    Rejected,
    ResultTimeout,
    Retry,
    SchemeConflict,
    Snooze,
    TaskError,
    TaskSignal,
    Unavailable,
    UnknownScheme,
    UnknownTask,
    Unsupported,
)
from headrace.finding import Finding, Verdict
from headrace.handle import JobHandle
from headrace.job import JobInfo, JobState
from headrace.letter import DeadLetter
from headrace.memory import MemoryBroker
from headrace.middleware import CallNext, Middleware
from headrace.options import Priority
from headrace.queue import Queue
from headrace.retry import RetryPolicy
from headrace.schedule import Misfire
from headrace.task import AsyncTask, Call, Task, ThreadTask
from headrace.urls import redact_url
from headrace.worker.shutdown import Ending
from headrace.worker.worker import Worker

__all__ = [
    "AsyncTask",
    "AuthFailed",
    "Broker",
    "BrokerError",
    "Call",
    "CallNext",
    "ConfigMismatch",
    "CurrentJob",
    "DeadLetter",
    "DuplicateTask",
    "Ending",
    "Finding",
    "HeadraceError",
    "InvalidArguments",
    "InvalidEnvelope",
    "InvalidOption",
    "InvalidResult",
    "InvalidTask",
    "InvalidURL",
    "JobCancelled",
    "JobError",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobInfo",
    "JobNotFound",
    "JobState",
    "MemoryBroker",
    "Middleware",
    "Misfire",
    "NoCurrentJob",
    "OutcomeUnknown",
    "Overloaded",
    "PluginError",
    "Priority",
    "Queue",
    "QueueClosed",
    "QueueStats",
    "Reject",
    "Rejected",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "SchemeConflict",
    "Snooze",
    "Task",
    "TaskError",
    "TaskSignal",
    "ThreadTask",
    "Unavailable",
    "UnknownScheme",
    "UnknownTask",
    "Unsupported",
    "Verdict",
    "Worker",
    "current_job",
    "redact_url",
]

__version__ = "0.1.0"
