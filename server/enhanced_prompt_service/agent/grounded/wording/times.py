"""Instants, windows, masks and lengths in words. Local time on the 24-hour clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.times import MINUTES_A_DAY, Interval, RecurringMask

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def say_date(local: datetime, *, weekday: bool = True) -> str:
    """ "Thu 15 March 2018"."""
    day = f"{local.day} {MONTHS[local.month - 1]} {local.year}"
    return f"{DAYS[local.weekday()]} {day}" if weekday else day


def say_clock(local: datetime) -> str:
    """ "14:02", with seconds where there are any."""
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def say_time(instant: datetime, zone: ZoneInfo) -> str:
    """The clock time of an event, to the second."""
    return f"{instant.astimezone(zone):%H:%M:%S}"


def say_instant(instant: datetime, zone: ZoneInfo, *, near: Interval | None = None) -> str:
    """ "14:02:11", or with its date where the window holds more than one day."""
    local = instant.astimezone(zone)
    if near is not None:
        first = near.start.astimezone(zone).date()
        last = (near.end - timedelta(microseconds=1)).astimezone(zone).date()
        if first == last == local.date():
            return f"{local:%H:%M:%S}"
    return f"{say_date(local)}, {local:%H:%M:%S}"


def say_window(window: Interval, zone: ZoneInfo) -> str:
    """ "Thu 15 March 2018, 12:00–16:30"; whole days without clock times."""
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    last = (window.end - timedelta(microseconds=1)).astimezone(zone)
    whole = _midnight(start) and _midnight(end)
    if whole and start.date() == last.date():
        return say_date(start)
    if whole:
        return f"{say_date(start)} to {say_date(last)}"
    if start.date() == last.date():
        until = "24:00" if _midnight(end) else say_clock(end)
        return f"{say_date(start)}, {say_clock(start)}–{until}"
    return f"{say_date(start)}, {say_clock(start)} to {say_date(end)}, {say_clock(end)}"


def ask_window(window: Interval, zone: ZoneInfo, now: datetime | None = None) -> str:
    """A window as a question names it, so that the engine reads the same window again.

    Clock times in whole minutes: the start's own, the end's next. With `now`, an end there needs
    no saying.
    """
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    last = (window.end - timedelta(microseconds=1)).astimezone(zone)
    running = now is not None and window.end == now
    if _midnight(start) and (running or _midnight(end)):
        if start.date() == last.date():
            return f"on {say_date(start, weekday=False)}"
        if running:
            return f"since {say_date(start, weekday=False)}"
        return f"from {say_date(start, weekday=False)} to {say_date(last, weekday=False)}"
    if end.second or end.microsecond:
        end = end.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if start.date() == last.date():
        until = "midnight" if _midnight(end) else f"{end:%H:%M}"
        return f"between {start:%H:%M} and {until} on {say_date(start, weekday=False)}"
    return (
        f"from {start:%H:%M} on {say_date(start, weekday=False)} "
        f"to {end:%H:%M} on {say_date(end, weekday=False)}"
    )


def say_mask(mask: RecurringMask) -> str:
    """ "22:00–06:00", "Mon to Fri 09:00–17:00", "every Mon"."""
    ranges = " and ".join(
        f"{say_minute(one.start_minute)}–{say_minute(one.end_minute)}" for one in mask.ranges
    )
    days = sorted(mask.weekdays)
    if not days:
        return f"{ranges} each day"
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        named = f"{DAYS[days[0] - 1]} to {DAYS[days[-1] - 1]}"
    else:
        named = ", ".join(DAYS[day - 1] for day in days)
    return f"{named} {ranges}".strip()


def say_minute(minute: int) -> str:
    """A minute of the day."""
    if minute == MINUTES_A_DAY:
        return "24:00"
    return f"{minute // 60:02d}:{minute % 60:02d}"


def say_length(seconds: float) -> str:
    """ "42 s", "4 min 12 s", "1 h 05 min"; below ten seconds with a tenth."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"


def say_hours(seconds: float) -> str:
    """Recorded time: minutes below two hours, else hours with a tenth."""
    if seconds < 120:
        return f"{round(seconds)} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:,.1f} h"


def _midnight(local: datetime) -> bool:
    return local.hour == local.minute == local.second == local.microsecond == 0
