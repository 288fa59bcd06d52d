"""A standing question in a whole service: made, hit at night, silent at noon, across restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enhanced_prompt import AsyncClient, InsightUpdate, errors
from enhanced_prompt_service.app import App, create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.catalogue import Camera, Site
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.identity import Caller
from tests.bench.agents import NodeAgent

ME = Caller()
NOON, NIGHT = "2018-03-15T12:00:00-04:00", "2018-03-15T23:10:00-04:00"
LATER = "2018-03-15T23:10:30-04:00"
QUERY = "tell me when anyone enters G330 between 22:00 and 06:00"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)  # real time, before the test


@asynccontextmanager
async def served(home: Path, clock: str) -> AsyncIterator[tuple[App, AsyncClient]]:
    settings = Settings(home=home, port=0, drain_s=0, clock=datetime.fromisoformat(clock))
    async with (
        create_app(settings, make_agent=lambda stores, settings: NodeAgent()) as app,
        AsyncClient(app.address) as client,
    ):
        yield app, client


async def happens(app: App, name: str, camera: str = "G330") -> None:
    """Somebody enters, now."""
    at = app.site_clock.now()
    await app.stores.events.ingest(ME, [Event(name, at, "school", camera, "person_enters")])


async def told(client: AsyncClient, count: int) -> list[InsightUpdate]:
    found: list[InsightUpdate] = []
    async with aclosing(client.insights(since=LONG_AGO)) as updates:  # pyright: ignore
        async for update in updates:
            found.append(update)
            if len(found) == count:
                break
    return found


async def test_it_is_told_at_night_and_not_at_noon_nor_twice(tmp_path: Path) -> None:
    async with served(tmp_path, NOON) as (app, client):
        site = Site("school", "America/New_York", cameras=(Camera("G330"), Camera("G331")))
        await app.stores.catalogue.put_site(ME, site)
        before = app.site_clock.now() - timedelta(days=1)
        known = [
            Event(f"known-{camera}", before, "school", camera, "person_enters")
            for camera in ("G330", "G331")
        ]
        await app.stores.events.ingest(ME, known)
        made = (await client.watch(QUERY)).standing_question
        other = (await client.watch(QUERY.replace("G330", "G331"))).standing_question
        await client.pause_standing_question(other.standing_question_id)
        with pytest.raises(errors.QuestionNotUnderstood, match="G999"):
            await client.watch("tell me when anyone enters G999")
        await happens(app, "noon")
    async with served(tmp_path, NIGHT) as (app, client):
        await happens(app, "paused", "G331")
        await happens(app, "night")
        (update,) = await told(client, 1)
        assert update.position == 1  # nothing was told before
        assert update.insight.standing_question_id == made.standing_question_id
        assert [one.event_id for one in update.insight.evidence] == ["night"]
        assert list(update.insight.affected_cameras) == ["G330"]
    async with served(tmp_path, LATER) as (app, client):
        await happens(app, "again")
        first, second = await told(client, 2)
        assert (first.change, second.change) == ("created", "grew")
        assert first.insight.insight_id == second.insight.insight_id
        assert [one.event_id for one in second.insight.evidence] == ["night", "again"]
        assert second.insight.event_count == 2
        await client.delete_standing_question(made.standing_question_id)
        (left,) = [one async for one in client.list_standing_questions()]
        assert left.standing_question_id == other.standing_question_id
        assert (left.paused, left.hits) == (True, 0)
