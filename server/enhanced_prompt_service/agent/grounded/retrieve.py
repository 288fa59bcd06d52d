"""From a Query to Findings: a few questions to one snapshot of the store.

Counts are over all that matches; events are a page on top. Everything here runs in one go, in the
store's own thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.answers import CoverageReport, QuestionType
from enhanced_prompt_service.domain.errors import NotFound
from enhanced_prompt_service.domain.events import (
    Coverage,
    Event,
    GroupBy,
    GroupRow,
    Order,
    Selection,
    Totals,
)
from enhanced_prompt_service.domain.stores import EventReader
from enhanced_prompt_service.domain.times import Interval

from .evidence import MOST_EVIDENCE, as_evidence, has_all_words, spread
from .index import Index
from .intents import Aspect
from .query import NO_TOTALS, Findings, Query
from .recorded import measure, nearest, stretches

MOST_WORDS = 6  # unknown words that are looked up one by one
PAGE = 24  # events of each end that evidence is chosen from
NEAR = timedelta(days=7)  # how far around an uncovered window footage is looked for


@dataclass(slots=True)
class _Work:
    """Findings in the making."""

    totals: Totals = NO_TOTALS
    other_totals: Totals | None = None
    groups: dict[tuple[GroupBy, ...], tuple[GroupRow, ...]] = field(
        default_factory=dict[tuple[GroupBy, ...], tuple[GroupRow, ...]]
    )
    events: list[Event] = field(default_factory=list[Event])
    first: Event | None = None
    last: Event | None = None
    longest: Event | None = None
    ongoing: int = 0
    ongoing_events: list[Event] = field(default_factory=list[Event])
    coverage: CoverageReport | None = None
    other_coverage: CoverageReport | None = None
    by_camera: Mapping[str, float] = field(default_factory=dict[str, float])
    elsewhere: tuple[Interval, ...] = ()
    known: Mapping[str, Interval] = field(default_factory=dict[str, Interval])
    states: Mapping[str, Coverage] = field(default_factory=dict[str, Coverage])
    missing: tuple[str, ...] = ()
    loose: bool = False


def retrieve(query: Query, reader: EventReader) -> Findings:
    """Everything that the answer to a query rests on."""
    index = query.known_index
    asked = asked_cameras(query, index)
    work = _Work()
    if query.question_type is QuestionType.HEALTH:
        _health(query, reader, work, asked, index)
    elif query.aspect is Aspect.ONE_EVENT:
        _one_event(query, reader, work)
    elif query.question_type is QuestionType.PREDICTION:
        pass  # what has not come yet is in no store
    elif query.question_type is QuestionType.ANOMALY:
        _coverage(query, reader, work, asked, index)
    elif not query.nothing:
        _events(query, reader, work)
        if query.windows:
            _coverage(query, reader, work, asked, index)
    evidence = tuple(as_evidence(one, index) for one in work.events)
    return Findings(
        totals=work.totals,
        other_totals=work.other_totals,
        groups=work.groups,
        evidence=evidence,
        first=None if work.first is None else as_evidence(work.first, index),
        last=None if work.last is None else as_evidence(work.last, index),
        longest=None if work.longest is None else as_evidence(work.longest, index),
        ongoing=work.ongoing,
        ongoing_evidence=tuple(as_evidence(one, index) for one in work.ongoing_events),
        coverage=work.coverage,
        other_coverage=work.other_coverage,
        recorded_by_camera=work.by_camera,
        asked_cameras=asked,
        known=work.known,
        elsewhere=work.elsewhere,
        states=work.states,
        missing_words=work.missing,
        loose=work.loose,
        confidences=tuple(one.confidence for one in work.events),
    )


def asked_cameras(query: Query, index: Index) -> dict[str, str]:
    """The cameras that a query is about, with their sites."""
    every = index.cameras_of(query.sites)
    if query.cameras is not None:
        return {one: every.get(one, _site_of(one, index)) for one in sorted(query.cameras)}
    if query.zones:
        seeing = {
            camera.camera_id: site.site_id
            for site in index.catalogue.sites
            for camera in site.cameras
            if query.zones.intersection(camera.zones) and camera.camera_id in every
        }
        return seeing or every
    return every


def _site_of(camera: str, index: Index) -> str:
    found = index.camera(camera)
    return found[0].site_id if found is not None else ""


# ---- events -------------------------------------------------------------------------------------


def _events(query: Query, reader: EventReader, work: _Work) -> None:
    selection = query.selection()
    if query.unsure_words:
        work.missing = _missing(query, reader)
        if work.missing:
            return
    work.totals = reader.totals(selection)
    if query.other is not None:
        work.other_totals = reader.totals(replace(selection, windows=(query.other,)))
    if _only_loosely(query, reader, work, selection):
        work.loose, work.totals = True, NO_TOTALS
        return
    match query.question_type:
        case QuestionType.WHEN:
            _edges(query, reader, work, selection)
        case QuestionType.DWELL:
            _dwell(query, reader, work, selection)
        case QuestionType.RANK | QuestionType.TREND | QuestionType.COMPARE:
            _grouped(query, reader, work, selection)
        case _:
            _listing(query, reader, work, selection)


def _missing(query: Query, reader: EventReader) -> tuple[str, ...]:
    """Words that were searched for and occur in no event, whenever."""
    return tuple(
        word
        for word in query.unsure_words[:MOST_WORDS]
        if not reader.page(Selection(text=word, as_of=query.now), page_size=1).items
    )


def _only_loosely(query: Query, reader: EventReader, work: _Work, selection: Selection) -> bool:
    """Whether no event has all words of the text: the store falls back to events with any of
    them, and a count must not."""
    words = query.text.split()
    if not work.totals.matches or len(words) < 2:
        return False
    best = reader.page(selection, order=Order.BEST_MATCH, page_size=1).items
    return not (best and has_all_words(best[0], words))


def _listing(query: Query, reader: EventReader, work: _Work, selection: Selection) -> None:
    if not work.totals.matches:
        _ongoing(query, reader, work)
        return
    newest = reader.page(selection, order=Order.NEWEST, page_size=PAGE).items
    oldest = newest
    keys = (GroupBy.CAMERA, GroupBy.EVENT_TYPE)
    if work.totals.matches > len(newest):
        oldest = reader.page(selection, order=Order.OLDEST, page_size=PAGE).items
        work.groups[keys] = tuple(reader.grouped(selection, keys))
    else:
        work.groups[keys] = _counted(newest)
    if query.question_type is QuestionType.RECURRING:
        work.groups[GroupBy.LOCAL_HOUR,] = tuple(reader.grouped(selection, (GroupBy.LOCAL_HOUR,)))
    work.first, work.last = _at_edges(oldest, newest)
    size = min(query.limit or MOST_EVIDENCE, 50)
    if query.question_type is QuestionType.SEARCH and query.text:
        work.events = list(reader.page(selection, order=Order.BEST_MATCH, page_size=size).items)
    elif size > PAGE:
        work.events = list(reader.page(selection, order=Order.NEWEST, page_size=size).items)
    elif query.limit or query.question_type is QuestionType.SEARCH:
        work.events = list(newest[:size])
    else:
        work.events = spread([*newest, *oldest])
    _ongoing(query, reader, work)


def _counted(events: tuple[Event, ...]) -> tuple[GroupRow, ...]:
    """Counts by camera and type of events that are all there."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for one in events:
        key = (one.camera_id, one.event_type)
        matches, participants = found.get(key, (0, 0))
        found[key] = (matches + 1, participants + one.participants)
    rows = [GroupRow(keys, *counts) for keys, counts in found.items()]
    return tuple(sorted(rows, key=lambda row: (-row.matches, row.keys)))


def _at_edges(
    oldest: tuple[Event, ...], newest: tuple[Event, ...]
) -> tuple[Event | None, Event | None]:
    """The first and the last event; ties by camera id, then event id."""
    if not oldest or not newest:
        return None, None
    first = min(oldest, key=lambda one: (one.start_time, one.camera_id, one.event_id))
    latest = max(one.start_time for one in newest)
    last = min(
        (one for one in newest if one.start_time == latest),
        key=lambda one: (one.camera_id, one.event_id),
    )
    return first, last


def _ongoing(query: Query, reader: EventReader, work: _Work) -> None:
    if query.question_type not in (QuestionType.EXISTENCE, QuestionType.MOMENT):
        return
    before = query.ongoing()
    if before is None:
        return
    work.ongoing = reader.totals(before).matches
    if work.ongoing:
        page = reader.page(before, order=Order.NEWEST, page_size=3).items
        shown = {one.event_id for one in work.events}
        work.ongoing_events = [one for one in page if one.event_id not in shown]
        if not work.events:
            work.events = list(work.ongoing_events)


def _edges(query: Query, reader: EventReader, work: _Work, selection: Selection) -> None:
    if not work.totals.matches:
        return
    few = 4
    oldest = reader.page(selection, order=Order.OLDEST, page_size=few).items
    newest = reader.page(selection, order=Order.NEWEST, page_size=few).items
    work.first, work.last = _at_edges(oldest, newest)
    if query.aspect is Aspect.FIRST:
        work.events = list(oldest)
    elif query.aspect is Aspect.LAST:
        work.events = list(newest)
    else:
        work.events = spread([*oldest, *newest])


def _dwell(query: Query, reader: EventReader, work: _Work, selection: Selection) -> None:
    if not work.totals.matches:
        _ongoing(query, reader, work)
        return
    page = reader.page(selection, order=Order.LONGEST, page_size=MOST_EVIDENCE).items
    work.events = list(page)
    work.longest = page[0] if page and page[0].end_time is not None else None


def _grouped(query: Query, reader: EventReader, work: _Work, selection: Selection) -> None:
    key = query.group_by
    if key is not None and work.totals.matches:
        work.groups[(key,)] = tuple(reader.grouped(selection, (key,)))
    if work.totals.matches:
        newest = reader.page(selection, order=Order.NEWEST, page_size=PAGE).items
        work.events = spread(newest, 5)


def _one_event(query: Query, reader: EventReader, work: _Work) -> None:
    try:
        event = reader.get(query.event_id)
    except NotFound:
        return
    work.events = [event]
    work.first = work.last = event
    work.totals = Totals(
        matches=1,
        participants=event.participants,
        mean_confidence=event.confidence,
        first_start=event.start_time,
        last_start=event.start_time,
    )


# ---- coverage -----------------------------------------------------------------------------------


def _coverage(
    query: Query,
    reader: EventReader,
    work: _Work,
    asked: Mapping[str, str],
    index: Index,
) -> None:
    window = query.time_range
    assert window is not None
    work.known = reader.coverage_known()
    zones = index.site_zones(query.cameras, query.sites)
    cameras = frozenset(asked) if len(asked) < len(index.names.cameras) else None
    spans = reader.coverage(window, cameras)
    found = measure(spans, query.windows, query.mask, asked, work.known, zones)
    work.coverage, work.by_camera = found.report, found.by_camera
    if query.other is not None:
        others = reader.coverage(query.other, cameras)
        work.other_coverage = measure(
            others, (query.other,), query.mask, asked, work.known, zones
        ).report
    if found.report.share == 0:
        work.elsewhere = _elsewhere(query, reader, work, window, cameras)


def _elsewhere(
    query: Query,
    reader: EventReader,
    work: _Work,
    window: Interval,
    cameras: frozenset[str] | None,
) -> tuple[Interval, ...]:
    """Recorded stretches nearest to a window in which nothing was recorded."""
    end = min(query.now, window.end + NEAR)
    around = Interval(window.start - NEAR, max(end, window.end))
    found = stretches(reader.coverage(around, cameras))
    if not found:
        ends = [
            one.end
            for camera, one in work.known.items()
            if (cameras is None or camera in cameras) and one.start < query.now
        ]
        if not ends:
            return ()
        last = min(max(ends), query.now)
        found = stretches(reader.coverage(Interval(last - timedelta(days=1), last), cameras))
    return nearest([one for one in found if one.start < query.now], window)


# ---- the cameras themselves ---------------------------------------------------------------------


def _health(
    query: Query,
    reader: EventReader,
    work: _Work,
    asked: Mapping[str, str],
    index: Index,
) -> None:
    work.known = reader.coverage_known()
    if query.aspect is Aspect.STATES or query.aspect is Aspect.CAMERAS:
        work.states = reader.camera_states(state_time(query))
    if query.aspect is Aspect.RECORDED:
        if query.windows:
            _coverage(query, reader, work, asked, index)
        else:
            cameras = frozenset(asked)
            recent = Interval(query.now - NEAR, query.now)
            work.elsewhere = tuple(stretches(reader.coverage(recent, cameras))[-8:])


def state_time(query: Query) -> datetime:
    """When the cameras' states are asked for: a moment that was named, else now."""
    return query.moment if query.moment is not None and query.moment < query.now else query.now


def recording(state: Coverage | None, now: datetime) -> bool:
    """Whether a camera's newest report says that it records now."""
    return state is not None and state.state.value == "recording" and state.end_time > now
