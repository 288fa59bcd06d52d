"""From a question to a Query: pure, no store, no clock of its own.

The words are read against the index (question), names are settled (places), what is missing comes
from the conversation (followup) and the defaults, and the time phrases are read in the time zone
of the matched cameras. What cannot be settled becomes a clarification with complete questions to
choose from, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from enhanced_prompt_service.domain.answers import PromptResponse, QuestionType
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.times import Interval, RecurringMask, union
from enhanced_prompt_service.domain.turns import QuestionFilter

from .clarify import Settled, examples, plain_name, reworded, sentence
from .followup import (
    Previous,
    group_of,
    is_follow_up,
    marked,
    one_event,
    previous,
    spoken,
    wants_clips,
    wants_edge,
    wants_next,
    wants_place,
)
from .index import Habits, Index
from .intents import Aspect
from .kinds import Pair
from .places import Places, find_places
from .query import Query
from .question import Question, Threshold, read_question
from .refuse import refused
from .sides import behind_than, running, split_times
from .timegrammar import OPEN_START, Phrase, TimeResult, resolve
from .timegrammar.elements import ClockPoint, ClockRange, Date, Part
from .wording.interpretation import interpreted

MOST_MASK_WINDOWS = 400
YEARS = range(1971, 9990)
_MASKABLE = frozenset(
    {QuestionType.RECAP, QuestionType.EXISTENCE, QuestionType.COUNT, QuestionType.SEARCH}
)
_MOMENTARY = frozenset({QuestionType.RECAP, QuestionType.EXISTENCE, QuestionType.SEARCH})
_UNSURE_TYPES = 0.9


@dataclass(slots=True)
class _Draft:
    """A Query in the making."""

    type: QuestionType
    aspect: Aspect = Aspect.NONE
    group_by: GroupBy | None = None
    limit: int = 0
    pairs: frozenset[Pair] | None = None
    types: frozenset[str] | None = None  # exact types, where the kinds that occur do not have them
    subject: str = ""
    groups: tuple[tuple[str, frozenset[Pair]], ...] = ()
    sides: tuple[str, ...] = ()
    text: str = ""
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    windows: tuple[Interval, ...] = ()
    mask: RecurringMask | None = None
    other: Interval | None = None
    threshold: Threshold | None = None
    event_id: str = ""
    moment: datetime | None = None
    nothing: str = ""
    unsure: tuple[str, ...] = ()
    notice: str = ""
    choices: tuple[str, ...] = ()
    assumptions: list[str] = field(default_factory=list[str])
    certainty: dict[str, float] = field(default_factory=dict[str, float])


def understand(
    text: str,
    *,
    history: Sequence[PromptResponse],
    now: datetime,
    index: Index,
    narrowing: QuestionFilter | None = None,
    time_zone: str = "",
) -> Query:
    """The Query that a question means. Never raises for whatever text.

    `now` is the question's present (aware); `time_zone` an IANA name, or "" for that of the
    cameras that are meant; `narrowing` the request's filter, which holds whatever is asked.
    """
    now = now.astimezone(UTC)
    try:
        return _understood(text, history, now, index, narrowing or QuestionFilter(), time_zone)
    except Settled as end:
        return _settled(end, now, index, time_zone)


def _settled(end: Settled, now: datetime, index: Index, time_zone: str) -> Query:
    zone = time_zone or index.habits(None, None, ()).zone
    query = Query(
        end.type,
        now,
        zone=zone,
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
    draft = _Draft(question.intent.type)
    _note_typos(question, draft)
    if before is None and _hangs_in_the_air(question, places):
        raise Settled(
            "There is no question before this one that it could go on from. "
            "Please ask it with its place and time.",
            examples(index),
        )
    if _says_nothing(question, places, follows):
        raise _not_ours(question, index)
    _set_intent(question, draft, before if follows else None)
    _set_kinds(question, draft, index, before if follows else None)
    _set_places(places, draft, index, before if follows else None)
    habits = index.habits(draft.cameras, draft.sites, draft.zones or ())
    zone = _zone(time_zone, habits, index, draft)
    _set_time(question, draft, now, zone, habits, before if follows else None, index)
    _set_unknown(question, draft, index)
    if before is not None and follows:
        _point_at_evidence(question, draft, before)
    _compare(question, draft, index)
    _shape(question, draft, now, zone)
    _narrow(draft, narrowing, index, now)
    _mask_in_zone(draft, zone, index)
    return _query(draft, now, zone, index)


# ---- is it for us? ------------------------------------------------------------------------------


def _note_typos(question: Question, draft: _Draft) -> None:
    for wrong, right in question.typos:
        draft.assumptions.append(f"read “{wrong}” as “{right}”")
    if question.typos:
        draft.certainty["spelling"] = 0.9


def _hangs_in_the_air(question: Question, places: Places) -> bool:
    """A follow-up without anything before it."""
    if question.has_time or places.any or question.chosen.pairs is not None:
        return False
    if one_event(question) is not None or wants_next(question):
        return True
    return marked(question) and not question.intent.explicit


def _says_nothing(question: Question, places: Places, follows: bool) -> bool:
    if follows or question.has_time or places.any:
        return False
    if question.chosen.pairs is not None or question.chosen.texts or question.terms.soft:
        return False
    if question.intent.explicit:
        return question.intent.type is QuestionType.SEARCH and not question.unknown
    return True


def _not_ours(question: Question, index: Index) -> Settled:
    words = spoken(question).split()
    if words and all(word in _GREETINGS for word in words):
        return Settled("Hello. Ask me what the cameras saw.", examples(index))
    if any(character.isalpha() for character in question.text):
        return Settled(
            "I can only answer questions, in English, about what the cameras saw: what happened, "
            "when, where and how often. I could not read that as one.",
            examples(index),
            QuestionType.CLARIFY if question.unknown else QuestionType.REFUSE,
        )
    return Settled("I could not read that as a question.", examples(index))


_GREETINGS = frozenset(
    [
        "hello",
        "hi",
        "hey",
        "thanks",
        "thank",
        "you",
        "good",
        "morning",
        "evening",
        "afternoon",
        "there",
        "help",
        "please",
        "ok",
        "okay",
        "bye",
        "test",
    ]
)


# ---- what is asked ------------------------------------------------------------------------------


def _set_intent(question: Question, draft: _Draft, before: Previous | None) -> None:
    intent = question.intent
    draft.aspect, draft.group_by, draft.limit = intent.aspect, intent.group_by, intent.limit
    draft.threshold = question.threshold
    if before is None:
        return
    if wants_place(question):
        draft.type, draft.aspect, draft.group_by = QuestionType.RANK, Aspect.MOST, GroupBy.CAMERA
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


def _set_kinds(question: Question, draft: _Draft, index: Index, before: Previous | None) -> None:
    chosen = question.chosen
    draft.pairs, draft.subject, draft.groups = chosen.pairs, chosen.subject, chosen.groups
    draft.text = " ".join(chosen.texts)
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


def _set_places(places: Places, draft: _Draft, index: Index, before: Previous | None) -> None:
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
    if places.excluded:
        _exclude(places, draft, index)


def _exclude(places: Places, draft: _Draft, index: Index) -> None:
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


# ---- when ---------------------------------------------------------------------------------------


def _zone(time_zone: str, habits: Habits, index: Index, draft: _Draft) -> ZoneInfo:
    for name in (time_zone, habits.zone, index.default_zone):
        if name:
            try:
                return ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                draft.assumptions.append(f"there is no time zone “{name[:40]}”")
    return ZoneInfo("UTC")


def _set_time(
    question: Question,
    draft: _Draft,
    now: datetime,
    zone: ZoneInfo,
    habits: Habits,
    before: Previous | None,
    index: Index,
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
        if found is not None and found.problem:
            raise _no_such_time(found, question, draft, index)
        return found

    if draft.type is QuestionType.COMPARE:
        sides = split_times(question)
        if sides is None and question.phrases and behind_than(question):
            first = [] if before is not None and anchor is not None else running(question.phrases)
            sides = first, question.phrases
        if sides is not None:
            one = read(sides[0], anchor) if sides[0] else None
            main = one.interval if one is not None else anchor
            two = read(sides[1], main)
            if main is not None and two is not None and two.interval is not None:
                draft.windows = one.windows if one is not None else (main,)
                draft.mask = one.mask if one is not None else None
                draft.other = two.interval
                if two.mask is not None and draft.mask is None:
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
    if before is not None and found.mask is None and before.mask is not None and found.uncut:
        if found.uncut.seconds > 86400 * 1.1:
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
    draft: _Draft, anchor: Interval, step: int, now: datetime, question: Question, index: Index
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


def _no_such_time(found: TimeResult, question: Question, draft: _Draft, index: Index) -> Settled:
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


# ---- what is left over --------------------------------------------------------------------------


def _set_unknown(question: Question, draft: _Draft, index: Index) -> None:
    """Words that fit nothing that is known are searched for in what events say; where they occur
    in none, they are asked about."""
    unknown = [one.text for one in question.unknown]
    if not unknown and not question.chosen.texts:
        return
    _refuse_either_text(question)
    if draft.type in (QuestionType.ANOMALY, QuestionType.PREDICTION, QuestionType.HEALTH):
        return
    if unknown and _mostly_unknown(question, draft):
        raise _not_ours(question, index)
    draft.text = " ".join([draft.text, *unknown]).strip()
    draft.unsure = tuple(dict.fromkeys([*question.chosen.texts, *unknown]))
    draft.certainty["words"] = 0.8
    said = " ".join(f"“{word}”" for word in unknown[:4])
    draft.notice = f"Nothing that occurs here fits {said}."
    positions = [one.at for one in question.unknown]
    options = _places_instead(question, index)
    if options and positions[-1] - positions[0] < len(positions) + 1:
        span = range(positions[0], positions[-1] + 1)
        offered = tuple(reworded(question.text, question.tokens, span, name) for name in options)
        draft.choices = (*offered, "What can you detect?")


def _refuse_either_text(question: Question) -> None:
    """ "red or blue cars": a search is for all of its words."""
    for one, two in pairwise(question.unknown):
        if two.at - one.at == 2 and question.texts[one.at + 1] == "or":
            raise Settled(
                f"I can look for “{one.text}” or for “{two.text}”, one at a time.",
                [
                    reworded(question.text, question.tokens, range(one.at, two.at + 1), word.text)
                    for word in (one, two)
                ],
            )


def _mostly_unknown(question: Question, draft: _Draft) -> bool:
    """More foreign words than a question about cameras would hold."""
    content = [one for one in question.texts if len(one) > 2 and one.isalpha()]
    named = draft.cameras or draft.sites or draft.zones
    anchored = bool(question.has_time or named or draft.pairs)
    if anchored:
        return len(question.unknown) > 6
    return len(question.unknown) >= 2 and len(question.unknown) * 2 >= len(content)


def _places_instead(question: Question, index: Index) -> list[str]:
    """Sites that may have been meant by an unknown word behind "at the"."""
    if not question.unknown or question.mentions:
        return []
    at = question.unknown[0].at
    before = question.texts[max(0, at - 2) : at]
    if not any(text in ("at", "in", "on", "near", "by", "inside") for text in before):
        return []
    sites = sorted(index.names.sites.values(), key=lambda site: site.site_id)
    return [plain_name(site.name or site.site_id) for site in sites[:3]]


# ---- evidence that was shown before --------------------------------------------------------------


def _point_at_evidence(question: Question, draft: _Draft, before: Previous) -> None:
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


def _compare(question: Question, draft: _Draft, index: Index) -> None:
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


def _shape(question: Question, draft: _Draft, now: datetime, zone: ZoneInfo) -> None:
    """Types that depend on the window, and the windows that types have by default."""
    if draft.type is QuestionType.RECAP and not draft.windows and not draft.event_id:
        said_all = any("all that was recorded" in note for note in draft.assumptions)
        if not said_all:
            today = now.astimezone(zone).date()
            draft.windows = _today(today, now, zone)
            draft.assumptions.append("no time was named: today")
    if draft.type is QuestionType.ANOMALY or draft.type is QuestionType.PREDICTION:
        _not_yet(draft)
    if draft.mask is not None and draft.type in _MASKABLE and draft.aspect is not Aspect.CLIPS:
        draft.type = QuestionType.RECURRING
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


def _not_yet(draft: _Draft) -> None:
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


# ---- the filter, and the zone of a mask ----------------------------------------------------------


def _narrow(draft: _Draft, narrowing: QuestionFilter, index: Index, now: datetime) -> None:
    """The request's filter narrows whatever the question says."""
    nothing = "The request's filter leaves nothing of what was asked for."
    for name, wanted in (("cameras", narrowing.cameras), ("sites", narrowing.sites)):
        if not wanted:
            continue
        asked: frozenset[str] | None = getattr(draft, name)
        common = frozenset(wanted) if asked is None else asked & frozenset(wanted)
        if not common:
            draft.nothing = nothing
        else:
            setattr(draft, name, common)
    if narrowing.event_types:
        wanted_types = frozenset(narrowing.event_types)
        if draft.pairs is None:
            draft.types = wanted_types
        else:
            draft.pairs = frozenset(pair for pair in draft.pairs if pair[0] in wanted_types)
            if not draft.pairs:
                draft.nothing = nothing
    if narrowing.time_range is not None:
        wanted_range = narrowing.time_range
        if wanted_range.start >= now:
            draft.nothing = "The request's filter begins after the question's present."
            return
        cut = Interval(wanted_range.start, min(wanted_range.end, now))
        if not draft.windows:
            draft.windows = (cut,)
        else:
            kept = tuple(part for one in draft.windows if (part := one.intersect(cut)) is not None)
            if not kept:
                draft.nothing = nothing
            draft.windows = kept or draft.windows
        if draft.other is not None:
            other = draft.other.intersect(cut)
            if other is None:
                draft.nothing = nothing
            draft.other = other or draft.other
    del index


def _mask_in_zone(draft: _Draft, zone: ZoneInfo, index: Index) -> None:
    """Storage reads a mask in the zone of each site; where the question's is another one, the
    mask becomes windows."""
    if draft.mask is None:
        return
    zones = {str(one) for one in index.site_zones(draft.cameras, draft.sites).values()}
    if zones <= {str(zone)}:
        return
    pieces = [one for window in draft.windows for one in draft.mask.intervals(window, zone)]
    if len(pieces) <= MOST_MASK_WINDOWS and pieces:
        draft.windows = tuple(union(pieces))
        draft.mask = None


def _query(draft: _Draft, now: datetime, zone: ZoneInfo, index: Index) -> Query:
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
