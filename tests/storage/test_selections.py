"""Every question to the events means what `model` says, on both databases."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.domain.events import Event, GroupBy, Ingested, Order, Selection
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.storage import Stores
from tests.support.require import scaled

from . import model

_tenants = itertools.count(1)
relaxed = settings(
    deadline=None,
    max_examples=scaled(1_500, 60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _store(stores: Stores, batches: list[list[Event]]) -> tuple[Caller, list[Event]]:
    """A tenant of its own with these events, stored batch by batch; what it should have then."""
    caller = Caller(tenant=f"tenant{next(_tenants)}")
    for site in model.DECLARED:
        await stores.catalogue.put_site(caller, site)
    stored: dict[str, Event] = {}
    for batch in batches:
        outcomes = await stores.events.ingest(caller, batch)
        for one, outcome in zip(batch, outcomes, strict=True):
            known = stored.get(one.event_id)
            expected = Ingested.CREATED if known is None else Ingested.UPDATED
            assert outcome is (Ingested.DUPLICATE if known == one else expected)
            stored[one.event_id] = one
    return caller, list(stored.values())


_batches = st.lists(st.lists(model.events, max_size=12), min_size=1, max_size=3)


@relaxed
@given(
    batches=_batches,
    asked=st.lists(model.selections, min_size=1, max_size=4),
    by=st.lists(st.sampled_from(GroupBy), max_size=2, unique=True),
    order=st.sampled_from([Order.OLDEST, Order.NEWEST, Order.LONGEST]),
    page_size=st.integers(1, 5),
)
async def test_totals_groups_and_pages_equal_a_plain_filter(
    stores: Stores,
    batches: list[list[Event]],
    asked: list[Selection],
    by: list[GroupBy],
    order: Order,
    page_size: int,
) -> None:
    caller, stored = await _store(stores, batches)
    for selection in asked:
        found = model.matching(stored, selection)
        await _check_totals(stores, caller, selection, found)
        rows = await stores.events.grouped(caller, selection, by)
        assert [(row.keys, row.matches, row.participants) for row in rows] == model.grouped(
            found, by
        )
        pages: list[Event] = []
        token = ""
        while True:
            page = await stores.events.page(
                caller, selection, order=order, page_size=page_size, page_token=token
            )
            assert len(page.items) <= page_size
            pages += page.items
            token = page.next_page_token
            if not token:
                break
            assert len(page.items) == page_size
        assert pages == model.ordered(found, order)


async def _check_totals(
    stores: Stores, caller: Caller, selection: Selection, found: list[Event]
) -> None:
    totals = await stores.events.totals(caller, selection)
    assert totals.matches == len(found)
    assert totals.participants == sum(one.participants for one in found)
    starts = [one.start_time for one in found]
    assert totals.first_start == min(starts, default=None)
    assert totals.last_start == max(starts, default=None)
    confidences = [one.confidence for one in found if one.confidence is not None]
    expected = sum(confidences) / len(confidences) if confidences else None
    assert totals.mean_confidence == pytest.approx(expected)
    lasted = [(one.end_time - one.start_time).total_seconds() for one in found if one.end_time]
    assert totals.mean_duration_s == pytest.approx(sum(lasted) / len(lasted) if lasted else None)
    assert totals.max_duration_s == max(lasted, default=None)


@relaxed
@given(batches=_batches)
async def test_kinds_are_those_of_the_stored_events(
    stores: Stores, batches: list[list[Event]]
) -> None:
    caller, stored = await _store(stores, batches)
    expected: dict[tuple[object, ...], list[datetime]] = {}
    for one in stored:
        kind = (one.site, one.camera_id, one.event_type, one.label, one.sub_label, one.zones)
        expected.setdefault(kind, []).append(one.start_time)
    kinds = await stores.events.kinds(caller)
    seen = {
        (k.site, k.camera_id, k.event_type, k.label, k.sub_label, k.zones): (
            k.matches,
            k.first_start,
            k.last_start,
        )
        for k in kinds
    }
    assert len(seen) == len(kinds)
    assert seen == {
        kind: (len(starts), min(starts), max(starts)) for kind, starts in expected.items()
    }


async def test_the_hour_that_a_night_repeats_counts_on_both_passes_and_a_skipped_one_never(
    stores: Stores,
) -> None:
    """Indiana 2018: 2:00 to 3:00 is skipped on March 11 and 1:00 to 2:00 repeated on November 4."""
    minute = timedelta(minutes=1)
    spring, autumn = (
        Interval(datetime(2018, 3, 11, 5, tzinfo=UTC), datetime(2018, 3, 11, 9, tzinfo=UTC)),
        Interval(datetime(2018, 11, 4, 4, tzinfo=UTC), datetime(2018, 11, 4, 8, tzinfo=UTC)),
    )
    night = [
        Event(f"{start.isoformat()}", start, "school", "G1", "person")
        for window in (spring, autumn)
        for number in range(240)
        for start in [window.start + number * minute]
    ]
    caller, _ = await _store(stores, [night])

    async def count(window: Interval, *minutes: int) -> int:
        mask = RecurringMask((DailyRange(*minutes),))
        return (await stores.events.totals(caller, Selection((window,), mask))).matches

    assert await count(autumn, 60, 120) == 120
    assert await count(autumn, 60, 90) == 60
    assert await count(spring, 120, 180) == 0
    assert await count(spring, 119, 181) == 2
    assert await count(spring, 22 * 60, 6 * 60) == 240


async def test_a_weekday_means_the_day_on_which_a_range_over_midnight_begins(
    stores: Stores,
) -> None:
    saturday_small_hours = datetime(2018, 3, 17, 7, tzinfo=UTC)  # 3:00 in Indiana
    caller, _ = await _store(stores, [[Event("a", saturday_small_hours, "school", "G1", "person")]])
    night = (DailyRange(22 * 60, 6 * 60),)
    for weekday in range(1, 8):
        mask = RecurringMask(night, frozenset({weekday}))
        totals = await stores.events.totals(caller, Selection(mask=mask))
        assert totals.matches == (1 if weekday == 5 else 0)


async def test_windows_that_the_present_cuts_away_match_nothing(stores: Stores) -> None:
    start = datetime(2018, 3, 15, 12, tzinfo=UTC)
    caller, _ = await _store(stores, [[Event("a", start, "school", "G1", "person")]])
    tomorrow = Interval(start + timedelta(days=1), start + timedelta(days=2))
    selection = Selection(windows=(tomorrow,), as_of=start + timedelta(hours=1))
    assert (await stores.events.totals(caller, selection)).matches == 0
    assert await stores.events.grouped(caller, selection, [GroupBy.CAMERA]) == []
    assert (await stores.events.page(caller, selection)).items == ()


async def test_thousands_of_windows_are_answered_like_a_few(stores: Stores) -> None:
    start = datetime(2018, 3, 15, tzinfo=UTC)
    minute = timedelta(minutes=1)
    batch = [
        Event(f"e{n}", start + n * minute, "school", f"G{n % 3}", "person", description="truck")
        for n in range(2_000)
    ]
    caller, _ = await _store(stores, [batch])
    windows = tuple(
        Interval(start + n * minute, start + (n + 1) * minute) for n in range(0, 4_000, 2)
    )
    for text in ("", "truck"):
        selection = Selection(windows=windows, text=text)
        assert (await stores.events.totals(caller, selection)).matches == 1_000
        rows = await stores.events.grouped(caller, selection, [GroupBy.CAMERA])
        assert sum(row.matches for row in rows) == 1_000
        page = await stores.events.page(caller, selection, order=Order.OLDEST, page_size=3)
        assert [one.event_id for one in page.items] == ["e0", "e2", "e4"]


async def test_a_group_limit_keeps_the_largest_groups(stores: Stores) -> None:
    start = datetime(2018, 3, 15, 12, tzinfo=UTC)
    batch = [
        Event(f"{camera}{number}", start, "school", camera, "person")
        for camera, many in (("G1", 1), ("G2", 3), ("G3", 2), ("G4", 3))
        for number in range(many)
    ]
    caller, _ = await _store(stores, [batch])
    rows = await stores.events.grouped(caller, Selection(), [GroupBy.CAMERA], limit=3)
    assert [(row.keys, row.matches) for row in rows] == [(("G2",), 3), (("G4",), 3), (("G3",), 2)]


async def test_one_snapshot_answers_like_single_questions(stores: Stores) -> None:
    start = datetime(2018, 3, 15, 12, tzinfo=UTC)
    batch = [Event(f"e{n}", start, "school", f"G{n % 3}", "person") for n in range(9)]
    caller, _ = await _store(stores, [batch])
    selection = Selection(cameras=frozenset({"G1"}))
    together = await stores.events.snapshot(
        caller,
        lambda reader: (
            reader.totals(selection),
            reader.grouped(selection, [GroupBy.CAMERA]),
            reader.page(selection, page_size=2),
            reader.get("e1"),
        ),
    )
    assert together == (
        await stores.events.totals(caller, selection),
        await stores.events.grouped(caller, selection, [GroupBy.CAMERA]),
        await stores.events.page(caller, selection, page_size=2),
        await stores.events.get(caller, "e1"),
    )
