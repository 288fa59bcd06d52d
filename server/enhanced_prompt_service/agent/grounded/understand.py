"""From a question to a Query: pure, no store, no clock of its own.

The words are read against the index (question), names are settled (places), what is missing comes
from the conversation (followup) and the defaults, and the time phrases are read in the time zone
of the matched cameras. What cannot be settled becomes a clarification with complete questions to
choose from, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from enhanced_prompt_service.domain.answers import PromptResponse, QuestionType
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import QuestionFilter

from .clarify import Settled, examples, sentence
from .draft import Draft
from .followup import (
    Previous,
    group_of,
    is_follow_up,
    means_both,
    means_the_first,
    one_event,
    previous,
    spoken,
    wants_clips,
    wants_edge,
    wants_groups,
    wants_place,
)
from .foreseen import shape_ahead
from .index import Habits, Index
from .intents import Aspect
from .narrowing import mask_in_zone, narrow
from .places import Places, find_places
from .query import Query
from .question import Question, Threshold, read_question
from .refuse import refused
from .timing import set_time
from .unknown import hangs_in_the_air, not_ours, says_nothing, set_unknown
from .wording.interpretation import interpreted

YEARS = range(1971, 9990)
_MASKABLE = frozenset(
    {QuestionType.RECAP, QuestionType.EXISTENCE, QuestionType.COUNT, QuestionType.SEARCH}
)
_MOMENTARY = frozenset({QuestionType.RECAP, QuestionType.EXISTENCE, QuestionType.SEARCH})
_UNSURE_TYPES = 0.9


def understand(
    text: str,
    *,
    history: Sequence[PromptResponse],
    now: datetime,
    index: Index,
    narrowing: QuestionFilter | None = None,
    time_zone: str = "",
    judges: bool = False,
    foresees: bool = False,
) -> Query:
    """The Query that a question means. Never raises for whatever text.

    `now` is the question's present (aware); `time_zone` an IANA name, or "" for that of the
    cameras that are meant; `narrowing` the request's filter, which holds whatever is asked.
    `judges` says that there are insights to answer from what is out of the ordinary, `foresees`
    that there are forecasts of what is to come.
    """
    now = now.astimezone(UTC)
    try:
        chosen = narrowing or QuestionFilter()
        return _understood(
            text, history, now, index, chosen, time_zone, judges=judges, foresees=foresees
        )
    except Settled as end:
        return _settled(end, now, index, time_zone)


def _settled(end: Settled, now: datetime, index: Index, time_zone: str) -> Query:
    zone = zone_of(time_zone, index.habits(None, None, ()), index, Draft(end.type))
    query = Query(
        end.type,
        now,
        zone=str(zone),
        notice=end.notice,
        choices=end.choices,
        index=index,
        certainty={"understanding": 1.0 if end.type is QuestionType.REFUSE else 0.5},
    )
    return replace(query, interpretation=interpreted(query))


def _understood(
    text: str,
    history: Sequence[PromptResponse],
    now: datetime,
    index: Index,
    narrowing: QuestionFilter,
    time_zone: str,
    *,
    judges: bool,
    foresees: bool,
) -> Query:
    if now.year not in YEARS:
        raise Settled(f"The year {now.year} is too far away to be asked from.", examples(index))
    said_no = refused(text, index.language)
    if said_no:
        raise Settled(said_no, examples(index), QuestionType.REFUSE)
    question = read_question(text, index)
    before = previous(history)
    places = find_places(question, index)
    follows = before is not None and is_follow_up(question, names_places=places.any)
    draft = Draft(question.intent.type)
    _note_typos(question, draft)
    if before is None and hangs_in_the_air(question, places):
        raise Settled(
            "There is no question before this one that it could go on from. "
            "Please ask it with its place and time.",
            examples(index),
        )
    if says_nothing(question, places, follows):
        raise not_ours(question, index)
    _set_intent(question, draft, before if follows else None)
    _set_kinds(question, draft, index, before if follows else None)
    _set_places(question, places, draft, index, before if follows else None)
    habits = index.habits(draft.cameras, draft.sites, draft.zones or ())
    zone = zone_of(time_zone, habits, index, draft)
    earlier = before if follows else None
    set_time(question, draft, now, zone, habits, earlier, index, foresees=foresees)
    set_unknown(question, draft, index)
    if before is not None and follows:
        _point_at_evidence(question, draft, before)
    _compare(question, draft, index)
    if foresees and draft.type is QuestionType.PREDICTION:
        shape_ahead(question, draft, narrowing.time_range, now, zone)
        narrow(draft, replace(narrowing, time_range=None), index, now)
        return query_of(draft, now, zone, index)
    _shape(question, draft, now, zone, judges=judges)
    narrow(draft, narrowing, index, now)
    mask_in_zone(draft, zone, index)
    return query_of(draft, now, zone, index)


def _note_typos(question: Question, draft: Draft) -> None:
    for wrong, right in question.typos:
        draft.assumptions.append(f"read “{wrong}” as “{right}”")
    if question.typos:
        draft.certainty["spelling"] = 0.9


# ---- what is asked ------------------------------------------------------------------------------


def _set_intent(question: Question, draft: Draft, before: Previous | None) -> None:
    intent = question.intent
    draft.aspect, draft.group_by, draft.limit = intent.aspect, intent.group_by, intent.limit
    draft.threshold = question.threshold
    if before is None:
        return
    if wants_place(question):
        draft.type, draft.aspect, draft.group_by = QuestionType.RANK, Aspect.MOST, GroupBy.CAMERA
        return
    groups = wants_groups(question)
    if groups is not None:
        draft.type, draft.aspect, draft.group_by = QuestionType.RANK, Aspect.MOST, groups
        return
    if before.how.question_type is QuestionType.DWELL and not question.chosen.pairs:
        asked = spoken(question)
        if re.search(r"\b(?:average|mean|longest)\b", asked):
            draft.type = QuestionType.DWELL
            draft.aspect = Aspect.LONGEST if "longest" in asked else Aspect.MEAN
            return
    edge = wants_edge(question)
    if edge is not Aspect.NONE and intent.type in (QuestionType.RECAP, QuestionType.SEARCH):
        draft.type, draft.aspect, draft.limit = QuestionType.WHEN, edge, 0
        return
    defaulted = not intent.explicit or (
        intent.type is QuestionType.RECAP and wants_clips(question) and not question.has_time
    )
    if not defaulted:
        return
    how = before.how
    draft.type, draft.aspect = how.question_type, before.aspect
    draft.group_by, draft.limit = group_of(how), how.limit
    if draft.threshold is None and before.threshold is not None:
        draft.threshold = Threshold(*before.threshold)
    if draft.type in (QuestionType.RECURRING, QuestionType.MOMENT):
        draft.type = QuestionType.RECAP
    if draft.aspect is Aspect.ONE_EVENT:
        draft.type, draft.aspect = QuestionType.RECAP, Aspect.NONE
    if wants_clips(question):
        draft.type, draft.aspect = QuestionType.RECAP, Aspect.CLIPS


def _set_kinds(question: Question, draft: Draft, index: Index, before: Previous | None) -> None:
    chosen = question.chosen
    draft.pairs, draft.subject, draft.groups = chosen.pairs, chosen.subject, chosen.groups
    draft.text = " ".join(chosen.texts)
    if chosen.notes and not chosen.pairs:
        raise Settled(chosen.notes[0], ("What can you detect?", *examples(index)))
    draft.assumptions += chosen.notes
    draft.assumptions += question.terms.assumptions
    if question.terms.assumptions:
        draft.certainty["nouns"] = _UNSURE_TYPES
    if question.excluded is not None:
        every = draft.pairs if draft.pairs is not None else frozenset(index.kinds.kinds)
        draft.pairs = every - (question.excluded.pairs or frozenset())
        draft.subject = ""
        if not draft.pairs:
            draft.nothing = "Everything that was asked for was left out again."
    if before is None or draft.pairs is not None or question.unknown or draft.text:
        return
    how = before.how
    types, labels = frozenset(how.event_types), frozenset(how.labels)
    if types or labels:
        draft.pairs = index.kinds.pairs_of(
            types or None, labels or None, either=before.type_or_label
        )
        if not draft.pairs:
            draft.types = types or None
    draft.text = how.text


def _set_places(
    question: Question, places: Places, draft: Draft, index: Index, before: Previous | None
) -> None:
    draft.assumptions += places.assumptions
    if places.certainty < 1:
        draft.certainty["names"] = places.certainty
    draft.cameras = frozenset(one.id for one in places.cameras) or None
    draft.sites = frozenset(one.id for one in places.sites) or None
    draft.sides = tuple(one.id for one in (*places.cameras, *places.sites, *places.zones))
    draft.zones = frozenset(one.id for one in places.zones) or None
    if draft.zones and not draft.cameras and not draft.sites:
        of_zones = frozenset(one.site for one in places.zones)
        if len(index.names.sites) > 1 and len(of_zones) == 1:
            draft.sites = of_zones
    if before is not None and not (draft.cameras or draft.sites or draft.zones):
        how = before.how
        draft.cameras = frozenset(how.cameras) or None
        draft.sites = frozenset(how.sites) or None
        draft.zones = frozenset(how.zones) or None
        if before.top and means_the_first(question):
            by_camera = group_of(how) is GroupBy.CAMERA
            draft.cameras = frozenset({before.top}) if by_camera else draft.cameras
            draft.sites = draft.sites if by_camera else frozenset({before.top})
    both = draft.type is QuestionType.COMPARE and means_both(question)
    if both and before is not None and before.earlier is not None:
        earlier, how = before.earlier, before.how
        draft.cameras = frozenset({*earlier.cameras, *how.cameras}) or None
        draft.sites = frozenset({*earlier.sites, *how.sites}) or None
    if places.excluded:
        _exclude(places, draft, index)


def _exclude(places: Places, draft: Draft, index: Index) -> None:
    gone_sites = {one.id for one in places.excluded if one.kind == "site"}
    gone = {one.id for one in places.excluded if one.kind == "camera"}
    inside = index.cameras_of(draft.sites)
    kept = {
        camera
        for camera, site in inside.items()
        if camera not in gone
        and site not in gone_sites
        and (draft.cameras is None or camera in draft.cameras)
    }
    draft.cameras = frozenset(kept)
    if not kept:
        draft.nothing = "Every camera that was asked for was left out again."


def zone_of(time_zone: str, habits: Habits, index: Index, draft: Draft) -> ZoneInfo:
    """The zone that times are meant in: the named one, else the places' own, else the default."""
    for name in (time_zone, habits.zone, index.default_zone):
        if name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                draft.assumptions.append(f"there is no time zone “{name[:40]}”")
    return ZoneInfo("UTC")


# ---- evidence that was shown before --------------------------------------------------------------


def _point_at_evidence(question: Question, draft: Draft, before: Previous) -> None:
    number = one_event(question)
    if number is None or question.chosen.pairs is not None:
        return
    shown = before.evidence
    if not shown or number > len(shown):
        raise Settled(
            f"The answer before showed {len(shown)} events."
            if shown
            else "The answer before showed no events to tell more about.",
            (sentence(before.query), "What happened today?"),
        )
    draft.type, draft.aspect = QuestionType.SEARCH, Aspect.ONE_EVENT
    draft.event_id = shown[number - 1 if number > 0 else -1].event_id
    draft.unsure, draft.notice, draft.choices = (), "", ()
    draft.text = before.how.text


# ---- shape --------------------------------------------------------------------------------------


def _compare(question: Question, draft: Draft, index: Index) -> None:
    """What a comparison is between: two windows, else cameras, sites, zones or kinds."""
    if draft.type is not QuestionType.COMPARE or draft.other is not None:
        return
    for found, key in (
        (draft.cameras, GroupBy.CAMERA),
        (draft.sites, GroupBy.SITE),
        (draft.zones, GroupBy.ZONE),
    ):
        if found is not None and len(found) > 1:
            draft.group_by = key
            return
    if len(draft.groups) > 1:
        labels = [{pair[1] for pair in pairs} for _, pairs in draft.groups]
        by_label = all(len(one) == 1 for one in labels) and len({*labels[0], *labels[1]}) > 1
        draft.group_by = GroupBy.LABEL if by_label else GroupBy.EVENT_TYPE
        return
    for word, key in (("camera", GroupBy.CAMERA), ("site", GroupBy.SITE), ("zone", GroupBy.ZONE)):
        if f"{word}s" in question.plain.split():
            draft.group_by = key
            return
    what = "it"
    names = sorted(draft.cameras or draft.sites or ())
    if names:
        what = " and ".join(names)
    raise Settled(
        f"What should {what} be compared with?",
        (
            "Was today busier than yesterday?",
            "Was this week busier than last week?",
            *examples(index)[:1],
        ),
    )


def _shape(
    question: Question, draft: Draft, now: datetime, zone: ZoneInfo, *, judges: bool
) -> None:
    """Types that depend on the window, and the windows that types have by default."""
    by_day = draft.type is QuestionType.RECAP or draft.type is QuestionType.ANOMALY
    if by_day and not draft.windows and not draft.event_id:
        said_all = any("all that was recorded" in note for note in draft.assumptions)
        if not said_all:
            today = now.astimezone(zone).date()
            draft.windows = _today(today, now, zone)
            draft.assumptions.append("no time was named: today")
    if draft.type is QuestionType.PREDICTION or (draft.type is QuestionType.ANOMALY and not judges):
        _not_yet(draft)
    if draft.mask is not None and draft.type in _MASKABLE and draft.aspect is not Aspect.CLIPS:
        draft.type = QuestionType.RECURRING
    if draft.type is QuestionType.HEALTH and draft.aspect is Aspect.STATES and draft.retimed:
        draft.aspect = Aspect.RECORDED
    if draft.moment is not None and draft.aspect is Aspect.RECORDED:
        draft.aspect = Aspect.STATES
    if draft.moment is not None and draft.type in _MOMENTARY:
        draft.type = QuestionType.MOMENT
    if draft.type is QuestionType.TREND and draft.group_by is None:
        whole = draft.windows[-1].end - draft.windows[0].start if draft.windows else None
        short = whole is not None and whole <= timedelta(hours=49)
        draft.group_by = GroupBy.LOCAL_HOUR if short else GroupBy.LOCAL_DATE
    if draft.type is QuestionType.RANK:
        one_type = draft.pairs is not None and len({pair[0] for pair in draft.pairs}) == 1
        if draft.group_by is None or (draft.group_by is GroupBy.EVENT_TYPE and one_type):
            draft.group_by = GroupBy.CAMERA
    if draft.type not in (QuestionType.RANK, QuestionType.TREND, QuestionType.COMPARE):
        draft.group_by = None
    if draft.type is not QuestionType.DWELL and draft.threshold is not None:
        draft.type, draft.aspect = QuestionType.DWELL, Aspect.THRESHOLD
    if draft.type is not QuestionType.HEALTH and draft.type is not QuestionType.DWELL:
        draft.threshold = None
    del question


def _today(today: date, now: datetime, zone: ZoneInfo) -> tuple[Interval, ...]:
    start = datetime(today.year, today.month, today.day, tzinfo=zone).astimezone(UTC)
    return (Interval(start, now),) if start < now else (Interval(now - timedelta(hours=24), now),)


def _not_yet(draft: Draft) -> None:
    anomaly = draft.type is QuestionType.ANOMALY
    raise Settled(
        "I do not judge yet what is out of the ordinary; I can say what happened, how often, and "
        "which cameras were busiest or quiet."
        if anomaly
        else "I do not forecast yet; I can only say what was recorded.",
        (
            "What happened today?",
            "Which camera was busiest this week?",
            "Was today busier than the same day last week?",
        ),
        draft.type,
    )


def query_of(draft: Draft, now: datetime, zone: ZoneInfo, index: Index) -> Query:
    """The Query that a finished draft is."""
    narrow = index.kinds.narrowing(draft.pairs)
    types = narrow.event_types if draft.types is None else draft.types
    query = Query(
        draft.type,
        now,
        zone=str(zone),
        aspect=draft.aspect,
        windows=draft.windows,
        mask=draft.mask,
        cameras=draft.cameras,
        sites=draft.sites,
        zones=draft.zones,
        event_types=types,
        labels=narrow.labels,
        type_or_label=narrow.type_or_label,
        text=draft.text,
        min_confidence=draft.min_confidence,
        threshold=draft.threshold,
        group_by=draft.group_by,
        limit=draft.limit,
        event_id=draft.event_id,
        other=draft.other,
        nothing=draft.nothing,
        notice=draft.notice,
        choices=draft.choices,
        index=index,
        subject=draft.subject or index.kinds.named(draft.pairs),
        groups=draft.groups,
        sides=draft.sides,
        moment=draft.moment,
        unsure_words=draft.unsure,
        certainty=draft.certainty,
        assumptions=tuple(dict.fromkeys(draft.assumptions)),
    )
    return replace(query, interpretation=interpreted(query))
