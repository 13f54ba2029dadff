"""One queue of the memory broker: every decision of the contract, none of the waiting.

Plain functions that take the time; nothing here is awaited, so each verb is atomic.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec import structs

from headrace.broker import Cancelled, Control, Held, QueueSpec, QueueStats
from headrace.errors import Rejected
from headrace.ids import is_valid_id
from headrace.job import DeadJob, JobInfo, JobState, Lease, NewJob
from headrace.memory.lanes import Lanes
from headrace.memory.record import Record
from headrace.memory.remembered import Remembered
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule

BATCHES_REMEMBERED = 10_000
"""How many batches of `enqueue` can be repeated; in one process none is repeated late."""

STEP = 1_000
"""How many jobs one step of housekeeping moves at most."""


class QueueStore:
    """The jobs of one queue.

    Args:
        spec: The queue as it was declared.
        epoch: The wall time at monotonic time 0.
        ended: Called with the id of each job that is over.
    """

    def __init__(self, spec: QueueSpec, epoch: float, ended: Callable[[str], None]) -> None:
        self.spec = spec
        self.paused: bool = False
        self._epoch = epoch
        self._ended = ended
        self._live: dict[str, Record] = {}
        self._ready = Lanes(spec.lanes)
        self._delayed: dict[str, Record] = {}
        self._due: list[tuple[float, int, str]] = []
        self._running: OrderedDict[str, Record] = OrderedDict()
        self._finals: Remembered[JobInfo] = Remembered()
        self._dead: OrderedDict[str, tuple[DeadJob, NewJob]] = OrderedDict()
        self._holders: dict[str, str] = {}
        self._timed_holders: Remembered[str] = Remembered()
        self._batches: OrderedDict[str, list[str | None]] = OrderedDict()
        self._count = 0

    # enqueue

    def enqueue(self, jobs: Sequence[NewJob], batch: str, now: float) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        self.step(now)
        answer = self._batches.get(batch)
        if answer is None:
            for job in jobs:
                self._check(job)
            answer = [self._add(job, now) for job in jobs]
            self._batches[batch] = answer
            if len(self._batches) > BATCHES_REMEMBERED:
                self._batches.popitem(last=False)
        return list(answer)

    def _check(self, job: NewJob) -> None:
        if not is_valid_id(job.id):
            raise Rejected(job.id, "an id is 1 to 64 of A-Z a-z 0-9 _ -")
        if not 0 <= job.priority < self.spec.lanes:
            raise Rejected(job.id, f"priority {job.priority}: lanes are 0 to {self.spec.lanes - 1}")

    def _add(self, job: NewJob, now: float) -> str | None:
        if self.info(job.id, now) is not None:
            return job.id
        if job.unique is not None:
            holder = self._holder(job.unique, now)
            if holder is not None:
                return holder
            self._hold(job, now)
        self._enter(Record(job, now, self._next()), now)
        return None

    def _holder(self, key: str, now: float) -> str | None:
        return self._holders.get(key) or self._timed_holders.get(key, now)

    def _hold(self, job: NewJob, now: float) -> None:
        if job.unique is None:
            return
        if job.unique_for is None:
            self._holders[job.unique] = job.id
        else:
            self._timed_holders.put(job.unique, job.id, now + job.unique_for)

    def _enter(self, record: Record, now: float) -> None:
        self._live[record.job.id] = record
        self._place(record, now)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _place(self, record: Record, now: float) -> None:
        """Put a job where it waits: for its time or for a worker."""
        record.since = now
        if record.due > now:
            record.state = JobState.DELAYED
            self._delayed[record.job.id] = record
            heapq.heappush(self._due, (record.due, self._next(), record.job.id))
        else:
            record.state = JobState.QUEUED
            self._ready.push(record)

    # time

    def step(self, now: float) -> None:
        """Promote what is due and take back what is abandoned, a bounded number of each."""
        for _ in range(STEP):
            if not (self._due and self._due[0][0] <= now):
                break
            due, _, job_id = heapq.heappop(self._due)
            record = self._delayed.get(job_id)
            if record is not None and record.due == due:
                del self._delayed[job_id]
                self._place(record, now)
        for _ in range(STEP):
            first = next(iter(self._running.values()), None)
            if first is None or first.lease_until > now:
                break
            self._abandoned(first, now)

    def _abandoned(self, record: Record, now: float) -> None:
        del self._running[record.job.id]
        if record.cancelled:
            self._end(record, JobState.CANCELLED, now)
            return
        record.state = JobState.QUEUED
        record.since = now
        self._ready.push_front(record)

    def give_time(self, seconds: float) -> None:
        """Let every lease last so much longer."""
        for record in self._running.values():
            record.lease_until += seconds

    @property
    def busy(self) -> bool:
        """Whether leases are held."""
        return bool(self._running)

    def sweep(self, now: float) -> None:
        """Forget a bounded number of results and keys whose time is over."""
        self._finals.sweep(now, STEP)
        self._timed_holders.sweep(now, STEP)
        if len(self._due) > 2 * len(self._delayed) + STEP:
            self._due = [entry for entry in self._due if entry[2] in self._delayed]
            heapq.heapify(self._due)

    def next_event(self) -> float | None:
        """Return when the next job is due or the next lease ends, `None` if there is neither."""
        times = [self._due[0][0]] if self._due else []
        first = next(iter(self._running.values()), None)
        if first is not None:
            times.append(first.lease_until)
        return min(times, default=None)

    # claim, renew, settle

    def claim(self, limit: int, now: float, fencing: Callable[[], int]) -> list[Lease]:
        """Lease up to `limit` jobs; see `Broker.claim`."""
        self.step(now)
        leases: list[Lease] = []
        while not self.paused and len(leases) < limit:
            taken = self._ready.take(limit - len(leases))
            if not taken:
                break
            for record in taken:
                if _is_expired(record, now):
                    self._end(record, JobState.EXPIRED, now)
                else:
                    leases.append(self._lease(record, now, fencing()))
        return leases

    def _lease(self, record: Record, now: float, fencing: int) -> Lease:
        job = record.job
        record.state = JobState.RUNNING
        record.since = now
        record.deliveries += 1
        record.fencing = fencing
        record.lease_until = deadline = now + self.spec.lease
        self._running[job.id] = record
        return Lease(
            self.spec.name,
            job.id,
            job.body,
            record.meta,
            job.priority,
            record.attempt,
            record.deliveries,
            fencing,
            deadline,
            record.copy,
        )

    def renew(self, lease: Lease, now: float) -> Held:
        """Keep one lease alive; see `Broker.renew`."""
        record = self._held(lease)
        if record is None:
            return Held.LOST
        record.lease_until = lease.deadline = now + self.spec.lease
        self._running.move_to_end(record.job.id)
        return Held.CANCELLED if record.cancelled else Held.OK

    def settle(self, outcome: Outcome, now: float) -> bool:
        """End one delivery; see `Broker.settle`."""
        if isinstance(outcome, Done):
            return self._done(outcome, now)
        record = self._held(outcome.lease)
        if record is None:
            return False
        del self._running[record.job.id]
        if isinstance(outcome, Dead):
            self._bury(record, outcome, now)
        elif record.cancelled:
            self._end(record, JobState.CANCELLED, now)
        else:
            self._again(record, outcome, now)
        return True

    def _held(self, lease: Lease) -> Record | None:
        """Return the job if this lease is the one that holds it."""
        record = self._running.get(lease.id)
        return record if record is not None and record.fencing == lease.fencing else None

    def _done(self, outcome: Done, now: float) -> bool:
        record = self._live.get(outcome.lease.id)
        if record is None or record.copy != outcome.lease.token:
            return False
        self._take_out(record)
        self._end(record, outcome.state, now, outcome.result, outcome.ttl)
        return True

    def _again(self, record: Record, outcome: Reschedule | Release, now: float) -> None:
        if _is_expired(record, now):
            self._end(record, JobState.EXPIRED, now)
            return
        record.copy = self._next()
        record.deliveries = 0
        if isinstance(outcome, Reschedule):
            record.attempt = outcome.attempt
            record.meta = outcome.meta
            record.due = now + outcome.delay
        self._place(record, now)

    def _bury(self, record: Record, outcome: Dead, now: float) -> None:
        record.attempt = outcome.attempt
        dead = DeadJob(
            f"{self._next():020d}",
            record.job.id,
            record.job.body,
            outcome.meta,
            record.job.priority,
            record.attempt,
            record.deliveries,
            outcome.reason,
            self._epoch + now,
        )
        self._dead[record.job.id] = dead, record.job
        self._end(record, JobState.DEAD, now, outcome.result, outcome.ttl)

    def _end(
        self,
        record: Record,
        state: JobState,
        now: float,
        result: bytes | None = None,
        ttl: float | None = None,
    ) -> None:
        """Make a job final: it is stored nowhere any more, its key is free, its state is kept."""
        job = record.job
        del self._live[job.id]
        self._free(job)
        keep = self.spec.result_ttl if ttl is None else ttl
        if keep > 0:
            self._finals.put(job.id, JobInfo(job.id, state, record.attempt, result), now + keep)
        self._ended(job.id)

    def _free(self, job: NewJob) -> None:
        if job.unique is not None and self._holders.get(job.unique) == job.id:
            del self._holders[job.unique]

    def _take_out(self, record: Record) -> None:
        """Take a job out of wherever it waits or runs."""
        if record.state is JobState.RUNNING:
            del self._running[record.job.id]
        elif record.state is JobState.DELAYED:
            del self._delayed[record.job.id]
        else:
            self._ready.remove(record)

    # the operator's verbs

    def cancel(self, job_id: str, now: float) -> Cancelled:
        """Take one job back; see `Broker.cancel`."""
        self.step(now)
        record = self._live.get(job_id)
        if record is None:
            return Cancelled.NOT_FOUND
        if record.state is JobState.RUNNING:
            record.cancelled = True
            return Cancelled.SIGNALLED
        self._take_out(record)
        self._end(record, JobState.CANCELLED, now)
        return Cancelled.REMOVED

    def info(self, job_id: str, now: float) -> JobInfo | None:
        """Tell what is known of one job; see `Broker.lookup`."""
        record = self._live.get(job_id)
        if record is not None:
            return record.info()
        info = self._finals.get(job_id, now)
        if info is None and job_id in self._dead:
            info = JobInfo(job_id, JobState.DEAD, self._dead[job_id][0].attempt)
        return info

    def stats(self, now: float) -> QueueStats:
        """Count; see `Broker.stats`."""
        self.step(now)
        since = self._ready.oldest()
        return QueueStats(
            ready=self._ready.sizes(),
            delayed=len(self._delayed),
            running=len(self._running),
            dead=len(self._dead),
            paused=self.paused,
            oldest=None if since is None else now - since,
        )

    def control(self, op: Control, now: float) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        self.step(now)
        if op in (Control.PAUSE, Control.RESUME):
            changed = self.paused is not (op is Control.PAUSE)
            self.paused = op is Control.PAUSE
            return int(changed)
        if op is Control.PURGE_DEAD:
            count = len(self._dead)
            self._dead.clear()
            return count
        if op is Control.PURGE_READY:
            purged = self._ready.clear()
        else:
            purged = list(self._delayed.values())
            self._delayed.clear()
        for record in purged:
            del self._live[record.job.id]
            self._free(record.job)
            self._ended(record.job.id)
        return len(purged)

    def dead(self, after: str, limit: int) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`."""
        letters = (letter for letter, _ in self._dead.values() if letter.cursor > after)
        return [letter for letter, _ in zip(letters, range(limit), strict=False)]

    def redrive(self, job_id: str, now: float) -> bool:
        """Send one dead letter back; see `Broker.redrive`."""
        letter = self._dead.get(job_id)
        if letter is None:
            return False
        job = letter[1]
        if job.unique is not None and self._holder(job.unique, now) not in (None, job_id):
            return False
        del self._dead[job_id]
        self._finals.drop(job_id)
        self._hold(job, now)
        fresh = structs.replace(job, attempt=0, delay=0.0, expires=None)
        self._enter(Record(fresh, now, self._next()), now)
        return True


def _is_expired(record: Record, now: float) -> bool:
    return record.expires is not None and record.expires <= now
