"""Standing questions: which events are hits, once each, and what is told of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.catalogue import Camera, Catalogue, Site, Zone
from enhanced_prompt_service.domain.clock import FixedClock
from enhanced_prompt_service.domain.events import Event, Selection
from enhanced_prompt_service.domain.identity import Caller, Role
from enhanced_prompt_service.domain.insights import InsightFilter, Revision, Severity
from enhanced_prompt_service.domain.standing import Progress, Rule, StandingQuestion
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.insights.standing import Step, look, windows
from enhanced_prompt_service.insights.standing_loop import StandingLoop, StandingParts, anybody
from enhanced_prompt_service.storage import Stores

ME = Caller()
REAL = datetime(2030, 1, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVENING = datetime(2018, 3, 16, 3, 0, tzinfo=UTC)  # 23:00 of the 15th in New York
NOON = datetime(2018, 3, 15, 16, 0, tzinfo=UTC)
NIGHT = RecurringMask((DailyRange(22 * 60, 6 * 60),))
ALWAYS = RecurringMask((), frozenset(range(1, 8)))
NEARLY_ALWAYS = RecurringMask((DailyRange(0, 12 * 60), DailyRange(12 * 60, 24 * 60)))
SITE = Site(
    "school",
    "America/New_York",
    cameras=(Camera("G330", "Gate"), Camera("G331")),
    zones=(Zone("yard", restricted=(NIGHT,)),),
)
CATALOGUE = Catalogue((SITE,), "1")


def question(
    since: datetime = EVENING, mask: RecurringMask | None = NIGHT, **fields: object
) -> StandingQuestion:
    rule = Rule(Selection(event_types=frozenset({"enters"})), "America/New_York", mask)
    return StandingQuestion(
        **{  # type: ignore[arg-type]
            "standing_question_id": "q",
            "query": "tell me when anyone enters",
            "owner": ME,
            "rule": rule,
            "progress": Progress.beginning(since),
            **fields,
        }
    )


def event(at: datetime, name: str = "", **fields: object) -> Event:
    found = {"event_id": name or f"e{at:%H%M%S}", "start_time": at, "site": "school"}
    return Event(**{**found, "camera_id": "G330", "event_type": "enters", **fields})  # type: ignore[arg-type]


def step(asked: StandingQuestion, events: Sequence[Event], now: datetime) -> Step:
    return look(asked, events, now, CATALOGUE)


# ---- pure ---------------------------------------------------------------------------------------


def test_it_looks_back_ten_minutes_and_never_before_it_was_made() -> None:
    asked = question()
    soon = EVENING + 5 * MINUTE
    assert windows(asked.rule, asked.progress, soon) == (Interval(EVENING, soon),)
    later = replace(asked.progress, position=EVENING + HOUR)
    now = EVENING + HOUR + MINUTE
    assert windows(asked.rule, later, now) == (Interval(EVENING + 50 * MINUTE, now),)


def test_outside_of_its_times_there_is_nothing_to_look_at() -> None:
    asked = question(NOON)
    assert windows(asked.rule, asked.progress, NOON + HOUR) == ()


def test_a_clock_that_was_set_back_says_nothing() -> None:
    asked = question()
    assert windows(asked.rule, asked.progress, EVENING - HOUR) == ()


def test_after_a_long_pause_it_goes_on_with_the_last_day() -> None:
    asked = question(mask=None)
    now = EVENING + timedelta(days=30)
    (found,) = windows(asked.rule, asked.progress, now)
    assert found.start == now - timedelta(hours=24)


def test_hits_of_a_night_are_one_insight_that_grows() -> None:
    asked = question()
    first = step(asked, [event(EVENING + MINUTE)], EVENING + 2 * MINUTE)
    assert first.begun == 1
    asked = replace(asked, progress=first.progress)
    more = [event(EVENING + MINUTE), event(EVENING + 90 * MINUTE, camera_id="G331")]
    second = step(asked, more, EVENING + 91 * MINUTE)
    assert second.begun == 0
    assert second.last_hit == EVENING + 90 * MINUTE
    (one,), (two,) = first.drafts, second.drafts
    assert one.dedupe_key == two.dedupe_key
    assert (one.event_count, two.event_count) == (1, 2)
    assert two.cameras == ("G330", "G331")
    assert [piece.event_id for piece in two.evidence] == [more[1].event_id]
    assert two.title == "Gate, G331: tell me when anyone enters"
    assert "2 times, from 23:01:00 to 00:30:00 (America/New_York)" in two.message
    assert two.standing_question_id == "q"
    assert two.severity is Severity.MEDIUM


def test_the_next_night_is_another_insight() -> None:
    first = step(question(), [event(EVENING + MINUTE)], EVENING + 2 * MINUTE)
    asked = question(progress=first.progress)
    next_night = EVENING + timedelta(days=1)
    second = step(asked, [event(next_night)], next_night + MINUTE)
    assert second.begun == 1
    assert first.drafts[0].dedupe_key != second.drafts[0].dedupe_key
    assert len(second.progress.spells) == 1
    assert list(second.progress.seen) == [event(next_night).event_id]


@pytest.mark.parametrize(
    "mask", [None, ALWAYS, NEARLY_ALWAYS], ids=["always", "whole days", "day after day"]
)
def test_without_times_of_the_day_each_hour_is_an_insight(mask: RecurringMask | None) -> None:
    asked = question(mask=mask)
    hits = [event(EVENING + MINUTE), event(EVENING + 59 * MINUTE), event(EVENING + HOUR)]
    found = step(asked, hits, EVENING + 2 * HOUR)
    assert [one.event_count for one in found.drafts] == [2, 1]


def test_the_order_in_which_events_are_read_changes_nothing() -> None:
    hits = [event(EVENING + number * MINUTE) for number in range(5)]
    now = EVENING + HOUR
    assert step(question(), hits, now) == step(question(), hits[::-1], now)


def test_a_restricted_zone_makes_it_more_urgent() -> None:
    inside = step(question(), [event(EVENING + MINUTE, zones=("yard",))], EVENING + HOUR)
    outside = step(question(), [event(EVENING + MINUTE)], EVENING + HOUR)
    assert inside.drafts[0].restricted
    assert not outside.drafts[0].restricted


# ---- the loop, over real databases --------------------------------------------------------------


class Running:
    """A loop whose site clock is set by hand."""

    def __init__(
        self,
        stores: Stores,
        at: datetime = EVENING,
        holder: str = "one",
        may_keep: Callable[[Caller], Awaitable[bool]] = anybody,
    ) -> None:
        self.clock = FixedClock(at)
        self.errors: list[Exception] = []

        async def never(_: float) -> None:
            raise AssertionError("nobody waits here")

        self.loop = StandingLoop(
            StandingParts(
                stores.standing,
                stores.insights,
                stores.fences,
                stores.events,
                stores.catalogue,
                now=lambda: REAL,
                site_now=self.clock.now,
                sleep=never,
                report=self.errors.append,
                may_keep=may_keep,
            ),
            holder,
        )

    async def at(self, at: datetime) -> None:
        self.clock.at = at
        await self.loop.round()
        assert self.errors == []


async def log(stores: Stores) -> list[Revision]:
    return list((await stores.insights.after(ME, 0, 1_000)).revisions)


async def test_an_event_at_night_is_told_and_one_at_noon_is_not(stores: Stores) -> None:
    await stores.catalogue.put_site(ME, SITE)
    await stores.standing.create(question(NOON - HOUR), now=REAL)
    running = Running(stores)
    await stores.events.ingest(ME, [event(NOON)])
    await running.at(NOON + MINUTE)
    assert await log(stores) == []
    await running.at(EVENING)
    await stores.events.ingest(ME, [event(EVENING + 10 * MINUTE)])
    await running.at(EVENING + 11 * MINUTE)
    (told,) = await log(stores)
    assert told.insight.content.priority == 3
    kept = await stores.standing.get(ME, "q")
    assert (kept.hits, kept.last_hit) == (1, EVENING + 10 * MINUTE)


async def test_a_restart_repeats_nothing_and_goes_on(stores: Stores) -> None:
    await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])
    await Running(stores).at(EVENING + 2 * MINUTE)
    before = await log(stores)
    again = Running(stores)
    await again.at(EVENING + 3 * MINUTE)
    await again.at(EVENING + 8 * MINUTE)
    assert await log(stores) == before
    await stores.events.ingest(ME, [event(EVENING + 9 * MINUTE)])
    await again.at(EVENING + 10 * MINUTE)
    assert [one.insight.content.event_count for one in await log(stores)] == [1, 2]


async def test_a_crash_between_telling_and_keeping_tells_nothing_twice(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])

    async def crash(*_: object, **__: object) -> bool:
        raise RuntimeError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(stores.standing, "advance", crash)
        broken = Running(stores, EVENING + 2 * MINUTE)
        await broken.loop.round()
        assert [str(one) for one in broken.errors] == ["gone"]
    before = await log(stores)
    assert len(before) == 1
    await Running(stores).at(EVENING + 3 * MINUTE)
    assert await log(stores) == before
    assert (await stores.standing.get(ME, "q")).hits == 1


async def test_a_late_event_is_told_and_an_imported_history_is_not(stores: Stores) -> None:
    await stores.standing.create(question(EVENING - 2 * HOUR, mask=None), now=REAL)
    running = Running(stores)
    await running.at(EVENING)
    history = [event(EVENING - 11 * MINUTE - n * MINUTE, f"old{n}") for n in range(60)]
    await stores.events.ingest(ME, [*history, event(EVENING - 9 * MINUTE, "late")])
    await running.at(EVENING + timedelta(seconds=2))
    (told,) = await log(stores)
    assert [one.event_id for one in told.insight.content.evidence] == ["late"]


async def test_an_event_of_the_future_is_told_in_its_time(stores: Stores) -> None:
    await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + HOUR)])
    running = Running(stores)
    await running.at(EVENING + MINUTE)
    assert await log(stores) == []
    await running.at(EVENING + HOUR + MINUTE)
    assert len(await log(stores)) == 1


async def test_a_changed_event_is_told_once(stores: Stores) -> None:
    await stores.standing.create(question(), now=REAL)
    running = Running(stores)
    going_on = event(EVENING + MINUTE)
    await stores.events.ingest(ME, [going_on])
    await running.at(EVENING + 2 * MINUTE)
    await stores.events.ingest(ME, [replace(going_on, end_time=EVENING + 3 * MINUTE)])
    await running.at(EVENING + 4 * MINUTE)
    assert len(await log(stores)) == 1


async def test_a_paused_question_tells_nothing(stores: Stores) -> None:
    await stores.standing.create(question(paused=True), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])
    await Running(stores).at(EVENING + 2 * MINUTE)
    assert await log(stores) == []


async def test_a_question_whose_owner_withdrew_consent_rests_until_it_is_given_again(
    stores: Stores,
) -> None:
    consented = False

    async def may_keep(owner: Caller) -> bool:
        assert owner.user == ME.user
        return consented

    made = await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])
    running = Running(stores, may_keep=may_keep)
    await running.at(EVENING + 2 * MINUTE)
    assert await log(stores) == []
    assert await stores.standing.get(ME, "q") == made
    consented = True
    await running.at(EVENING + 3 * MINUTE)
    assert len(await log(stores)) == 1


async def test_what_is_paused_or_deleted_while_it_is_looked_at_tells_nothing(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])

    async def stale() -> list[StandingQuestion]:
        return [made]

    monkeypatch.setattr(stores.standing, "active", stale)
    await stores.standing.update(ME, "q", lambda one: replace(one, paused=True))
    await Running(stores).at(EVENING + 2 * MINUTE)
    await stores.standing.delete(ME, "q")
    await Running(stores).at(EVENING + 3 * MINUTE)
    assert await log(stores) == []


async def test_its_owner_is_told_only_of_cameras_that_they_may_see(stores: Stores) -> None:
    owner = Caller(ME.tenant, "guard", role=Role.OPERATOR, cameras=frozenset({"G331"}))
    await stores.standing.create(question(owner=owner), now=REAL)
    hidden, seen = event(EVENING + MINUTE), event(EVENING + 2 * MINUTE, camera_id="G331")
    await stores.events.ingest(ME, [hidden, seen])
    await Running(stores).at(EVENING + 3 * MINUTE)
    (told,) = await log(stores)
    assert told.insight.content.cameras == ("G331",)
    assert told.insight.content.event_count == 1
    mine = InsightFilter().within(owner)
    assert len((await stores.insights.page(owner, mine, now=REAL)).items) == 1


async def test_another_tenants_events_are_no_hits(stores: Stores) -> None:
    await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(Caller("other", "x"), [event(EVENING + MINUTE)])
    await Running(stores).at(EVENING + 2 * MINUTE)
    assert await log(stores) == []


async def test_only_the_replica_with_the_lease_looks(stores: Stores) -> None:
    await stores.standing.create(question(), now=REAL)
    await stores.events.ingest(ME, [event(EVENING + MINUTE)])
    first, second = Running(stores), Running(stores, holder="two")
    await first.at(EVENING)
    await second.at(EVENING + 2 * MINUTE)
    assert await log(stores) == []
    await first.at(EVENING + 2 * MINUTE)
    assert len(await log(stores)) == 1
