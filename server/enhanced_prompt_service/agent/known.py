"""What is known of a turn's look-ups, as far as a text may repeat it: moments, days, lengths, and
how many of what there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.times import Interval

from .tools import Looked

_HOURLY = frozenset({GroupBy.LOCAL_HOUR, GroupBy.HOUR_OF_DAY})


class Known:
    """Moments and days of what was found, and how many of what there are."""

    def __init__(
        self, evidence: Sequence[Evidence], looked: Sequence[Looked], zone: ZoneInfo, now: datetime
    ) -> None:
        self._moments: set[tuple[int, int, int]] = set()
        today = now.astimezone(zone).date()
        self._days = [(today, today)]
        self._sizes = {len(evidence)}
        self.lengths: list[float] = []  # seconds that pieces of evidence took
        self._confidences = [one.confidence for one in evidence]
        self._values = [float(one.participants) for one in evidence]
        for one in evidence:
            self._moment(one.timestamp, zone)
            if one.end_time is not None:
                self._moment(one.end_time, zone)
                self.lengths.append((one.end_time - one.timestamp).total_seconds())
        self._moment(now, zone)
        for one in looked:
            own = ZoneInfo(one.query.zone)
            for part in one.query.mask.ranges if one.query.mask is not None else ():
                for minute in (part.start_minute, part.end_minute % 1440):
                    self._moments.add((minute // 60, minute % 60, 0))
            for window in (*one.query.windows, *_spans(one)):
                self._moment(window.start, own)
                self._moment(window.end, own)
                last = (window.end - timedelta(microseconds=1)).astimezone(own).date()
                self._days.append((window.start.astimezone(own).date(), last))
            for state in one.findings.states.values():
                self._moment(state.start_time, own)
                self._moment(state.end_time, own)
            for recorded in one.findings.known.values():
                self._moment(recorded.start, own)
                self._moment(recorded.end, own)
            if one.query.group_by in _HOURLY:
                self._moments |= {(hour, 0, 0) for hour in range(24)}
            for insight in one.insights:
                window = insight.content.window
                self._moment(window.start, own)
                self._moment(window.end, own)
                if insight.content.confidence:
                    self._confidences.append(insight.content.confidence)
            if one.insights:
                self._sizes.add(len(one.insights))
            for edge in (one.findings.first, one.findings.last, one.findings.longest):
                if edge is not None:
                    self._moment(edge.timestamp, own)
            self._sizes |= {len(rows) for rows in one.findings.groups.values()}
            self._sizes |= {len(one.findings.asked_cameras), len(one.answer.evidence)}

    def _moment(self, at: datetime, zone: ZoneInfo) -> None:
        local = at.astimezone(zone)
        self._moments.add((local.hour, local.minute, local.second))
        self._days.append((local.date(), local.date()))

    def clock(self, hour: int, minute: int, second: int | None) -> bool:
        """Whether something was at this time of day."""
        return any(
            (h, m) == (hour, minute) and (second is None or s == second)
            for h, m, s in self._moments
        )

    def day(self, day: int, month: int, year: int | None) -> bool:
        """Whether a day lies in what was asked about."""
        for first, last in self._days:
            years = {first.year, last.year} if year is None else {year}
            for one in years:
                try:
                    if first <= date(one, month, day) <= last:
                        return True
                except ValueError:
                    continue
        return False

    def year(self, year: float) -> bool:
        """Whether a year is one of what was asked about."""
        return any(first.year <= year <= last.year for first, last in self._days)

    def counts(self, number: float, decimals: int, share: bool) -> bool:
        """Whether so many of anything were shown, or a year is meant."""
        if not decimals and (number in self._sizes or self.year(number)):
            return True
        if share or decimals:
            scale = 100 if share else 1
            if any(same(number, decimals, one * scale) for one in self._confidences):
                return True
        return any(same(number, decimals, one) for one in (*self._values, *self.lengths))


def _spans(one: Looked) -> list[Interval]:
    report = one.findings.coverage
    other = one.query.other
    return [
        *((other,) if other is not None else ()),
        *one.findings.elsewhere,
        *(report.recorded if report is not None else ()),
    ]


def same(number: float, decimals: int, value: float) -> bool:
    """Whether a number, written with so many decimals, is a value, rounded."""
    return abs(number - value) <= 0.5 * 10**-decimals if decimals or value % 1 else number == value
