"""Groups of counts: what they are called, and which could have had events."""

from __future__ import annotations

from datetime import datetime, timedelta

from enhanced_prompt_service.domain.events import GroupBy

from .common import (
    Said,
    rolled,
)
from .times import DAY_NAMES
from .totals import say_day

NOUNS = {
    GroupBy.CAMERA: "camera",
    GroupBy.SITE: "site",
    GroupBy.ZONE: "zone",
    GroupBy.EVENT_TYPE: "type of event",
    GroupBy.LABEL: "label",
    GroupBy.LOCAL_HOUR: "hour",
    GroupBy.LOCAL_DATE: "day",
    GroupBy.HOUR_OF_DAY: "hour of the day",
    GroupBy.WEEKDAY: "weekday",
}


UNITS = {
    GroupBy.CAMERA: "cameras",
    GroupBy.SITE: "sites",
    GroupBy.ZONE: "zones",
    GroupBy.EVENT_TYPE: "types",
    GroupBy.LABEL: "labels",
}


def say_group(said: Said, by: GroupBy, key: str) -> str:
    """A group in words: "School camera G330", "Thu 15 March 2018, 14:00–15:00", "Monday"."""
    match by:
        case GroupBy.LOCAL_HOUR:
            day, _, hour = key.partition("T")
            return f"{say_day(day)}, {say_hour(hour)}"
        case GroupBy.HOUR_OF_DAY:
            return say_hour(key)
        case GroupBy.LOCAL_DATE:
            return say_day(key)
        case GroupBy.WEEKDAY:
            return DAY_NAMES[int(key) - 1] if key.isdigit() and 1 <= int(key) <= 7 else key
        case _:
            return said.group_name(by, key)


def say_hour(hour: str) -> str:
    """ "14:00–15:00" of "14"."""
    number = int(hour)
    return f"{number:02d}:00–{number + 1:02d}:00"


def counts_of(said: Said, by: GroupBy) -> dict[str, int]:
    return rolled(said.findings.groups.get((by,), ()))


def recorded_groups(said: Said, by: GroupBy) -> set[str]:
    """Local hours or dates in which any of the cameras recorded."""
    report = said.findings.coverage
    found: set[str] = set()
    for span in report.recorded if report is not None else ():
        at = span.start.astimezone(said.zone).replace(minute=0, second=0, microsecond=0)
        while at < span.end and len(found) < 2000:
            found.add(_key_of(at, by))
            at = (at.astimezone(said.zone) + timedelta(hours=1)).astimezone(said.zone)
    return found


def _key_of(local: datetime, by: GroupBy) -> str:
    match by:
        case GroupBy.LOCAL_HOUR:
            return f"{local:%Y-%m-%dT%H}"
        case GroupBy.HOUR_OF_DAY:
            return f"{local:%H}"
        case GroupBy.WEEKDAY:
            return str(local.isoweekday())
        case _:
            return f"{local:%Y-%m-%d}"
