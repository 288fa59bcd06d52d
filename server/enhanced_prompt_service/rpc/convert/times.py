"""Instants, ranges and recurring parts of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt.v1 import common_pb2

from ...domain.errors import InvalidArgument
from ...domain.times import DailyRange, Interval, RecurringMask

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""What a camera can have seen. Outside of it local times would leave the calendar, and an event
comes from a clock that was never set. Ranges that are open on a side end here."""


def timestamp(at: datetime) -> Timestamp:
    """An aware instant, microseconds kept."""
    since = at - EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def instant(message: Timestamp, path: str) -> datetime:
    """UTC, cut to microseconds. Raises InvalidArgument outside of EARLIEST to LATEST."""
    seconds = message.seconds
    if not _FIRST <= seconds < _LAST:
        raise InvalidArgument.of(path, "must lie in the years 1900 to 2199")
    return EPOCH + timedelta(seconds=seconds, microseconds=message.nanos // 1000)


_FIRST = int((EARLIEST - EPOCH).total_seconds())
_LAST = int((LATEST - EPOCH).total_seconds())


def time_range(interval: Interval) -> common_pb2.TimeRange:
    """Both ends set."""
    return common_pb2.TimeRange(
        start_time=timestamp(interval.start), end_time=timestamp(interval.end)
    )


def interval(message: common_pb2.TimeRange, path: str) -> Interval:
    """A range of a request; an end that is not set is open.

    Raises InvalidArgument where it ends before, or at, its beginning.
    """
    start, end = EARLIEST, LATEST
    if message.HasField("start_time"):
        start = instant(message.start_time, f"{path}.start_time")
    if message.HasField("end_time"):
        end = instant(message.end_time, f"{path}.end_time")
    if end <= start:
        raise InvalidArgument.of(f"{path}.end_time", "must be later than start_time")
    return Interval(start, end)


def daily_range(message: common_pb2.DailyRange, path: str) -> DailyRange:
    """Raises InvalidArgument where the range is empty."""
    if message.start_minute == message.end_minute:
        raise InvalidArgument.of(f"{path}.end_minute", "must differ from start_minute")
    return DailyRange(message.start_minute, message.end_minute)


def daily_range_message(part: DailyRange) -> common_pb2.DailyRange:
    """Local minutes of the day."""
    return common_pb2.DailyRange(start_minute=part.start_minute, end_minute=part.end_minute)


def mask(message: common_pb2.RecurringMask, path: str) -> RecurringMask | None:
    """None where nothing is masked: neither parts of the day nor weekdays."""
    if not message.ranges and not message.weekdays:
        return None
    return RecurringMask(
        tuple(
            daily_range(one, f"{path}.ranges[{index}]") for index, one in enumerate(message.ranges)
        ),
        frozenset(message.weekdays),
    )


def mask_message(found: RecurringMask) -> common_pb2.RecurringMask:
    """Weekdays sorted."""
    return common_pb2.RecurringMask(
        ranges=[daily_range_message(one) for one in found.ranges],
        weekdays=sorted(found.weekdays),
    )
