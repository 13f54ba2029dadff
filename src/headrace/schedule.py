"""When a schedule fires: pure arithmetic on moments. Moments are milliseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from msgspec import Struct

from headrace.durations import Duration, seconds
from headrace.errors import InvalidOption


class Misfire(StrEnum):
    """What becomes of ticks that were missed, because no worker was there.

    Examples:
        >>> @queue.cron("0 4 * * *", misfire=Misfire.SKIP, misfire_grace=timedelta(hours=1))
        ... async def tidy() -> None: ...
        >>> queue.schedules["tidy"].misfire
        <Misfire.SKIP: 'skip'>
    """

    LATEST = "latest"
    """The tick that waits runs, late; the next one is after now."""
    ALL = "all"
    """Every missed tick runs, one after the other."""
    SKIP = "skip"
    """A tick that is late by more than the grace does not run."""

    @classmethod
    def _missing_(cls, value: object) -> Misfire:
        message = f"misfire is one of {', '.join(cls)}, not {value!r}"
        raise InvalidOption(message)


class Trigger(Protocol):
    """Says when to fire."""

    def after(self, moment: int) -> int:
        """Return the first tick later than `moment`."""
        ...

    def width(self, tick: int) -> float:
        """Return the seconds from a tick to the one after it."""
        ...


class CronTrigger:
    """Fires as a cron expression says, in a time zone.

    When clocks go forward, a tick in the hour that is missing fires when the hour is over; when
    they go back, a tick at a fixed time in the hour that comes twice fires once. That is what
    Debian's cron does.

    Args:
        expression: Five fields, or six with seconds first.
        timezone: A name from the IANA database, such as `Europe/Berlin`.

    Raises:
        InvalidOption: The expression cannot be read, never fires, or the zone is unknown.
    """

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        self.expression = expression
        self._zone = _zone(timezone)
        try:
            next(CronSim(expression, datetime(2000, 1, 1, tzinfo=self._zone)))
        except (CronSimError, StopIteration) as error:
            message = f"not a cron expression that ever fires: {expression!r} ({error})"
            raise InvalidOption(message) from error

    def after(self, moment: int) -> int:
        """Return the first tick later than `moment`."""
        start = datetime.fromtimestamp(moment / 1000, self._zone)
        # In the hour that comes twice, the first answer can be one that has already fired.
        ticks = (round(tick.timestamp() * 1000) for tick in CronSim(self.expression, start))
        return next(tick for tick in ticks if tick > moment)

    def width(self, tick: int) -> float:
        """Return the seconds from a tick to the one after it."""
        return (self.after(tick) - tick) / 1000

    def __repr__(self) -> str:
        return f"cron {self.expression!r} in {self._zone}"


class EveryTrigger:
    """Fires at whole multiples of an interval since the epoch, so that all workers agree.

    Args:
        interval: At least 1 ms.

    Raises:
        InvalidOption: It is shorter.
    """

    def __init__(self, interval: Duration) -> None:
        self._interval = round(seconds(interval, name="interval") * 1000)
        if self._interval < 1:
            message = f"an interval is at least 1 ms, not {interval!r}"
            raise InvalidOption(message)

    def after(self, moment: int) -> int:
        """Return the first tick later than `moment`."""
        return (moment // self._interval + 1) * self._interval

    def width(self, tick: int) -> float:  # noqa: ARG002 - every interval is as wide
        """Return the seconds from a tick to the one after it."""
        return self._interval / 1000

    def __repr__(self) -> str:
        return f"every {self._interval / 1000} s"


class Schedule(Struct, frozen=True, kw_only=True):
    """A task that runs by the clock.

    Attributes:
        name: 1 to 40 of `A-Z a-z 0-9 _ -`, one for each schedule of a queue.
        task: The name of the task.
        trigger: When it fires.
        misfire: What becomes of missed ticks.
        grace: Seconds by which a tick may be late before `Misfire.SKIP` drops it.
    """

    name: str
    task: str
    trigger: Trigger
    misfire: Misfire = Misfire.LATEST
    grace: float = 60.0

    def fires_at(self, tick: int) -> bool:
        """Tell whether this is one of its ticks."""
        return self.trigger.after(tick - 1) == tick

    def next(self, tick: int, now: int) -> int:
        """Return the tick to come after `tick` was claimed at `now`."""
        return self.trigger.after(tick if self.misfire is Misfire.ALL else max(tick, now))

    def drops(self, tick: int, now: int) -> bool:
        """Tell whether `tick` is too late to run at `now`."""
        return self.misfire is Misfire.SKIP and (now - tick) / 1000 > self.grace

    def job_id(self, tick: int) -> str:
        """Return the id of the job of a tick: whoever enqueues it, it is the same job."""
        return f"cron-{self.name}-{tick}"


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = (
            f"unknown time zone {name!r}: a name such as 'Europe/Berlin' is wanted; "
            "where the system has no zones, install the package tzdata"
        )
        raise InvalidOption(message) from error
