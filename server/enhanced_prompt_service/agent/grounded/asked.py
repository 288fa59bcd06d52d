"""A Query from fields instead of a sentence: how a model's tools ask.

Each field is read as the engine reads a question's words: places against the catalogue, kinds
against what really occurs, times by the grammar. What fits nothing is refused with what there is
(`Settled`), never guessed. The request's filter narrows here as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.turns import QuestionFilter

from .clarify import Settled, entity_name
from .draft import Draft
from .index import Habits, Index
from .intents import Aspect
from .kinds import Pair
from .names import Entity
from .narrowing import mask_in_zone, narrow
from .query import Query
from .question import read_question
from .timegrammar import OPEN_START, parse
from .understand import query_of, zone_of
from .words import name_words

MOST_NAMED = 20  # names that a refusal lists
SURE = 0.95  # of a model's reading of a question: it is not checked word by word


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. Empty fields narrow nothing.

    `places` are names or ids of cameras, sites and zones; `kinds` event types, labels or plain
    nouns; `time` a phrase ("yesterday after 6 pm") or ISO 8601; `text` words that descriptions
    must hold.
    """

    type: QuestionType
    places: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    time: str = ""
    text: str = ""
    min_confidence: float | None = None
    aspect: Aspect = Aspect.NONE
    group_by: GroupBy | None = None
    limit: int = 0


def query_from(
    asked: Asked,
    *,
    now: datetime,
    index: Index,
    narrowing: QuestionFilter,
    time_zone: str = "",
) -> Query:
    """The Query that fields mean. Pure. Raises Settled: its notice says what did not fit."""
    now = now.astimezone(UTC)
    draft = Draft(asked.type, asked.aspect, asked.group_by, asked.limit)
    draft.text = " ".join(asked.text.split())
    draft.certainty["understanding"] = SURE
    _places(asked.places, draft, index)
    _kinds(asked.kinds, draft, index)
    habits = index.habits(draft.cameras, draft.sites, draft.zones or ())
    zone = zone_of(time_zone, habits, index, draft)
    if asked.time.strip():
        _time(asked.time, draft, now, zone, habits, index)
    narrow(draft, narrowing, index, now)
    if asked.min_confidence is not None:
        draft.min_confidence = max(asked.min_confidence, draft.min_confidence or 0.0)
    mask_in_zone(draft, zone, index)
    return query_of(draft, now, zone, index)


# ---- places -------------------------------------------------------------------------------------


def _places(names: Sequence[str], draft: Draft, index: Index) -> None:
    found: list[Entity] = []
    for name in names:
        fitting = _entities(name, index)
        if not fitting:
            raise Settled(
                f"No camera, site or zone is called “{name[:60]}”. There are: {_some(index)}."
            )
        found += fitting
    of_kind = {
        kind: frozenset(one.id for one in found if one.kind == kind)
        for kind in ("camera", "site", "zone")
    }
    draft.cameras = of_kind["camera"] or None
    draft.sites = of_kind["site"] or None
    draft.zones = of_kind["zone"] or None
    if draft.cameras and draft.sites:
        # Alternatives, as a list of places means them: a site stands for its cameras.
        draft.cameras |= frozenset(index.cameras_of(draft.sites))
        draft.sites = None


def _entities(name: str, index: Index) -> list[Entity]:
    """What a name means: an id, else a name or alias word by word, else as in a question."""
    exact = [one for one in index.names.entities.values() if one.id == name.strip()]
    if exact:
        return exact
    words = name_words(name)
    alike = [
        one for key, one in index.names.entities.items() if words and words in _said(key, index)
    ]
    if alike:
        return alike
    read = read_question(f"at {name}", index)
    if len(read.mentions) == 1 and read.mentions[0].entities:
        return list(read.mentions[0].entities)
    return []


def _said(key: tuple[str, str, str], index: Index) -> list[tuple[str, ...]]:
    """The ways to say a name, in words."""
    kind, site_id, own = key
    site = index.names.sites[site_id]
    names: list[str] = [own]
    if kind == "site":
        names += [site.name, *site.aliases]
    elif kind == "camera":
        for camera in site.cameras:
            if camera.camera_id == own:
                names += [camera.name, *camera.aliases]
    else:
        for zone in site.zones:
            if zone.zone_id == own:
                names += [zone.name, *zone.aliases]
    return [name_words(one) for one in names if one]


def _some(index: Index) -> str:
    return _listed(entity_name(one, index) for one in index.names.entities.values())


# ---- kinds --------------------------------------------------------------------------------------


def _kinds(kinds: Sequence[str], draft: Draft, index: Index) -> None:
    if not kinds:
        return
    pairs: set[Pair] = set()
    subjects: list[str] = []
    for kind in kinds:
        found, subject = _pairs(kind, index)
        if not found:
            there = _listed(sorted({one for pair in index.kinds.kinds for one in pair if one}))
            raise Settled(f"No kind of event fits “{kind[:60]}”. There are: {there}.")
        pairs |= found
        subjects.append(subject)
    draft.pairs = frozenset(pairs)
    draft.subject = subjects[0] if len(subjects) == 1 else ""


def _pairs(kind: str, index: Index) -> tuple[frozenset[Pair], str]:
    name = kind.strip()
    exact = frozenset(pair for pair in index.kinds.kinds if name in pair)
    if exact:
        return exact, ""
    chosen = read_question(name, index).chosen
    return chosen.pairs or frozenset(), chosen.subject


# ---- time ---------------------------------------------------------------------------------------


def _time(
    text: str, draft: Draft, now: datetime, zone: ZoneInfo, habits: Habits, index: Index
) -> None:
    found = parse(
        text,
        now=now,
        zone=zone,
        day_parts=habits.day_parts,
        business_hours=habits.business_hours,
    )
    if found is None:
        raise Settled(f"“{text[:60]}” names no time that is understood here.")
    if found.problem:
        raise Settled(found.why or f"“{text[:60]}” is no time that can be asked about.")
    draft.assumptions += found.assumptions
    if found.all_time:
        draft.assumptions.append("all that was recorded")
        return
    draft.windows, draft.mask, draft.moment = found.windows, found.mask, found.moment
    if found.open_start and index.earliest is not None and draft.windows[0].start <= OPEN_START:
        first = draft.windows[0]
        if index.earliest < first.end:
            draft.windows = (type(first)(index.earliest, first.end), *draft.windows[1:])


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - MOST_NAMED
    text = ", ".join(every[:MOST_NAMED])
    return f"{text} and {rest} more" if rest > 0 else text
