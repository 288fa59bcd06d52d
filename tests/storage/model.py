"""What a selection means, said in plain Python: the tests hold the SQL to it.

Also the events and selections that hypothesis makes: few names, so that they meet; instants around
nights on which clocks change, in zones of whole and half hours; now and then a far year.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.events import Event, GroupBy, Order, Selection
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from tests.support.databases import ZONE

SITES = {"school": ZONE, "hafen": "Europe/Berlin", "depot": "Asia/Kolkata"}
DECLARED = tuple(Site(site, zone) for site, zone in SITES.items() if site != "school")
WORDS = ("truck", "red", "gate", "dog", "box")
"""Words that are their own stems."""
_CHANGES = (
    datetime(2018, 3, 11, 7, tzinfo=UTC),
    datetime(2018, 11, 4, 6, tzinfo=UTC),
    datetime(2018, 3, 25, 1, tzinfo=UTC),
    datetime(2018, 10, 28, 1, tzinfo=UTC),
)


def matching(stored: Sequence[Event], selection: Selection) -> list[Event]:
    """The events that a selection means."""
    found = [one for one in stored if _matches(one, selection)]
    if not selection.text.strip():
        return found
    asked = {word for word in selection.text.split() if word in WORDS}
    every = [one for one in found if asked <= _words(one)]
    return every or [one for one in found if asked & _words(one)]


def _matches(one: Event, selection: Selection) -> bool:
    duration = None if one.end_time is None else (one.end_time - one.start_time).total_seconds()
    is_type = not selection.event_types or one.event_type in selection.event_types
    is_label = not selection.labels or one.label in selection.labels
    if selection.type_or_label and selection.event_types and selection.labels:
        noun = is_type or is_label
    else:
        noun = is_type and is_label
    at = selection.ongoing_at
    return all(
        (
            not selection.windows or any(w.contains(one.start_time) for w in selection.windows),
            selection.mask is None or selection.mask.contains(local(one)),
            not selection.cameras or one.camera_id in selection.cameras,
            not selection.sites or one.site in selection.sites,
            not selection.zones or bool(selection.zones & set(one.zones)),
            noun,
            selection.min_confidence is None
            or (one.confidence is not None and one.confidence >= selection.min_confidence),
            selection.min_duration_s is None
            or (duration is not None and duration >= selection.min_duration_s),
            selection.max_duration_s is None
            or (duration is not None and duration <= selection.max_duration_s),
            at is None or (one.start_time < at and (one.end_time is None or one.end_time > at)),
            selection.as_of is None or one.start_time < selection.as_of,
        )
    )


def local(one: Event) -> datetime:
    """The event's start on its site's clock."""
    return one.start_time.astimezone(ZoneInfo(SITES[one.site]))


def _words(one: Event) -> set[str]:
    said = (one.event_type, one.label, *one.zones, one.description, *one.attributes.values())
    return {word for text in said for word in text.split()}


def keys(one: Event, by: GroupBy) -> list[str]:
    """The groups of one key that an event counts in."""
    at = local(one)
    return {
        GroupBy.CAMERA: [one.camera_id],
        GroupBy.SITE: [one.site],
        GroupBy.ZONE: sorted(set(one.zones)),
        GroupBy.EVENT_TYPE: [one.event_type],
        GroupBy.LABEL: [one.label],
        GroupBy.SUB_LABEL: [one.sub_label],
        GroupBy.LOCAL_HOUR: [f"{at.date().isoformat()}T{at.hour:02}"],
        GroupBy.LOCAL_DATE: [at.date().isoformat()],
        GroupBy.HOUR_OF_DAY: [f"{at.hour:02}"],
        GroupBy.WEEKDAY: [str(at.isoweekday())],
    }[by]


def grouped(
    found: Sequence[Event], by: Sequence[GroupBy]
) -> list[tuple[tuple[str, ...], int, int]]:
    """(keys, matches, participants) in the order that the store promises."""
    matches: Counter[tuple[str, ...]] = Counter()
    participants: Counter[tuple[str, ...]] = Counter()
    for one in found:
        groups: list[tuple[str, ...]] = [()]
        for key in by:
            groups = [(*group, value) for group in groups for value in keys(one, key)]
        for group in groups:
            matches[group] += 1
            participants[group] += one.participants
    return sorted(
        ((group, count, participants[group]) for group, count in matches.items()),
        key=lambda row: (-row[1], row[0]),
    )


def ordered(found: Sequence[Event], order: Order) -> list[Event]:
    """The events in the order of a page (BEST_MATCH only without a text)."""

    def key(one: Event) -> tuple[timedelta, str, str]:
        if order is Order.OLDEST:
            first = one.start_time - datetime(1, 1, 1, tzinfo=UTC)
        elif order is Order.LONGEST:
            first = (one.start_time - one.end_time) if one.end_time else timedelta.max
        else:
            first = datetime(1, 1, 1, tzinfo=UTC) - one.start_time
        return first, one.camera_id, one.event_id

    return sorted(found, key=key)


# ---- what hypothesis makes ----------------------------------------------------------------------

_offsets = st.one_of(
    st.integers(-3 * 86_400, 3 * 86_400).map(lambda s: timedelta(seconds=s)),
    st.integers(-72, 72).map(lambda h: timedelta(hours=h)),
    st.integers(-6 * 3_600 * 10**6, 6 * 3_600 * 10**6).map(lambda us: timedelta(microseconds=us)),
)
near = st.builds(lambda change, offset: change + offset, st.sampled_from(_CHANGES), _offsets)
far = st.datetimes(
    datetime(1, 1, 4),
    datetime(9999, 12, 28),
    timezones=st.just(UTC),
)
instants = st.one_of(near, near, near, near, near, far)
_durations = st.one_of(
    st.sampled_from([0, 1, 30 * 10**6, 60 * 10**6, 3_600 * 10**6]),
    st.integers(0, 200_000 * 10**6),
).map(lambda us: timedelta(microseconds=us))
_cameras = st.sampled_from(["G1", "G2", "G10", "Größe"])
_zones = st.sampled_from(["gate", "yard", "dock"])
_types = st.sampled_from(["person", "truck", "door"])
_labels = st.sampled_from(["", "red", "Ann"])


def _event(
    start: datetime, duration: timedelta | None, zones: list[str], words: list[str], **rest: object
) -> Event:
    end = None
    if duration is not None:
        end = min(start + duration, datetime(9999, 12, 30, tzinfo=UTC))
    return Event(
        start_time=start,
        end_time=end,
        zones=tuple(zones),
        description=" ".join(words),
        **rest,  # type: ignore[arg-type]
    )


events = st.builds(
    _event,
    start=instants,
    duration=st.none() | _durations,
    zones=st.lists(_zones, max_size=3),
    words=st.lists(st.sampled_from(WORDS), max_size=3),
    event_id=st.integers(0, 30).map(lambda number: f"e{number}"),
    site=st.sampled_from(sorted(SITES)),
    camera_id=_cameras,
    event_type=_types,
    label=_labels,
    sub_label=st.sampled_from(["", "x"]),
    confidence=st.none() | st.floats(0, 1),
    participants=st.integers(1, 3),
    attributes=st.dictionaries(st.just("colour"), st.sampled_from(WORDS)),
)
_intervals = (
    st.tuples(instants, instants)
    .filter(lambda two: two[0] != two[1])
    .map(lambda two: Interval(*sorted(two)))
)
_minutes = st.one_of(st.integers(0, 23).map(lambda hour: hour * 60), st.integers(0, 1439))
_ranges = (
    st.tuples(_minutes, _minutes.map(lambda minute: minute or 1440))
    .filter(lambda two: two[0] != two[1])
    .map(lambda two: DailyRange(*two))
)
_masks = (
    st.tuples(st.lists(_ranges, max_size=2), st.frozensets(st.integers(1, 7), max_size=3))
    .filter(lambda two: bool(two[0] or two[1]))
    .map(lambda two: RecurringMask(tuple(two[0]), two[1]))
)


def _disjoint(windows: list[Interval]) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for one in sorted(windows):
        if not found or one.start >= found[-1].end:
            found.append(one)
    return tuple(found)


def _some(of: st.SearchStrategy[str]) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.none() | st.frozensets(of, max_size=2)


selections = st.builds(
    Selection,
    windows=st.lists(_intervals, max_size=3).map(_disjoint)
    | st.lists(_intervals, min_size=8, max_size=12).map(_disjoint),
    mask=st.none() | _masks,
    cameras=_some(_cameras),
    sites=_some(st.sampled_from(sorted(SITES))),
    zones=_some(_zones),
    event_types=_some(_types),
    labels=_some(_labels),
    type_or_label=st.booleans(),
    text=st.just("") | st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(" ".join),
    min_confidence=st.none() | st.none() | st.floats(0, 1),
    min_duration_s=st.none() | st.none() | st.sampled_from([0.0, 1e-6, 30.0, 59.5]),
    max_duration_s=st.none() | st.none() | st.sampled_from([0.0, 1e-6, 30.0, 3_600.0]),
    ongoing_at=st.none() | st.none() | instants,
    as_of=st.none() | instants,
)
