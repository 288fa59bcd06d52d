"""What a phrase is read against, and the little calendar arithmetic that reading needs."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.catalogue import DayParts
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask, instant

DAY = timedelta(days=1)
OFFICE = RecurringMask((DailyRange(9 * 60, 17 * 60),), frozenset({1, 2, 3, 4, 5}))
OPEN_START = datetime(1970, 1, 1, tzinfo=UTC)


class CannotBe(Exception):
    """A phrase that names no time. `problem` says how, the text is a sentence for the asker."""

    def __init__(self, problem: str, why: str) -> None:
        super().__init__(why)
        self.problem = problem
        self.why = why


@dataclass(frozen=True, slots=True)
class Context:
    """The present and the habits that a phrase is read with.

    `now` is UTC. `recent` is the local date that "the most recent" looks back from (today, or the
    other end of a range). `anchor` is the window that was spoken of before. `future` says that the
    question's tense looks ahead.
    """

    now: datetime
    zone: ZoneInfo
    parts: DayParts
    business: RecurringMask | None
    anchor: Interval | None
    future: bool
    local: datetime
    recent: date

    @property
    def today(self) -> date:
        """The local date of now."""
        return self.local.date()

    def looking_back_from(self, day: date) -> Context:
        """The same with another "most recent"."""
        return replace(self, recent=day)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time before it is cut and put on the clock of the world.

    Naive bounds are wall times, aware ones instants. `days` says that it is made of whole local
    days; `clocked` that a clock time bounds it (then its end is the later pass of a repeated
    hour); `open_start` that nothing said when it begins.
    """

    start: datetime
    end: datetime
    days: bool = False
    clocked: bool = False
    open_start: bool = False

    def first_day(self, zone: ZoneInfo) -> date:
        """The local date it begins on."""
        return wall(self.start, zone).date()

    @property
    def one_day(self) -> bool:
        """Whether it is one whole local day."""
        return self.days and self.end - self.start == DAY

    def interval(self, zone: ZoneInfo) -> Interval | None:
        """The instants, or None where clocks skipped all of it."""
        start = self.start if self.start.tzinfo else instant(self.start, zone)
        end = self.end if self.end.tzinfo else instant(self.end, zone, latest=self.clocked)
        return Interval(start, end) if start < end else None


@dataclass(slots=True)
class Reading:
    """What a group of elements means, uncut. `spans` empty: nothing said which days."""

    spans: list[Span]
    mask: RecurringMask | None = None
    moment: datetime | None = None
    grain: str = "day"
    all_time: bool = False
    vague: bool = False
    assumptions: tuple[str, ...] = ()


def wall(at: datetime, zone: ZoneInfo) -> datetime:
    """The naive local time of an instant; naive stays as it is."""
    return at if at.tzinfo is None else at.astimezone(zone).replace(tzinfo=None)


def midnight(day: date) -> datetime:
    """The naive start of a day."""
    return datetime.combine(day, time())


def whole_days(first: date, last: date) -> Span:
    """From the first day's start to the last day's start (which is not in it)."""
    return Span(midnight(first), midnight(last), days=True)


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the last one of a shorter month."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def unit_days(unit: str, day: date, offset: int = 0) -> tuple[date, date]:
    """First day, and the day behind the last, of the calendar unit that holds `day`, moved."""
    if unit == "day":
        first = day + timedelta(days=offset)
        return first, first + DAY
    if unit == "week":
        first = day - timedelta(days=day.isoweekday() - 1) + timedelta(weeks=offset)
        return first, first + timedelta(weeks=1)
    size = {"month": 1, "quarter": 3, "year": 12}.get(unit, 0)
    if not size:
        raise CannotBe("impossible", f"No calendar counts in {unit}s.")
    month = (day.month - 1) // size * size + 1
    first = add_months(day.replace(month=month, day=1), offset * size)
    return first, add_months(first, size)


def shift(at: datetime, count: float, unit: str) -> datetime:
    """A naive wall time moved by days and longer units, or by hours and less."""
    if unit in ("month", "quarter", "year"):
        months = int(count * {"month": 1, "quarter": 3, "year": 12}[unit])
        return datetime.combine(add_months(at.date(), months), at.time())
    return at + timedelta(**{unit + "s": count})


def as_instant(at: datetime, ctx: Context) -> datetime:
    """The instant of a wall time (the first one of two); aware stays as it is."""
    return at if at.tzinfo else instant(at, ctx.zone)
