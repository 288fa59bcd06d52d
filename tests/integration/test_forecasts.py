"""Asking the whole service what is to come, over nine weeks of the simulated site."""

from __future__ import annotations

import statistics
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import answers_pb2
from enhanced_prompt_service.app import App, create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.events import Selection
from enhanced_prompt_service.domain.forecasts import Forecast, ForecastAsk, TooLittleHistory
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval, instant
from enhanced_prompt_service.insights.foreseeing import foresee
from tests.eval.simulated import TIME_ZONE, WINDOW, simulation

ME = Caller()
LONDON = ZoneInfo(TIME_ZONE)
NOW = datetime(2025, 11, 3, 17, tzinfo=UTC)  # a Monday, eight weeks after the first event
DOCK = "cam-03"
_BATCH = 5_000


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[App]:
    home: Path = tmp_path_factory.mktemp("forecasts")
    settings = Settings(home=home, port=0, drain_s=0, metrics_port=None, insights=False)
    async with create_app(settings) as app:
        made = simulation()
        await app.stores.catalogue.put_site(ME, made.site())
        rest = iter(made.events(WINDOW))
        while batch := list(islice(rest, _BATCH)):
            await app.stores.events.ingest(ME, batch)
        await app.stores.events.ingest_coverage(ME, list(made.coverage(WINDOW)))
        yield app


def hours(day: datetime, start: int, end: int) -> Interval:
    """Local hours of a day."""
    first, last = (day.replace(hour=hour, tzinfo=None) for hour in (start, end))
    return Interval(instant(first, LONDON), instant(last, LONDON))


async def counts(app: App, day: datetime, start: int, end: int, camera: str) -> list[int]:
    """What the same hours of the same weekday brought in the eight weeks before."""
    return [
        (
            await app.stores.events.totals(
                ME,
                Selection(
                    windows=(hours(day - timedelta(weeks=week), start, end),),
                    cameras=frozenset({camera}),
                ),
            )
        ).matches
        for week in range(1, 9)
    ]


def asking(window: Interval, now: datetime, *cameras: str) -> ForecastAsk:
    site = simulation().site()
    chosen = {one.camera_id: site.site_id for one in site.cameras}
    if cameras:
        chosen = dict.fromkeys(cameras, site.site_id)
    selection = Selection(cameras=frozenset(cameras) or None, as_of=now)
    return ForecastAsk(selection, (window,), chosen, {site.site_id: LONDON}, now)


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("How busy will the dock be tomorrow morning?", 6, 12),
        ("How many events do you expect at the dock tomorrow between 8 and 10?", 8, 10),
    ],
)
async def test_the_expected_number_agrees_with_the_same_weekdays_of_plain_sql(
    app: App, question: str, start: int, end: int
) -> None:
    async with AsyncClient(app.address) as client:
        answer = await client.answer(question, as_of=NOW)
    facts = {one.name: one.value for one in answer.facts}
    tomorrow = (NOW + timedelta(days=1)).astimezone(LONDON)
    past = await counts(app, tomorrow, start, end, DOCK)
    assert answer.interpretation.question_type == answers_pb2.QUESTION_TYPE_PREDICTION
    assert answer.response_type == answers_pb2.RESPONSE_TYPE_ANSWER
    assert list(answer.interpretation.cameras) == [DOCK]
    assert facts["expected_low"] <= statistics.mean(past) <= facts["expected_high"]
    assert facts["expected_low"] < facts["expected"] < facts["expected_high"]
    assert abs(facts["expected"] - statistics.mean(past)) < 0.35 * statistics.mean(past)
    assert 45 < facts["history"] <= 57
    assert answer.response.startswith("About ")


async def test_a_week_comes_as_it_was_forecast_in_nine_of_ten_cases(app: App) -> None:
    inside: list[bool] = []
    cameras = [one.camera_id for one in simulation().site().cameras]
    for day in range(6):
        now = NOW + timedelta(days=day)
        window = hours((now + timedelta(days=1)).astimezone(LONDON), 6, 12)
        for camera in cameras:
            found = await foresee(app.stores.events, ME, asking(window, now, camera))
            assert isinstance(found, Forecast)
            chosen = Selection(windows=(window,), cameras=frozenset({camera}))
            came = (await app.stores.events.totals(ME, chosen)).matches
            inside.append(found.low <= came <= found.high)
    assert 0.85 <= statistics.mean(inside) < 1


async def test_a_camera_that_may_not_be_seen_adds_nothing(app: App) -> None:
    window = hours((NOW + timedelta(days=1)).astimezone(LONDON), 6, 12)
    only = Caller(cameras=frozenset({DOCK}))
    every = await foresee(app.stores.events, ME, asking(window, NOW))
    dock = await foresee(app.stores.events, ME, asking(window, NOW, DOCK))
    seen = await foresee(app.stores.events, only, asking(window, NOW, DOCK))
    other = await foresee(app.stores.events, only, asking(window, NOW, "cam-01"))
    assert isinstance(every, Forecast)
    assert isinstance(dock, Forecast)
    assert every.expected > 3 * dock.expected
    assert seen == dock
    assert other == TooLittleHistory(0.0, 14.0)


async def test_the_first_week_says_what_it_needs(app: App) -> None:
    async with AsyncClient(app.address) as client:
        answer = await client.answer(
            "How busy will the dock be tomorrow morning?",
            as_of=WINDOW.start + timedelta(days=6, hours=17),
        )
    facts = {one.name: one.value for one in answer.facts}
    assert facts["history_needed"] == 14
    assert facts["history"] < 7
    assert "a forecast needs 14 days of recorded history" in answer.response
