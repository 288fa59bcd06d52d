"""Moments on the command line: 2018-03-15T16:30, 2018-03-15, 90m (ago)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str | None, option: str, time_zone: str, now: datetime) -> datetime | None:
    """An aware datetime, None for None.

    ISO 8601 with an offset, or without one in `time_zone` (this machine's where that is empty); a
    number with s, m, h, d or w is that long before `now`. Raises typer.BadParameter.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]])
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is None:
            zone = parse_zone(time_zone)
            found = found.replace(tzinfo=zone) if zone else found.astimezone()
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither ISO 8601 (2018-03-15T16:30-04:00) nor a time ago (90m, 2h, 7d)",
            param_hint=option,
        ) from None


def parse_zone(name: str) -> ZoneInfo | None:
    """The IANA zone of a name, None for none. Raises typer.BadParameter."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(
            f"{name!r} is no IANA time zone, such as Europe/Rome", param_hint="--time-zone"
        ) from None
