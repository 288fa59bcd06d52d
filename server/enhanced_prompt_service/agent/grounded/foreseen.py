"""Questions about what is still to come are answered from a forecast: what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.forecasts import (
    REACH,
    Forecast,
    ForecastAsk,
    TooLittleHistory,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import InsightFilter, InsightType
from enhanced_prompt_service.domain.times import Interval

from .clarify import Settled
from .draft import Draft
from .followup import spoken
from .noticed import Noticed, is_meant
from .query import Findings, Query
from .question import Question
from .timegrammar.lexicon import FUTURE
from .words import word_set

Foreseen = Callable[[Caller, ForecastAsk], Awaitable[Forecast | TooLittleHistory]]
"""What a caller may expect of a time ahead."""

_COUNTED = frozenset(
    {
        QuestionType.PREDICTION,
        QuestionType.COUNT,
        QuestionType.RECAP,
        QuestionType.EXISTENCE,
        QuestionType.SEARCH,
        QuestionType.RECURRING,
    }
)
_PAST = word_set("was were did had happened came went saw occurred been")
_PLAIN = word_set(
    """expect expects expecting expected anticipate anticipated forecast forecasts predict predicts
    predicted prediction predictions project projected upcoming likely probably traffic"""
)
_NO_COUNT = re.compile(
    r"\b(?:which|when|what time|busiest|quietest|most|least|per|hourly|by hour|compared?|versus|"
    r"than|or|how long|longest|average)\b"
)
_TRY = (
    "How many people do you expect in the next 3 hours?",
    "What happened today?",
    "Was today busier than the same day last week?",
)


def looks_ahead(question: Question, draft: Draft) -> bool:
    """Whether a question about a time that has not come asks for a forecast: by its tense, or
    since it counts and says nothing of the past."""
    if draft.type is QuestionType.PREDICTION:
        return True
    if not _PAST.isdisjoint(question.texts):
        return False
    if draft.type is QuestionType.COUNT or "how busy" in spoken(question):
        return True
    return draft.type in _COUNTED and (
        not FUTURE.isdisjoint(question.texts) or "going to" in " ".join(question.texts)
    )


def set_ahead(draft: Draft, windows: tuple[Interval, ...], now: datetime) -> None:
    """A question about these windows: what of them lies ahead, as far as a forecast reaches. With
    a mask and no days ahead ("after hours"), the next day is meant.

    Raises Settled where nothing is left.
    """
    end = now + REACH
    if draft.mask is not None and windows[-1].end <= now:
        windows = (Interval(now, end),)
    ahead = [Interval(max(one.start, now), one.end) for one in windows if one.end > now]
    if not ahead:
        raise Settled(
            "That time has passed: a forecast is for what is still to come.",
            _TRY,
            QuestionType.PREDICTION,
        )
    kept = tuple(Interval(one.start, min(one.end, end)) for one in ahead if one.start < end)
    if not kept:
        raise Settled(
            "I forecast no further than a day ahead, and that time begins later: I would only be "
            "guessing. Ask again when it is nearer.",
            _TRY,
            QuestionType.PREDICTION,
        )
    if ahead[-1].end > end:
        draft.assumptions.append("a forecast reaches a day ahead: what is later was left out")
    draft.type, draft.windows, draft.moment = QuestionType.PREDICTION, kept, None


def shape_ahead(
    question: Question, draft: Draft, within: Interval | None, now: datetime, zone: ZoneInfo
) -> None:
    """Make a prediction of a draft, or say why it is none. `within` is the
    time that the request's filter leaves. Raises Settled."""
    if _NO_COUNT.search(question.plain):
        raise Settled(
            "I can forecast how many events a time ahead will bring; not when or for how long, and "
            "no ranking or comparison.",
            _TRY,
        )
    if draft.text or draft.unsure or any(one.text not in _PLAIN for one in question.unknown):
        words = [one.text for one in question.unknown if one.text not in _PLAIN]
        said = " ".join(f"“{word}”" for word in words[:4]) or f"“{draft.text}”"
        raise Settled(
            f"Nothing that occurs here fits {said}, so that I cannot forecast it.",
            ("What can you detect?", *_TRY[:1]),
        )
    if not draft.windows:
        draft.windows = (Interval(now, now + REACH),)
        draft.assumptions.append("no time was named: the next day from now on")
    if draft.windows[0].start < now:  # of a conversation about what has been
        set_ahead(draft, draft.windows, now)
    if draft.mask is not None:
        whole = Interval(draft.windows[0].start, draft.windows[-1].end)
        pieces = draft.mask.intervals(whole, zone)
        kept = [
            both
            for one in pieces
            for window in draft.windows
            if (both := one.intersect(window)) is not None
        ]
        draft.mask = None
        if not kept:
            raise Settled(
                "I forecast no further than a day ahead, and none of that time lies in it.",
                _TRY,
                QuestionType.PREDICTION,
            )
        draft.windows = tuple(kept)
    if within is not None:
        left = tuple(cut for one in draft.windows if (cut := one.intersect(within)) is not None)
        if not left:
            draft.nothing = "The request's filter leaves nothing of what was asked for."
        draft.windows = left or draft.windows
    draft.group_by, draft.limit = None, 0


async def with_forecast(
    caller: Caller,
    query: Query,
    findings: Findings,
    foreseen: Foreseen,
    noticed: Noticed | None,
) -> Findings:
    """Findings with the forecast that a query asks for, and insights that say the same."""
    if query.nothing:
        return findings
    index = query.known_index
    ask = ForecastAsk(
        selection=replace(query.selection(), windows=(), mask=None),
        windows=query.windows,
        cameras=findings.asked_cameras,
        zones=index.site_zones(query.cameras, query.sites),
        now=query.now,
    )
    forecast = await foreseen(caller, ask)
    findings = replace(findings, forecast=forecast)
    narrowed = query.event_types or query.labels or query.zones
    if noticed is None or narrowed or not isinstance(forecast, Forecast):
        return findings
    window = query.time_range
    assert window is not None
    chosen = InsightFilter(
        types=frozenset({InsightType.PREDICTION}),
        cameras=query.cameras or frozenset(),
        sites=query.sites or frozenset(),
    )
    page = await noticed(caller, chosen, window)
    found = tuple(one for one in page.items if is_meant(one, query, window))
    return replace(findings, insights=found, more_insights=bool(page.next_page_token))
