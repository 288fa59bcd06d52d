"""Local date, minute of day and weekday of many instants, quickly and exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .instants import DAY, HOUR, MINUTE, from_us

_BUCKET = 15 * MINUTE
_MOST_BUCKETS = 200_000
_MOST_MINUTES = 10_000
_FIRST = datetime(1, 1, 3, tzinfo=UTC)
_LAST = datetime(9999, 12, 29, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OffsetSpan:
    """Microseconds `start_us <= t < end_us` during which a zone keeps one offset."""

    start_us: int
    end_us: int
    offset_us: int


class LocalTimes:
    """The clock of one zone. Offsets are remembered by quarter of an hour, parts by minute."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._offsets: dict[int, int] = {}
        self._minutes: dict[int, tuple[int, int, int]] = {}

    def offset(self, us: int) -> int:
        """Offset from UTC at an instant, both in microseconds."""
        bucket = us // _BUCKET
        found = self._offsets.get(bucket)
        if found is not None:
            return found
        start = bucket * _BUCKET
        offset = self._ask(start)
        if offset != self._ask(start + _BUCKET - 1):
            return self._ask(us)  # the clocks change inside of this quarter: old zones do that
        if len(self._offsets) >= _MOST_BUCKETS:
            self._offsets.clear()
        self._offsets[bucket] = offset
        return offset

    def parts(self, us: int) -> tuple[int, int, int]:
        """Local day since 1970-01-01, minute of day, ISO weekday."""
        found = self._minutes.get(us // MINUTE)
        if found is not None:
            return found
        offset = self.offset(us)
        day, rest = divmod(us + offset, DAY)
        parts = day, rest // MINUTE, (day + 3) % 7 + 1
        if offset % MINUTE == 0 and self._offsets.get(us // _BUCKET) == offset:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            self._minutes[us // MINUTE] = parts
        return parts

    def spans(self, hours: Iterable[int]) -> list[OffsetSpan]:
        """Spans that cover the given UTC hours (counted from 1970), sorted."""
        found: list[OffsetSpan] = []
        for hour in sorted(hours):
            start = hour * HOUR
            while start < (hour + 1) * HOUR:
                offset, end = self._ask(start), (hour + 1) * HOUR
                if self._ask(end - 1) != offset:
                    end = self._change(start, end - 1)
                if found and found[-1].offset_us == offset and found[-1].end_us == start:
                    start = found.pop().start_us
                found.append(OffsetSpan(start, end, offset))
                start = end
        return found

    def _change(self, left: int, right: int) -> int:
        """The first microsecond after `left` with another offset; `right` has another."""
        offset = self._ask(left)
        while right - left > 1:
            middle = (left + right) // 2
            if self._ask(middle) == offset:
                left = middle
            else:
                right = middle
        return right

    def _ask(self, us: int) -> int:
        # At the two ends of the calendar a local time may have no date: the offset near it is kept.
        instant = min(max(from_us(us), _FIRST), _LAST) if _near_an_end(us) else from_us(us)
        offset = instant.astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset // timedelta(microseconds=1)


_LOW = (_FIRST - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
_HIGH = (_LAST - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _near_an_end(us: int) -> bool:
    return not _LOW <= us <= _HIGH
