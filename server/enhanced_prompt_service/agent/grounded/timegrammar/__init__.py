"""Time phrases of camera operators: words → half-open, zone-aware windows and a recurring mask.

    parse("yesterday after 6pm", now=…, zone=ZoneInfo("America/New_York"))

A small recursive-descent grammar over tokens: `scanner` finds phrases and makes symbolic elements
of them, `resolve` reads those against the present, the zone and the site's day parts. Looks to the
past unless the tense says otherwise. What the phrases mean is settled in tests/eval/README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.catalogue import DayParts
from enhanced_prompt_service.domain.times import Interval, RecurringMask

from ..words import Token, tokenise
from .context import OPEN_START, CannotBe, Context, wall
from .elements import Phrase
from .grammar import scan
from .lexicon import FUTURE
from .reading import Words
from .resolve import intervals, read

__all__ = ["OPEN_START", "Phrase", "TimeResult", "Words", "parse", "resolve", "scan"]

TYPO_CERTAINTY = 0.9
GUESS_CERTAINTY = 0.85


@dataclass(frozen=True, slots=True)
class TimeResult:
    """What the time phrases of a question mean.

    `windows` are disjoint, sorted and cut at now; empty when `problem` says that there is none:
    future, impossible, contradiction, out_of_range or needs_anchor, with `why` a sentence for the
    asker. `uncut` is from the first start to the last end before cutting, `whole` are the windows
    then. `spans` are the token ranges that were consumed, half-open. `grain` is the size of what
    was named: moment, clock, part, day, week, month, rolling, mask, bound, …
    """

    windows: tuple[Interval, ...] = ()
    mask: RecurringMask | None = None
    grain: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    certainty: float = 1.0
    assumptions: tuple[str, ...] = ()
    uncut: Interval | None = None
    whole: tuple[Interval, ...] = ()
    moment: datetime | None = None
    open_start: bool = False
    all_time: bool = False
    vague: bool = False
    problem: str = ""
    why: str = ""
    typos: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def cut(self) -> bool:
        """Whether a part that lies in the future was left out."""
        return (
            bool(self.windows)
            and self.uncut is not None
            and (self.uncut.end > self.windows[-1].end)
        )

    @property
    def interval(self) -> Interval | None:
        """From the first window's start to the last one's end."""
        if not self.windows:
            return None
        return Interval(self.windows[0].start, self.windows[-1].end)


def parse(
    text: str | Sequence[Token],
    *,
    now: datetime,
    zone: ZoneInfo,
    day_parts: DayParts | None = None,
    business_hours: RecurringMask | None = None,
    anchor: Interval | None = None,
    keep: frozenset[str] = frozenset(),
) -> TimeResult | None:
    """The time that a question names, or None when it names none.

    `now` is aware. `anchor` is the window that was spoken of before ("the day before"). Words in
    `keep` are names, never mistyped time words. Never raises for whatever text.
    """
    tokens = tokenise(text) if isinstance(text, str) else text
    phrases, typos = scan(tokens, keep)
    if not phrases:
        return None
    return resolve(
        phrases,
        tokens,
        now=now,
        zone=zone,
        day_parts=day_parts,
        business_hours=business_hours,
        anchor=anchor,
        typos=typos,
    )


def resolve(
    phrases: Sequence[Phrase],
    tokens: Sequence[Token] = (),
    *,
    now: datetime,
    zone: ZoneInfo,
    day_parts: DayParts | None = None,
    business_hours: RecurringMask | None = None,
    anchor: Interval | None = None,
    typos: Sequence[tuple[str, str]] = (),
) -> TimeResult | None:
    """Scanned phrases against the present; None when all of them together name no time."""
    spans = tuple((phrase.start, phrase.end) for phrase in phrases)
    try:
        now = now.astimezone(UTC)
        local = wall(now, zone)
        ctx = Context(
            now=now,
            zone=zone,
            parts=day_parts or DayParts(),
            business=business_hours,
            anchor=anchor,
            future=_looks_ahead(tokens),
            local=local,
            recent=local.date(),
        )
        reading = read(phrases, ctx)
        if reading is None:
            return None
        found = intervals(reading, ctx)
    except CannotBe as reason:
        return TimeResult(spans=spans, problem=reason.problem, why=reason.why)
    except (OverflowError, ValueError):
        why = "That time lies outside of what a calendar can hold here."
        return TimeResult(spans=spans, problem="out_of_range", why=why)
    notes = [f"read “{wrong}” as “{right}”" for wrong, right in typos]
    certainty = TYPO_CERTAINTY if typos else 1.0
    if reading.assumptions:
        certainty *= GUESS_CERTAINTY
    if reading.all_time:
        return TimeResult(grain="all", spans=spans, all_time=True, certainty=certainty)
    if not found:
        why = "The clocks were put forward over that time: it did not happen."
        return TimeResult(spans=spans, problem="impossible", why=why)
    past = [Interval(one.start, min(one.end, now)) for one in found if one.start < now]
    uncut = Interval(found[0].start, found[-1].end)
    if not past:
        return TimeResult(
            spans=spans,
            uncut=uncut,
            whole=tuple(found),
            mask=reading.mask,
            grain=reading.grain,
            problem="future",
            why="That time has not come yet.",
        )
    return TimeResult(
        windows=tuple(past),
        mask=reading.mask,
        grain=reading.grain,
        spans=spans,
        certainty=certainty,
        assumptions=(*notes, *reading.assumptions),
        uncut=uncut,
        whole=tuple(found),
        moment=reading.moment,
        open_start=any(span.open_start for span in reading.spans),
        vague=reading.vague,
        typos=tuple(typos),
    )


def _looks_ahead(tokens: Sequence[Token]) -> bool:
    for number, token in enumerate(tokens):
        if token.text in FUTURE:
            return True
        if token.text == "going" and number + 1 < len(tokens) and tokens[number + 1].text == "to":
            return number > 0 and tokens[number - 1].text in ("is", "are", "be", "'s")
    return False
