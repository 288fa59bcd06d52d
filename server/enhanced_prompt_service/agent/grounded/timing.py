"""When: the windows of a question, in the time zone of what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.times import Interval

from .clarify import Settled, examples, reworded
from .draft import Draft
from .followup import Previous, spoken, wants_next
from .foreseen import looks_ahead, set_ahead
from .index import Habits, Index
from .question import Question
from .sides import behind_than, running, split_times
from .timegrammar import OPEN_START, Phrase, TimeResult, resolve
from .timegrammar.elements import ClockPoint, ClockRange, Date, Part

MORE_THAN_A_DAY = 26 * 3600  # seconds; a day of DST change has 25 hours


def set_time(
    question: Question,
    draft: Draft,
    now: datetime,
    zone: ZoneInfo,
    habits: Habits,
    before: Previous | None,
    index: Index,
    *,
    foresees: bool = False,
) -> None:
    anchor = before.how.time_range if before is not None else None

    def read(phrases: Sequence[Phrase], known: Interval | None) -> TimeResult | None:
        found = resolve(
            phrases,
            question.tokens,
            now=now,
            zone=zone,
            day_parts=habits.day_parts,
            business_hours=habits.business_hours,
            anchor=known,
            typos=(),
        )
        ahead = foresees and found is not None and found.problem == "future" and found.whole
        if ahead and looks_ahead(question, draft):
            return found
        if found is not None and found.problem:
            raise _no_such_time(found, question, draft, index)
        return found

    if draft.type is QuestionType.COMPARE:
        sides: tuple[list[Phrase], list[Phrase]] | None = split_times(question)
        if sides is None and question.phrases and behind_than(question):
            first = [] if before is not None and anchor is not None else running(question.phrases)
            sides = first, question.phrases
        elif sides is None and question.phrases and anchor is not None:
            sides = question.phrases, []  # "was it busier yesterday?": than what was shown
        if sides is not None:
            one = read(sides[0], anchor) if sides[0] else None
            main = one.interval if one is not None else anchor
            two = read(sides[1], main) if sides[1] else None
            other = two.interval if two is not None else anchor
            if main is not None and other is not None:
                draft.windows = one.windows if one is not None else (main,)
                draft.mask = one.mask if one is not None else None
                draft.other = other
                if two is not None and two.mask is not None and draft.mask is None:
                    draft.mask = two.mask
                return
    phrases = _on_the_day_before(question.phrases, anchor, zone)
    found = read(phrases, anchor) if phrases else None
    step = wants_next(question) if before is not None and found is None else 0
    if step and anchor is not None:
        _go_on(draft, anchor, step, now, question, index)
        return
    if found is None or (found.vague and before is not None and anchor is not None):
        if before is not None:
            draft.windows, draft.mask = before.windows, before.mask
            if before.how.comparison_range is not None and draft.type is QuestionType.COMPARE:
                draft.other = before.how.comparison_range
        return
    if found.all_time:
        draft.assumptions.append("all that was recorded")
        draft.certainty["time"] = found.certainty
        draft.moment = None
        return
    draft.windows, draft.mask, draft.moment = found.windows, found.mask, found.moment
    if found.problem or (foresees and draft.type is QuestionType.PREDICTION):
        set_ahead(draft, found.whole, now)
        draft.assumptions += found.assumptions
        draft.certainty["time"] = found.certainty
        return
    draft.retimed = before is not None
    many_days = found.uncut is not None and found.uncut.seconds > MORE_THAN_A_DAY
    if before is not None and found.mask is None and many_days:
        draft.mask = before.mask
    draft.assumptions += found.assumptions
    draft.certainty["time"] = found.certainty
    if found.cut:
        draft.assumptions.append("the window ends now")
    if found.open_start:
        draft.windows = _from_the_beginning(found.windows, index)
        draft.assumptions.append("from the beginning of what was recorded")


def _on_the_day_before(
    phrases: Sequence[Phrase], anchor: Interval | None, zone: ZoneInfo
) -> list[Phrase]:
    """Clock times of a follow-up belong to the one day that was spoken of."""
    found = list(phrases)
    if anchor is None or not found:
        return found
    if not all(
        isinstance(element, ClockPoint | ClockRange | Part)
        for phrase in found
        for element in phrase.elements
    ):
        return found
    day = anchor.start.astimezone(zone).date()
    last = (anchor.end - timedelta(microseconds=1)).astimezone(zone).date()
    if day != last and (last - day).days > 1:
        return found
    element = Date(day.year, day.month, day.day)
    first = found[0]
    return [replace(first, elements=(element, *first.elements)), *found[1:]]


def _go_on(
    draft: Draft, anchor: Interval, step: int, now: datetime, question: Question, index: Index
) -> None:
    """ "And then?": as long again, right behind (or before) what was asked about."""
    length = anchor.end - anchor.start
    if step < 0:
        draft.windows = (Interval(anchor.start - length, anchor.start),)
        return
    if anchor.end >= now:
        raise Settled(
            "That window reached up to now: nothing has come after it yet.",
            ("What happened in the last hour?", "What happened today?"),
        )
    draft.windows = (Interval(anchor.end, min(now, anchor.end + length)),)
    del question, index


def _from_the_beginning(windows: tuple[Interval, ...], index: Index) -> tuple[Interval, ...]:
    start = index.earliest
    if start is None or windows[0].start > OPEN_START or start >= windows[0].end:
        return windows
    return (Interval(start, windows[0].end), *windows[1:])


def _no_such_time(found: TimeResult, question: Question, draft: Draft, index: Index) -> Settled:
    spans = found.spans or ((0, 0),)
    at = [n for start, end in spans for n in range(start, end)]
    choices: list[str] = []
    if at and at == list(range(at[0], at[-1] + 1)):
        choices = [
            reworded(question.text, question.tokens, at, words)
            for words in ("today", "yesterday", "in the last 7 days")
        ]
    choices = choices or list(examples(index))
    if found.problem == "future":
        if draft.type is QuestionType.PREDICTION or "how busy" in spoken(question):
            return Settled(
                "I do not forecast yet; I can only say what was recorded.",
                tuple(choices),
                QuestionType.PREDICTION,
            )
        return Settled(
            "That time has not come yet: I can only say what was recorded.", tuple(choices)
        )
    return Settled(found.why, tuple(choices))
