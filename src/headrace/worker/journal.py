"""What a worker logs about jobs: only those that did not go well."""

from __future__ import annotations

import logging

from headrace.codec import decode_failure, decode_history
from headrace.outcome import Dead, Outcome, Reschedule

logger: logging.Logger = logging.getLogger("headrace.worker")


def tell(task: str, outcome: Outcome | None) -> None:
    """Log a job that failed or was given up. Nothing is logged of one that succeeded.

    Args:
        task: The task's name, `""` if the body could not be read.
        outcome: What becomes of the job.
    """
    if isinstance(outcome, Dead):
        _tell_dead(task, outcome)
    elif isinstance(outcome, Reschedule) and outcome.attempt > outcome.lease.attempt:
        _tell_retry(task, outcome)


def _tell_dead(task: str, outcome: Dead) -> None:
    failure = decode_failure(outcome.result)
    logger.error(
        "job is dead",
        extra={
            "job_id": outcome.lease.id,
            "queue": outcome.lease.queue,
            "task": task,
            "attempt": outcome.attempt,
            "reason": outcome.reason,
            "error": failure.error,
            "error_message": failure.message,
            "traceback": failure.traceback,
        },
    )


def _tell_retry(task: str, outcome: Reschedule) -> None:
    failure = decode_history(outcome.meta).failures[-1]
    logger.warning(
        "attempt failed, job is tried again",
        extra={
            "job_id": outcome.lease.id,
            "queue": outcome.lease.queue,
            "task": task,
            "attempt": outcome.attempt,
            "delay": outcome.delay,
            "error": failure.error,
            "error_message": failure.message,
        },
    )
