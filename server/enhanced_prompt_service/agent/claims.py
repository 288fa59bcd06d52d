"""Holds what a model said against what was found.

A citation `[3]` must be the number of a piece of evidence; a number in the text must be a fact that
a look-up gave, stand in the question, or be a date or time of what was found. Everything else is an
unsupported claim. The check knows no language beyond digits, clock times and dates: it finds made
up numbers and events, not made up adjectives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Citation, Evidence, Fact

from .known import Known, same
from .tools import Looked

MOST_CLAIMS = 20  # that are named
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january",
            "feb february",
            "mar march",
            "apr april",
            "may",
            "jun june",
            "jul july",
            "aug august",
            "sep sept september",
            "oct october",
            "nov november",
            "dec december",
        ),
        1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_SPELLED = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty"""
_WORDS = {word: number for number, word in enumerate(_SPELLED.split(), 2)}
_CITED = re.compile(r"\[(?P<refs>[^\[\]\n]{1,200})\](?!\()")
_REFERENCE = re.compile(r"(?=\S*\d)\S+")
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DATED = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<m1>{_MONTH})\b\.?|"
    rf"(?P<m2>{_MONTH})\b\.?\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b)(?:,?\s+(?P<y>\d{{4}})\b)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<![\d:.])(?P<h>\d{1,2})(?::(?P<m>\d{2})(?::(?P<s>\d{2}))?)?\s*(?P<half>[ap])\.?m\b\.?|"
    r"(?<![\d:.])(?P<h2>\d{1,2}):(?P<m2>\d{2})(?::(?P<s2>\d{2}))?(?!:?\d)",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"(?<![\w.,])(?=\d)(?:(?P<h>\d+)\s*(?:h|hrs?|hours?)\b(?:,|\s+and)?\s*)?"
    r"(?:(?P<m>\d+)\s*(?:min|mins|minutes?)\b\.?(?:,|\s+and)?\s*)?"
    r"(?:(?P<s>\d+)\s*(?:s|secs?|seconds?)\b\.?)?",
    re.IGNORECASE,
)
_ENDS = " .,"
_ITEM = re.compile(r"(?m)^\s*(?:#+\s*)?\d{1,3}[.)](?=\s)")
_NUMBER = re.compile(r"(?<![\w.,])(?<![\w]-)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\w])(?!-\w)")
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found: citations that hold, what does not hold, and the facts, with the text
    of those that the response names."""

    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    facts: tuple[Fact, ...]


def check(
    response: str,
    *,
    evidence: Sequence[Evidence],
    looked: Sequence[Looked],
    said_before: Iterable[str],
    names: Iterable[str],
    zone: ZoneInfo,
    now: datetime,
) -> Checked:
    """Check a response. `said_before` are texts whose numbers may be repeated: the question, and
    the system's own words. `names` are catalogue names, whose digits are no numbers."""
    wrong: list[str] = []
    citations, text = _citations(response, evidence, wrong)
    text = _without(text, names)
    text = _ITEM.sub(lambda found: " " * len(found.group()), text)
    known = Known(evidence, looked, zone, now)
    repeated = _numbers_of(said_before)
    text = _times(text, known, " ".join(said_before), wrong)
    facts = _facts(looked)
    text = _lengths(text, known, facts, wrong)
    told: dict[int, str] = {}
    for number, shown, decimals, share in _numbers(text):
        at = _fact(number, decimals, share, facts)
        if at is not None:
            told.setdefault(at, shown)
        elif number not in repeated and not known.counts(number, decimals, share):
            wrong.append(f"number {shown}")
    return Checked(
        citations,
        tuple(dict.fromkeys(wrong))[:MOST_CLAIMS],
        tuple(replace(one, text=told.get(at, "")) for at, one in enumerate(facts)),
    )


# ---- citations ----------------------------------------------------------------------------------


def _citations(
    response: str, evidence: Sequence[Evidence], wrong: list[str]
) -> tuple[tuple[Citation, ...], str]:
    """Citations with the sentence that they stand in, and the text with spaces in their place."""
    ids = {one.event_id: one for one in evidence}
    found: list[Citation] = []
    kept = list(response)
    for match in _CITED.finditer(response):
        refs = [one.strip().lstrip("#") for one in match.group("refs").split(",")]
        if not all(one in ids or _REFERENCE.fullmatch(one) for one in refs):
            continue  # words in brackets, and no reference
        start = _sentence_start(response, match.start())
        for ref in refs:
            event = ids.get(ref)
            if event is None and ref.isdecimal() and 1 <= int(ref) <= len(evidence):
                event = evidence[int(ref) - 1]
            if event is None:
                wrong.append(f"event [{ref[:60]}]")
            else:
                found.append(Citation(event.event_id, start, match.start()))
        kept[match.start() : match.end()] = " " * (match.end() - match.start())
    return tuple(one for one in dict.fromkeys(found) if one.end > one.start), "".join(kept)


def _sentence_start(text: str, end: int) -> int:
    """Where the sentence, or list item, that ends at a place begins."""
    before = text[:end]
    start = max(before.rfind(mark) + len(mark) for mark in ("\n", ". ", "! ", "? ", "] ", "• "))
    start = (
        max(start, 0) if any(one in before for one in ("\n", ". ", "! ", "? ", "] ", "• ")) else 0
    )
    while start < end and text[start].isspace():
        start += 1
    return start


# ---- names --------------------------------------------------------------------------------------


def _without(text: str, names: Iterable[str]) -> str:
    """The text with spaces where names with digits stand, longest first."""
    for name in sorted({one for one in names if any(c.isdigit() for c in one)}, key=len)[::-1]:
        if name.casefold() in text.casefold():
            text = re.sub(
                rf"(?<!\w){re.escape(name)}(?!\w)",
                lambda found: " " * len(found.group()),
                text,
                flags=re.IGNORECASE,
            )
    return text


# ---- dates and times ----------------------------------------------------------------------------


def _times(text: str, known: Known, before: str, wrong: list[str]) -> str:
    """The text without its dates and clock times; those that nothing was at are wrong."""

    def iso(found: re.Match[str]) -> str:
        year, month, day = (int(one) for one in found.groups())
        if not known.day(day, month, year) and found.group() not in before:
            wrong.append(f"date {found.group().strip(_ENDS)}")
        return " " * len(found.group())

    def dated(found: re.Match[str]) -> str:
        month = _MONTHS[(found.group("m1") or found.group("m2")).casefold()]
        day = int(found.group("d1") or found.group("d2"))
        year = int(found.group("y")) if found.group("y") else None
        if not known.day(day, month, year) and found.group().casefold() not in before.casefold():
            wrong.append(f"date {found.group().strip(_ENDS)}")
        return " " * len(found.group())

    def clock(found: re.Match[str]) -> str:
        hour = int(found.group("h") or found.group("h2"))
        minute = int(found.group("m") or found.group("m2") or 0)
        second = found.group("s") or found.group("s2")
        half = (found.group("half") or "").casefold()
        if half:
            hour = hour % 12 + (12 if half == "p" else 0)
        known_then = known.clock(hour, minute, None if second is None else int(second))
        if not known_then and found.group().casefold() not in before.casefold():
            wrong.append(f"time {found.group().strip(_ENDS)}")
        return " " * len(found.group())

    text = _ISO.sub(iso, text)
    text = _DATED.sub(dated, text)
    return _CLOCK.sub(clock, text)


# ---- numbers ------------------------------------------------------------------------------------


def _lengths(text: str, known: Known, facts: Sequence[Fact], wrong: list[str]) -> str:
    """The text without lengths of several units ("1 min 24 s"); those of nothing are wrong."""

    def length(found: re.Match[str]) -> str:
        parts = [found.group(one) for one in "hms"]
        if sum(one is not None for one in parts) < 2:
            return found.group()
        hours, minutes, seconds = (int(one or 0) for one in parts)
        # Without seconds it is rounded to the minute.
        slack = 0.5 if parts[2] is not None else 30.0
        total = hours * 3600 + minutes * 60 + seconds
        told = [one.value for one in facts if one.unit == "seconds"]
        if not any(abs(total - one) <= slack for one in (*told, *known.lengths)):
            wrong.append(f"length {found.group().strip(_ENDS)}")
        return " " * len(found.group())

    return _LENGTH.sub(length, text)


def _numbers(text: str) -> Iterator[tuple[float, str, int, bool]]:
    """Numbers of a text: value, as written, digits behind the point, whether a percentage."""
    for found in _NUMBER.finditer(text):
        decimals = len(found.group(2)) - 1 if found.group(2) else 0
        value = float(found.group(1).replace(",", "") + (found.group(2) or ""))
        behind = text[found.end() : found.end() + 9].lstrip()
        yield value, found.group(), decimals, behind.startswith(("%", "percent", "per cent"))
    for found in _WORD.finditer(text):
        yield float(_WORDS[found.group().casefold()]), found.group(), 0, False


def _numbers_of(texts: Iterable[str]) -> set[float]:
    return {number for text in texts for number, *_ in _numbers(text)}


def _facts(looked: Sequence[Looked]) -> list[Fact]:
    """Facts of all look-ups, each once; the later one where two say different things."""
    found: dict[tuple[str, str, float], Fact] = {}
    for one in looked:
        for fact in one.answer.facts:
            found[fact.name, fact.group, fact.value] = fact
        for by, rows in one.findings.groups.items():
            if len(by) == 1:
                for row in rows:
                    name = f"events_by_{by[0].value}"
                    known = any(
                        fact.group == row.keys[0] and fact.value == row.matches
                        for fact in one.answer.facts
                    )
                    if not known:
                        found[name, row.keys[0], row.matches] = Fact(
                            name, row.matches, "events", row.keys[0]
                        )
    return list(found.values())


def _fact(number: float, decimals: int, share: bool, facts: Sequence[Fact]) -> int | None:
    """The fact that a number states, rounded as it is written; None where there is none."""
    for at, fact in enumerate(facts):
        match fact.unit:
            case "unix_seconds":
                continue
            case "seconds":
                values = (fact.value, fact.value / 60, fact.value / 3600)
            case "share" if share:
                values = (fact.value * 100,)
            case "share" if decimals:
                values = (fact.value,)
            case "share":
                continue
            case _:
                values = (abs(fact.value),)  # "3 fewer"
        if any(same(number, decimals, value) for value in values):
            return at
    return None
