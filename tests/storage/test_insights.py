"""The store of insights on both databases: what is published, changed, listed and removed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.errors import Conflict, NotFound, OutOfRange, Reason
from enhanced_prompt_service.domain.fences import FenceLost
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.insights import (
    BaselinePoint,
    Change,
    ExpectedInterval,
    Insight,
    InsightDraft,
    InsightFilter,
    InsightStatus,
    InsightType,
    LogEnds,
    Published,
    Revision,
    Severity,
    Verdict,
    settled,
)
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.storage import Stores

from .makers import ME, NOON, at

OTHER_USER = Caller(ME.tenant, "other")
STRANGER = Caller("other", ME.user)
ANY = InsightFilter()


def draft(key: str = "spike:G1", **fields: Any) -> InsightDraft:
    """Something at camera G1 of the school, in the hour after noon."""
    return InsightDraft(
        **{
            "type": InsightType.ACTIVITY_SPIKE,
            "severity": Severity.MEDIUM,
            "title": "More than usual",
            "message": "42 where 10 are usual.",
            "window": Interval(at(0), at(60)),
            "dedupe_key": key,
            "cameras": ("G1",),
            "sites": ("school",),
            **fields,
        }
    )


async def published(
    stores: Stores, one: InsightDraft | None = None, minutes: float = 0, **fields: Any
) -> Published:
    return await stores.insights.publish(
        fields.pop("caller", ME), one or draft(), now=at(minutes), **fields
    )


async def log(stores: Stores, caller: Caller = ME) -> list[Revision]:
    return [*(await stores.insights.after(caller, 0, 100)).revisions]


async def listed(stores: Stores, chosen: InsightFilter = ANY, **fields: Any) -> list[str]:
    page = await stores.insights.page(ME, chosen, **{"now": at(0), **fields})
    return [one.content.dedupe_key for one in page.items]


# ---- publishing ---------------------------------------------------------------------------------


async def test_everything_that_a_draft_says_comes_back(stores: Stores) -> None:
    given = draft(
        priority=4,
        observed=42.5,
        expected=0.0,
        interval=ExpectedInterval(3.0, 17.25, 0.9),
        unit="events",
        score=-1e15,
        analysis_period="Thursday, 12:00 to 13:00",
        zones=("dock",),
        event_count=42,
        evidence=(
            Evidence("e1", NOON, "G1", "person_walks", 0.5, "a person\x00 walks", clip_url="u"),
        ),
        suggested_actions=("Look at G1.",),
        related=("insight_x",),
        baseline=(
            BaselinePoint(at(0), 1.0, 2.0, ExpectedInterval(0, 4, 0.9)),
            BaselinePoint(at(15)),
        ),
        expires_at=at(600),
        standing_question_id="q1",
        restricted=True,
        metadata={"detector": "spike", "nested": {"c": [1, None, "x"]}},
    )
    found = await published(stores, given)
    assert found.insight == Insight(
        found.insight.insight_id,
        settled(given, repeated=False),
        InsightStatus.OPEN,
        1,
        at(0),
        at(0),
    )
    assert (found.merged, found.position) == (False, 1)
    assert await stores.insights.get(ME, found.insight.insight_id, now=at(0)) == found.insight
    assert await log(stores) == [Revision(1, Change.CREATED, found.insight)]


async def test_the_same_key_grows_the_unresolved_insight(stores: Stores) -> None:
    first = await published(stores)
    second = await published(stores, draft(window=Interval(at(60), at(75)), cameras=("G2",)), 1)
    assert second.merged
    assert second.insight.insight_id == first.insight.insight_id
    assert second.insight.revision == 2
    assert second.insight.content.window == Interval(at(0), at(75))
    assert second.insight.content.cameras == ("G1", "G2")
    assert [one.change for one in await log(stores)] == [Change.CREATED, Change.GREW]


async def test_a_draft_that_says_nothing_new_writes_nothing(stores: Stores) -> None:
    first = await published(stores)
    again = await published(stores, minutes=1)
    assert again == Published(first.insight, merged=True, position=None)
    assert len(await log(stores)) == 1


async def test_an_acknowledged_insight_grows_and_stays_acknowledged(stores: Stores) -> None:
    first = await published(stores)
    ids = [first.insight.insight_id]
    await stores.insights.acknowledge(ME, ids, verdict=Verdict.USEFUL, note="", now=at(1))
    second = await published(stores, draft(severity=Severity.HIGH), 2)
    assert second.merged
    assert second.insight.status is InsightStatus.ACKNOWLEDGED


async def test_after_it_was_resolved_the_key_begins_anew_and_less_urgent(stores: Stores) -> None:
    first = await published(stores)
    resolved = await stores.insights.resolve(ME, "spike:G1", now=at(5))
    assert resolved is not None
    assert (resolved.status, resolved.revision) == (InsightStatus.RESOLVED, 2)
    assert await stores.insights.resolve(ME, "spike:G1", now=at(6)) is None
    second = await published(stores, draft(window=Interval(at(120), at(180))), 7)
    assert second.insight.insight_id != first.insight.insight_id
    assert (first.insight.content.priority, second.insight.content.priority) == (3, 2)
    late = draft(window=Interval(at(60 * 48), at(60 * 49)))
    await stores.insights.resolve(ME, "spike:G1", now=at(8))
    assert (await published(stores, late, 9)).insight.content.priority == 3


async def test_publishers_of_one_key_at_the_same_time_make_one_insight(stores: Stores) -> None:
    drafts = [draft(cameras=(f"C{n}",)) for n in range(8)]
    async with asyncio.TaskGroup() as tasks:
        for one in drafts:
            tasks.create_task(published(stores, one))
    found = await log(stores)
    assert len({one.insight.insight_id for one in found}) == 1
    assert [one.insight.revision for one in found] == list(range(1, 9))
    assert {*found[-1].insight.content.cameras} == {f"C{n}" for n in range(8)}


async def test_a_request_id_gives_the_same_insight_again(stores: Stores) -> None:
    given: dict[str, Any] = {"request_id": "r1", "request_hash": "h"}
    first = await published(stores, **given)
    again = await published(stores, draft(severity=Severity.CRITICAL), 1, **given)
    assert again.insight == first.insight
    assert again.position is None
    with pytest.raises(Conflict) as refused:
        await published(stores, request_id="r1", request_hash="other")
    assert refused.value.reason is Reason.REQUEST_ID_REUSED
    other = await published(stores, draft("k2"), caller=OTHER_USER, **given)
    assert other.insight.insight_id != first.insight.insight_id
    later = await published(stores, draft("k3"), 60 * 25, request_id="r1", request_hash="x")
    assert not later.merged


async def test_a_detector_that_lost_its_fence_writes_nothing(stores: Stores) -> None:
    stale = await stores.fences.take("detectors", "a", -1.0)
    await stores.fences.take("detectors", "b", 60.0)
    with pytest.raises(FenceLost):
        await published(stores, fence=stale)
    with pytest.raises(FenceLost):
        await stores.insights.resolve(ME, "spike:G1", now=at(0), fence=stale)
    assert await log(stores) == []


# ---- operators ----------------------------------------------------------------------------------


async def test_a_note_says_who_and_when_and_a_later_one_replaces_it(stores: Stores) -> None:
    ids = [(await published(stores, draft(key))).insight.insight_id for key in ("a", "b")]
    noted = await stores.insights.acknowledge(
        ME, [ids[1], ids[0]], verdict=Verdict.FALSE_ALARM, note="a fox", now=at(1)
    )
    assert [one.insight_id for one in noted] == [ids[1], ids[0]]
    assert all(one.status is InsightStatus.ACKNOWLEDGED for one in noted)
    note = (await stores.insights.get(ME, ids[0], now=at(1))).acknowledgement
    assert note is not None
    assert (note.user, note.at, note.verdict, note.note) == (
        ME.user,
        at(1),
        Verdict.FALSE_ALARM,
        "a fox",
    )
    replaced = await stores.insights.acknowledge(
        OTHER_USER, ids[:1], verdict=Verdict.USEFUL, note="", now=at(2)
    )
    assert replaced[0].acknowledgement is not None
    assert replaced[0].acknowledgement.user == OTHER_USER.user
    assert [one.change for one in await log(stores)][2:] == [Change.ACKNOWLEDGED] * 3


async def test_the_same_note_again_changes_nothing(stores: Stores) -> None:
    ids = [(await published(stores)).insight.insight_id]
    for minute in (1, 2):
        await stores.insights.acknowledge(ME, ids, verdict=Verdict.NONE, note="x", now=at(minute))
    assert len(await log(stores)) == 2


async def test_notes_are_taken_all_or_none(stores: Stores) -> None:
    ids = [(await published(stores)).insight.insight_id, "insight_none"]
    with pytest.raises(NotFound) as refused:
        await stores.insights.acknowledge(ME, ids, verdict=Verdict.NONE, note="", now=at(1))
    assert refused.value.reason is Reason.INSIGHT_NOT_FOUND
    assert len(await log(stores)) == 1


async def test_a_muted_key_leaves_lists_until_its_time_or_until_it_is_lifted(
    stores: Stores,
) -> None:
    await published(stores)
    muted = await stores.insights.mute(ME, "spike:G1", until=at(10), note="works", now=at(1))
    assert (muted.until, muted.insights) == (at(10), 1)
    assert await listed(stores, now=at(2)) == []
    assert await listed(stores, InsightFilter(include_muted=True), now=at(2)) == ["spike:G1"]
    assert await listed(stores, now=at(10)) == ["spike:G1"]
    lifted = await stores.insights.mute(ME, "spike:G1", until=None, note="", now=at(3))
    assert lifted.until is None
    assert await listed(stores, now=at(3)) == ["spike:G1"]
    assert [(one.change, one.muted) for one in await log(stores)] == [
        (Change.CREATED, False),
        (Change.MUTED, True),
        (Change.MUTED, False),
    ]


async def test_what_is_published_under_a_mute_is_kept_and_marked(stores: Stores) -> None:
    assert (await stores.insights.mute(ME, "k", until=at(10), note="", now=at(0))).insights == 0
    found = await published(stores, draft("k"), 1)
    assert found.insight.muted_until == at(10)
    grew = await published(stores, draft("k", severity=Severity.HIGH), 11)
    assert grew.insight.muted_until is None
    assert [one.muted for one in await log(stores)] == [True, False]


# ---- first appearances --------------------------------------------------------------------------


def firsts(revisions: list[Revision], chosen: InsightFilter) -> list[int]:
    """By what each entry says of itself."""
    return [one.position for one in revisions if chosen.passes(one) and chosen.first(one)]


def truly_first(revisions: list[Revision], chosen: InsightFilter) -> list[int]:
    """By remembering everything."""
    told: set[str] = set()
    found: list[int] = []
    for one in revisions:
        if chosen.passes(one) and one.insight.insight_id not in told:
            told.add(one.insight.insight_id)
            found.append(one.position)
    return found


async def test_an_entry_alone_tells_whether_it_is_the_first_that_a_filter_lets_through(
    stores: Stores,
) -> None:
    await published(stores, draft(severity=Severity.LOW))
    await published(stores, draft(severity=Severity.HIGH), 1)
    await stores.insights.mute(ME, "spike:G1", until=at(60), note="", now=at(2))
    await published(stores, draft(cameras=("G2",), sites=("depot",)), 3)
    await stores.insights.mute(ME, "spike:G1", until=None, note="", now=at(4))
    await stores.insights.mute(ME, "late", until=at(60), note="", now=at(5))
    await published(stores, draft("late", severity=Severity.LOW), 6)
    await published(stores, draft("late", severity=Severity.CRITICAL), 61)
    await published(stores, draft("late", cameras=("G3",)), 62)
    revisions = await log(stores)
    assert len(revisions) == 8
    for severity in Severity:
        for cameras in (set[str](), {"G1"}, {"G2"}, {"G3"}, {"G2", "G3"}):
            for sites in (set[str](), {"depot"}):
                for muted in (False, True):
                    chosen = InsightFilter(
                        min_severity=severity,
                        cameras=frozenset(cameras),
                        sites=frozenset(sites),
                        include_muted=muted,
                    )
                    assert firsts(revisions, chosen) == truly_first(revisions, chosen), chosen


# ---- lists --------------------------------------------------------------------------------------


async def test_lists_are_filtered_by_everything_that_can_be_said(stores: Stores) -> None:
    await published(stores, draft("a"))
    await published(
        stores,
        draft(
            "b",
            type=InsightType.PREDICTION,
            severity=Severity.HIGH,
            cameras=("G2", "G3"),
            sites=("depot",),
            window=Interval(at(600), at(660)),
        ),
        1,
    )
    await stores.insights.resolve(ME, "a", now=at(2))
    assert await listed(stores) == ["b", "a"]
    assert await listed(stores, InsightFilter(types=frozenset({InsightType.PREDICTION}))) == ["b"]
    assert await listed(stores, InsightFilter(min_severity=Severity.HIGH)) == ["b"]
    assert await listed(stores, InsightFilter(cameras=frozenset({"G3", "G9"}))) == ["b"]
    assert await listed(stores, InsightFilter(sites=frozenset({"school"}))) == ["a"]
    assert await listed(stores, status=InsightStatus.RESOLVED) == ["a"]
    assert await listed(stores, window=Interval(at(60), at(600))) == []
    assert await listed(stores, window=Interval(at(59), at(601))) == ["b", "a"]


async def test_pages_follow_each_other_and_say_where_the_log_stands(stores: Stores) -> None:
    for number in range(5):
        await published(stores, draft(f"k{number}"), number // 2)
    seen: list[str] = []
    token = ""
    while True:
        page = await stores.insights.page(ME, ANY, now=at(9), page_size=2, page_token=token)
        assert page.position == 5
        seen += [one.content.dedupe_key for one in page.items]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == [f"k{number}" for number in range(5)]
    assert [key in ("k0", "k1") for key in seen] == [False, False, False, True, True]


async def test_other_tenants_see_and_change_nothing(stores: Stores) -> None:
    insight_id = (await published(stores)).insight.insight_id
    with pytest.raises(NotFound):
        await stores.insights.get(STRANGER, insight_id, now=at(0))
    with pytest.raises(NotFound):
        await stores.insights.acknowledge(
            STRANGER, [insight_id], verdict=Verdict.NONE, note="", now=at(1)
        )
    assert (
        await stores.insights.mute(STRANGER, "spike:G1", until=at(9), note="", now=at(1))
    ).insights == 0
    assert await stores.insights.resolve(STRANGER, "spike:G1", now=at(1)) is None
    assert (await stores.insights.page(STRANGER, ANY, now=at(1))).items == ()
    assert await log(stores, STRANGER) == []
    assert await stores.insights.ends(STRANGER) == LogEnds(0, 0)
    assert len(await log(stores)) == 1
    assert await listed(stores) == ["spike:G1"]


LIMITED = [
    (Caller(ME.tenant, "vic", role=Role.VIEWER, cameras=frozenset({"G1", "G3"})), {"g1"}),
    (Caller(ME.tenant, "vic", role=Role.VIEWER, sites=frozenset({"school"})), {"g1", "both"}),
    (Caller(ME.tenant, "vic", role=Role.VIEWER, cameras=frozenset()), set[str]()),
    (
        Caller(
            ME.tenant,
            "vic",
            role=Role.VIEWER,
            cameras=frozenset({"G1", "G2"}),
            sites=frozenset({"school", "depot"}),
        ),
        {"g1", "both", "depot"},
    ),
]


@pytest.mark.parametrize(("viewer", "expected"), LIMITED)
async def test_who_may_see_some_cameras_sees_what_is_about_them_alone(
    stores: Stores, viewer: Caller, expected: set[str]
) -> None:
    elsewhere = Evidence("e9", NOON, "G9", "person_walks", 1.0, "a person", site="school")
    made = {
        key: (await published(stores, draft(key, **fields))).insight.insight_id
        for key, fields in {
            "g1": {},
            "both": {"cameras": ("G1", "G2")},
            "depot": {"cameras": ("G2",), "sites": ("depot",)},
            "nowhere": {"cameras": (), "sites": ()},
            "evidence": {"cameras": ("G1",), "evidence": (elsewhere,)},
        }.items()
    }
    if viewer.cameras is None:  # all cameras of the school
        expected = expected | {"evidence"}
    page = await stores.insights.page(viewer, ANY, now=at(1))
    assert {one.content.dedupe_key for one in page.items} == expected
    for key, insight_id in made.items():
        if key in expected:
            assert await stores.insights.get(viewer, insight_id, now=at(1))
            continue
        with pytest.raises(NotFound):
            await stores.insights.get(viewer, insight_id, now=at(1))
        with pytest.raises(NotFound):
            await stores.insights.acknowledge(
                viewer, [insight_id], verdict=Verdict.NONE, note="", now=at(1)
            )
    assert len(await log(stores)) == len(made)


# ---- expiry and retention -----------------------------------------------------------------------


async def test_what_no_longer_matters_is_resolved_by_the_sites_clock(stores: Stores) -> None:
    await published(stores, draft("soon", expires_at=at(100)))
    await published(stores, draft("later", expires_at=at(200)))
    await published(stores, draft("soon", expires_at=at(100)), caller=STRANGER)
    assert await stores.insights.expire(site_now=at(99), now=at(1)) == 0
    assert await stores.insights.expire(site_now=at(100), now=at(2)) == 2
    assert await stores.insights.expire(site_now=at(100), now=at(3)) == 0
    assert await listed(stores, status=InsightStatus.OPEN) == ["later"]
    assert [one.change for one in await log(stores, STRANGER)] == [Change.CREATED, Change.RESOLVED]


async def removed(stores: Stores, before: datetime, most: int = 100) -> None:
    while True:
        round_ = await stores.retention.remove_old(
            conversations_before=None,
            events_before=None,
            now=at(0),
            most=most,
            insights_before=before,
        )
        if not round_.more:
            return


@pytest.mark.parametrize("most", [1, 100])
async def test_retention_takes_the_log_from_its_beginning_and_says_so(
    stores: Stores, most: int
) -> None:
    await published(stores, draft("gone"), 0)
    await stores.insights.resolve(ME, "gone", now=at(1))
    await published(stores, draft("open"), 2)
    await published(stores, draft("new"), 10)
    await removed(stores, at(5), most)
    assert await stores.insights.ends(ME) == LogEnds(3, 4)
    assert [one.position for one in await log(stores)] == [4]
    assert await listed(stores) == ["new", "open"]  # what is not resolved stays
    assert (await published(stores, draft("open", severity=Severity.HIGH), 11)).position == 5


# ---- places in the log --------------------------------------------------------------------------


async def test_a_time_is_the_place_before_its_first_entry(stores: Stores) -> None:
    assert await stores.insights.before(ME, at(0)) == 0
    for number in range(4):
        await published(stores, draft(f"k{number}"), 10 * number)
    assert await stores.insights.before(ME, at(-1)) == 0
    assert await stores.insights.before(ME, at(10)) == 1
    assert await stores.insights.before(ME, at(10.1)) == 2
    assert await stores.insights.before(ME, at(99)) == 4
    await removed(stores, at(15))
    assert await stores.insights.before(ME, at(10.1)) == 2
    for minutes in (-1, 0, 10):
        with pytest.raises(OutOfRange):
            await stores.insights.before(ME, at(minutes))


async def test_a_named_cursor_begins_at_the_end_and_only_moves_on(stores: Stores) -> None:
    insights = stores.insights
    await published(stores, draft("a"))
    assert await insights.subscribe(ME, "pager", now=at(0)) == 1
    await published(stores, draft("b"))
    await published(stores, draft("c"))
    assert await insights.subscribe(ME, "pager", now=at(1)) == 1
    assert await insights.commit(ME, "pager", 3, now=at(2)) == 3
    assert await insights.commit(ME, "pager", 2, now=at(3)) == 3
    assert await insights.subscribe(ME, "pager", now=at(4)) == 3
    assert await insights.subscribe(OTHER_USER, "pager", now=at(5)) == 3
    assert await insights.commit(OTHER_USER, "new", 1, now=at(5)) == 1
    assert await insights.subscribe(STRANGER, "pager", now=at(5)) == 0
    with pytest.raises(OutOfRange):
        await insights.commit(ME, "pager", 4, now=at(6))


async def test_parts_of_the_log_follow_each_other(stores: Stores) -> None:
    for number in range(5):
        await published(stores, replace(draft(f"k{number}")), number)
    first = await stores.insights.after(ME, 0, 3)
    assert [one.position for one in first.revisions] == [1, 2, 3]
    assert first.ends == LogEnds(0, 5)
    rest = await stores.insights.after(ME, 3, 3)
    assert [one.position for one in rest.revisions] == [4, 5]
    assert (await stores.insights.after(ME, 5, 3)).revisions == ()


async def test_whoever_wants_to_know_hears_of_each_change(stores: Stores) -> None:
    from enhanced_prompt_service.storage.insight_store import SqlInsightStore

    heard: list[str] = []

    async def hear(tenant: str) -> None:
        # After the commit: what is told of can be read.
        assert (await stores.insights.ends(Caller(tenant))).newest == len(heard) + 1
        heard.append(tenant)

    store = SqlInsightStore(stores.database, on_change=hear)
    found = await store.publish(ME, draft(), now=at(0))
    await store.publish(ME, draft(), now=at(0))  # nothing new
    await store.mute(ME, "spike:G1", until=at(9), note="", now=at(1))
    await store.acknowledge(
        ME, [found.insight.insight_id], verdict=Verdict.NONE, note="", now=at(2)
    )
    await store.resolve(ME, "spike:G1", now=at(3))
    assert heard == [ME.tenant] * 4
