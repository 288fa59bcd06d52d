"""Standing questions through both clients, against the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from enhanced_prompt import ClientOptions, StandingQuestion, errors
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.identity import Caller

from .drivers import DRIVERS, Driver

QUERY = "tell me when anyone enters G330 at night"


@pytest.fixture(params=DRIVERS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    """A client of a service whose camera G330 has seen somebody enter."""
    async with create_app(Settings(home=tmp_path, port=0, drain_s=0)) as app:
        at = app.site_clock.now() - timedelta(days=1)
        await app.stores.events.ingest(Caller(), [Event("e", at, "s", "G330", "person_enters")])
        made = DRIVERS[request.param](app.address, ClientOptions())
        yield made
        await made.close()


async def test_a_question_is_made_listed_changed_paused_and_deleted(driver: Driver) -> None:
    dry = await driver.call("watch", QUERY, validate_only=True)
    assert "each day" in dry.standing_question.interpretation.rendered
    made = (await driver.call("watch", QUERY, severity="low", time_zone="UTC")).standing_question
    assert await driver.collect("list_standing_questions", page_size=1) == [made]
    name = made.standing_question_id
    change = StandingQuestion(
        standing_question_id=name, query="tell me when anyone enters G330", etag=made.etag
    )
    changed = await driver.call("update_standing_question", change)
    assert not changed.interpretation.HasField("recurring")
    assert changed.severity == made.severity
    with pytest.raises(errors.EtagMismatch):
        await driver.call("update_standing_question", change, fields=["query"])
    assert (await driver.call("pause_standing_question", name)).paused
    assert not (await driver.call("pause_standing_question", name, paused=False)).paused
    await driver.call("delete_standing_question", name)
    with pytest.raises(errors.StandingQuestionNotFound):
        await driver.call("pause_standing_question", name)


async def test_what_is_not_understood_has_an_error_of_its_own(driver: Driver) -> None:
    with pytest.raises(errors.QuestionNotUnderstood, match="G999"):
        await driver.call("watch", "tell me when anyone enters G999")
    assert await driver.collect("list_standing_questions") == []
