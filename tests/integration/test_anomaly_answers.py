"""Asking the whole service what is out of the ordinary."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import answers_pb2
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.catalogue import Camera, Site
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from tests.storage.test_insights import draft

ME = Caller()


async def test_an_insight_is_the_answer_until_it_is_muted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=0, drain_s=0, metrics_port=None)
    async with create_app(settings) as app, AsyncClient(app.address) as client:
        await app.stores.catalogue.put_site(
            ME, Site("school", "UTC", "School", cameras=(Camera("G1", "Gate camera"),))
        )
        now = datetime.now(UTC)
        await app.stores.insights.publish(
            ME, draft(window=Interval(now - timedelta(minutes=30), now)), now=now
        )
        question = "Anything out of the ordinary in the last 2 hours?"
        told = await client.answer(question)
        await client.mute_insights("spike:G1", timedelta(hours=1))
        muted = await client.answer(question)
    assert told.response_type == answers_pb2.RESPONSE_TYPE_PROACTIVE_INSIGHT
    assert "More than usual" in told.response
    assert told.metadata["insights"]
    assert muted.response_type == answers_pb2.RESPONSE_TYPE_ANSWER
    assert muted.response.startswith("Nothing out of the ordinary was noticed")
