"""Every number in an answer's text is one of its facts, or repeats a name or time it rests on.

The text is read once from left to right as tokens (names with digits in them, dates, clock times,
numbers). A token may stand there because

* a fact's `text` is that very passage, and says what the fact's value is;
* it lies in a name that is known (a camera, a site, a zone, an event id) or in the description of
  an event that the answer shows;
* it is the date or the clock time of something in the answer: the window, the window it is
  compared with, the mask, a piece of evidence, a recorded span, a fact that is an instant, a group
  that is an hour or a date;
* it counts the evidence shown ("[2]", "2." at the beginning of a line);
* it repeats the interpretation or the question word for word, together with the word beside it.

Words ("no", "one", "twice") are not looked at.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Answer, Fact

MONTHS = [name.lower() for name in calendar.month_name if name]
WEEKDAYS = [name.lower() for name in calendar.day_name]
MONTH = "(?:" + "|".join(f"{m[:3]}(?:{m[3:]}|t)?" if m[3:] else m for m in MONTHS) + r")\b\.?"
WEEKDAY = (
    "(?:" + "|".join(f"{d[:3]}(?:{d[3:]})?" for d in WEEKDAYS) + r"|tues|weds|thur|thurs)\b\.?"
)
DASH = r"\s?(?:[-–—]|to|and|until|through)\s?"
MERIDIEM = r"(?:\s?[ap]\.?m\b\.?)"
CLOCK = rf"(?:\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?{MERIDIEM}?|\d{{1,2}}{MERIDIEM})"

TOKENS = re.compile(
    rf"""
    (?P<iso>\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}(?::\d{{2}}(?::\d{{2}}(?:\.\d+)?)?)?)?
        (?:Z|[+-]\d{{2}}:?\d{{2}})?)
  | (?P<daymonth>\b\d{{1,2}}(?:st|nd|rd|th)?(?:{DASH}\d{{1,2}}(?:st|nd|rd|th)?)?
        \s(?:of\s)?{MONTH}(?:,?\s\d{{4}}\b)?)
  | (?P<monthday>\b{MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?\b(?!:)(?:{DASH}\d{{1,2}}\b(?![:,]\d))?
        (?:,?\s\d{{4}}\b(?!:))?)
  | (?P<monthyear>\b{MONTH}\s\d{{4}}\b)
  | (?P<weekday>\b{WEEKDAY},?\s(?:the\s)?\d{{1,2}}(?:st|nd|rd|th)?\b(?!:|{MERIDIEM}|{DASH}\d))
  | (?P<range>\b\d{{1,2}}(?::\d{{2}})?{DASH}{CLOCK})
  | (?P<clock>\b{CLOCK})
  | (?P<name>[^\W\d_][\w.#-]*\d[\w.#-]*|\d+[-_]?[^\W\d_][\w-]*\d[\w-]*)
  | (?P<number>\d+(?:[,\u202f\u00a0 ]\d{{3}})*(?!\d)(?:\.\d+)?)
    """,
    re.VERBOSE | re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:[,\u202f\u00a0 ]\d{3})*(?!\d)(?:\.\d+)?")
UNIT_SECONDS = (
    (r"(?:d|days?)\b", 86400.0),
    (r"(?:h|hrs?|hours?)\b", 3600.0),
    (r"(?:m|min|mins|minutes?)\b", 60.0),
    (r"(?:s|sec|secs|seconds?)\b", 1.0),
    (r"(?:ms|milliseconds?)\b", 0.001),
)
DURATION = re.compile(r"(\d[\d,]*(?:\.\d+)?)[\s-]?(" + "|".join(u for u, _ in UNIT_SECONDS) + ")")
SPELT = {
    "no": 0,
    "zero": 0,
    "none": 0,
    "nothing": 0,
    "nobody": 0,
    "a": 1,
    "once": 1,
    "twice": 2,
} | {
    word: number
    for number, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1
    )
}


@dataclass
class Allowed:
    """What dates, clock times and names may be said."""

    clocks: set[tuple[int, int, int]] = field(default_factory=set)
    minutes: set[tuple[int, int]] = field(default_factory=set)
    dates: set[tuple[int, int, int]] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    phrases: list[str] = field(default_factory=list)

    def instant(self, moment: datetime, zone: ZoneInfo) -> None:
        """Allows an instant's local date and clock time, cut or rounded to the minute."""
        local = moment.astimezone(zone)
        for one in (local, local + timedelta(seconds=30)):
            self.minutes.add((one.hour, one.minute))
        for one in (local, local + timedelta(milliseconds=500)):
            self.clocks.add((one.hour, one.minute, one.second))
        before = local - timedelta(microseconds=1)  # "to Wednesday" for an end at midnight
        for one in (local, before):
            self.dates.add((one.year, one.month, one.day))
        if before.hour == 23 and before.minute == 59:
            self.minutes.add((24, 0))

    def clock(self, minute_of_day: int) -> None:
        """Allows a wall time."""
        self.minutes.add((minute_of_day // 60 % 24, minute_of_day % 60))
        if minute_of_day == 1440:
            self.minutes.add((24, 0))


def unsupported(answer: Answer, query: str, names: Collection[str]) -> list[str]:
    """What in the text has no ground: passages and why. Empty when all is well.

    `names` are those of the catalogue. The interpretation's zone is the one the text speaks in.
    """
    zone = ZoneInfo(answer.interpretation.time_zone)
    allowed = _allowed(answer, zone, names)
    complaints = [
        f"fact {fact.name}[{fact.group}] = {fact.value:g} is said as {fact.text!r}"
        for fact in answer.facts
        if fact.text and not says(fact, zone)
    ]
    text = answer.response
    grounded = _covered(text, answer, allowed)
    allowed.phrases = [answer.interpretation.rendered, *answer.interpretation.assumptions, query]
    limit = answer.interpretation.limit
    shown = len(answer.evidence)
    for match in TOKENS.finditer(text):
        if all(grounded[match.start() : match.end()]):
            continue
        for start, end, why in _complaints(match, allowed):
            if all(grounded[start:end]):
                continue
            if _counts_evidence(text, start, end, shown) or _repeats(text, start, end, allowed):
                continue
            if limit and re.search(rf"\b(?:top|first|last)\s{limit}$", text[:end]):
                continue
            around = text[max(0, start - 25) : end + 15].replace("\n", " ")
            complaints.append(f"{why} {text[start:end]!r} in …{around}…")
    return complaints


def says(fact: Fact, zone: ZoneInfo) -> bool:
    """Whether a fact's text says its value, in the precision that the text has."""
    text, value, unit = fact.text.lower().strip(), fact.value, fact.unit
    if not re.search(r"\d", text):
        word = text.split()[0] if text else ""
        return word not in SPELT or SPELT[word] == abs(value)
    if unit == "unix_seconds":
        allowed = Allowed()
        allowed.instant(datetime.fromtimestamp(value, UTC), zone)
        return all(not list(_complaints(match, allowed)) for match in TOKENS.finditer(text))
    if unit in ("seconds", "hours"):
        return _says_duration(text, value * (3600 if unit == "hours" else 1), unit)
    if unit == "share" and ("%" in text or "percent" in text or "per cent" in text):
        value *= 100
    found = NUMBER.search(text)
    assert found is not None
    number, step = _number(found.group())
    if re.match(r"(<|less than|under)", text):
        return 0 < abs(value) < number
    if re.match(r"(>|more than|over)", text):
        return abs(value) > number
    exact = unit in ("events", "participants", "cameras", "types", "labels", "sites", "zones")
    return abs(abs(value) - number) <= (1e-9 if exact else step * 0.5 + 1e-9)


def _says_duration(text: str, seconds: float, unit: str) -> bool:
    found = DURATION.findall(text)
    if found:
        total, smallest = 0.0, 86400.0
        for number, name in found:
            scale = next(s for pattern, s in UNIT_SECONDS if re.fullmatch(pattern, name))
            count, step = _number(number)
            total += count * scale
            smallest = min(smallest, scale * step)
        return abs(total - seconds) < smallest + 1e-6
    if clock := re.search(r"(?:(\d+):)?(\d+):(\d{2})(?:\.\d+)?", text):
        hours, minutes, rest = (int(part or 0) for part in clock.groups())
        return abs(hours * 3600 + minutes * 60 + rest - seconds) <= 1
    plain = NUMBER.search(text)
    assert plain is not None
    number, step = _number(plain.group())
    scales = (3600.0,) if unit == "hours" else (1.0, 60.0, 3600.0)
    return any(abs(number * scale - seconds) < scale * step + 1e-6 for scale in scales)


def _number(text: str) -> tuple[float, float]:
    plain = re.sub(r"[,\u202f\u00a0 ]", "", text)
    decimals = len(plain.partition(".")[2])
    return float(plain), 10.0**-decimals


def _allowed(answer: Answer, zone: ZoneInfo, names: Collection[str]) -> Allowed:
    allowed = Allowed(names={name.lower() for name in names if re.search(r"\d", name)})
    how = answer.interpretation
    ranges = [one for one in (how.time_range, how.comparison_range) if one is not None]
    if answer.coverage is not None:
        ranges.extend(answer.coverage.recorded)
    for one in ranges:
        allowed.instant(one.start, zone)
        allowed.instant(one.end, zone)
    for part in how.recurring.ranges if how.recurring else ():
        allowed.clock(part.start_minute)
        allowed.clock(part.end_minute)
    for one in answer.evidence:
        allowed.instant(one.timestamp, zone)
        if one.end_time is not None:
            allowed.instant(one.end_time, zone)
        allowed.names.update(
            name.lower() for name in (one.event_id, one.camera_id, one.label, *one.zones) if name
        )
    for fact in answer.facts:
        if fact.unit == "unix_seconds":
            allowed.instant(datetime.fromtimestamp(fact.value, UTC), zone)
        if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}))?", fact.group):
            year, month, day, hour = (int(part or 0) for part in match.groups())
            allowed.dates.add((year, month, day))
            if match[4]:
                allowed.clock(hour * 60)
                allowed.clock(hour * 60 + 60)
                allowed.clock(hour * 60 + 59)
        elif fact.name.endswith("hour_of_day") and fact.group.isdigit():
            allowed.clock(int(fact.group) * 60)
            allowed.clock(int(fact.group) * 60 + 60)
            allowed.clock(int(fact.group) * 60 + 59)
        elif fact.group:
            allowed.names.add(fact.group.lower())
    return allowed


def _covered(text: str, answer: Answer, allowed: Allowed) -> list[bool]:
    """For each character, whether a fact's text, a name or a shown description holds it."""
    covered = [False] * len(text)
    lowered = text.lower()
    passages: set[str] = {fact.text.lower() for fact in answer.facts if fact.text}
    passages |= {one.description.lower() for one in answer.evidence if len(one.description) > 8}
    passages |= allowed.names
    for passage in passages:
        if not re.search(r"\d", passage):
            continue
        # Whole numbers only: "843" must not ground a part of "1,843" or of "843.5".
        pattern = rf"(?<![\w])(?<!\d[.,:]){re.escape(passage)}(?!\w)(?![.,:]\d)"
        for match in re.finditer(pattern, lowered):
            covered[match.start() : match.end()] = [True] * (match.end() - match.start())
    return covered


def _complaints(match: re.Match[str], allowed: Allowed) -> Iterator[tuple[int, int, str]]:
    """Spans of a token that nothing allows, and what they were taken for."""
    kind, text, at = match.lastgroup, match.group(), match.start()
    if kind == "number":
        yield at, match.end(), "number"
    elif kind == "name":
        core = text.rstrip(".-").lower()
        if core not in allowed.names and not any(core in name for name in allowed.names):
            yield at, match.end(), "name"
    elif kind in ("clock", "range"):
        if not _clock_allowed(text, allowed):
            yield at, match.end(), "time"
    elif kind == "iso":
        year, month, day = (int(part) for part in text[:10].split("-"))
        if (year, month, day) not in allowed.dates:
            yield at, at + 10, "date"
        rest = re.sub(r"(?:Z|[+-]\d{2}:?\d{2})$", "", text[10:]).lstrip("T ")
        hour_group = len(rest) == 2 and (int(rest), 0) in allowed.minutes
        if rest and not hour_group and not _clock_allowed(rest, allowed):
            yield at + 11, match.end(), "time"
    else:
        lowered = text.lower()
        found = [index + 1 for index, name in enumerate(MONTHS) if name[:3] in lowered]
        month = None if kind == "weekday" or not found else found[0]
        year_match = re.search(r"\b\d{4}\b", text)
        days = [int(one) for one in re.findall(r"(?<!\d)\d{1,2}(?!\d)", text)]
        for day in days or [None]:
            if not any(
                (month is None or m == month)
                and (day is None or d == day)
                and (year_match is None or y == int(year_match.group()))
                for y, m, d in allowed.dates
            ):
                yield at, match.end(), "date"
                break


def _clock_allowed(text: str, allowed: Allowed) -> bool:
    """Whether each clock time in the text is one of those allowed."""
    lowered = text.lower().replace(".m", "m").replace("m.", "m")
    shared = "p" if re.search(r"p\.?m", lowered) else "a" if re.search(r"a\.?m", lowered) else ""
    pieces = re.findall(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2})(?:\.\d+)?)?\s?([ap](?=\.?m))?", lowered)
    for hour_text, minute_text, second_text, own in pieces:
        hour, minute = int(hour_text), int(minute_text or 0)
        meridiems: Iterable[str] = [own] if own else (["a", "p", ""] if shared else [""])
        hours = {hour if not m else hour % 12 + (12 if m == "p" else 0) for m in meridiems}
        if second_text:
            good = any((h, minute, int(second_text)) in allowed.clocks for h in hours)
        else:
            good = any((h, minute) in allowed.minutes for h in hours)
        if not good:
            return False
    return True


def _counts_evidence(text: str, start: int, end: int, shown: int) -> bool:
    token = text[start:end]
    if not token.isdigit() or not 1 <= int(token) <= shown:
        return False
    bracketed = text[start - 1 : start] == "[" and text[end : end + 1] in ("]", ",")
    line_start = not text[:start].rpartition("\n")[2].strip(" -*•")
    return bracketed or (line_start and text[end : end + 1] in (".", ")"))


def _repeats(text: str, start: int, end: int, allowed: Allowed) -> bool:
    """Whether the token and a word beside it stand in the interpretation or the question."""
    token = re.escape(text[start:end])
    after = re.match(r"[\s-]?([^\W\d_]+|±|%)", text[end:])
    before = re.search(r"([^\W\d_]+|±)\s?$", text[:start])
    patterns: list[str] = []
    if after:
        patterns.append(rf"(?<!\w){token}[\s-]?{re.escape(after[1])}(?!\w)")
    if before and not after:
        patterns.append(rf"(?<!\w){re.escape(before[1])}\s?{token}(?![\w])(?![.,:]\d)")
    return any(
        re.search(pattern, phrase, re.IGNORECASE)
        for pattern in patterns
        for phrase in allowed.phrases
    )
