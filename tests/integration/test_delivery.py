"""A whole service that delivers: answers, an insight, a deletion, health and metrics."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.request import urlopen

import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.schemas import PromptResponsePayload
from tests.delivery.kit import Receiving, receiving
from tests.storage.test_insights import draft

FILE = """
[destinations.archive]
kind = "ingest"
url = "{http}"
api_key = {{ env = "ARCHIVE_KEY" }}
types = ["prompt_response", "proactive_insight", "conversation_history", "conversation_deleted"]
batch_wait_s = 0.1

[destinations.bell]
kind = "notifier"
url = "{ws}"
api_key = {{ file = "{key}" }}
min_confidence = 0.0
"""


def settings(folder: Path, there: Receiving, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ARCHIVE_KEY", "the-key-of-the-archive")
    key = folder / "bell.key"
    key.write_text("the-key-of-the-bell\n")
    file = folder / "destinations.toml"
    file.write_text(FILE.format(http=there.url, ws=there.ws_url, key=key))
    return Settings(home=folder / "home", port=0, metrics_port=0, destinations=file)


async def arrived(there: Receiving, count: int) -> list[dict]:
    async with asyncio.timeout(60):
        while True:
            found = there.arrivals()
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_answers_insights_exports_and_deletions_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        receiving(tmp_path) as there,
        create_app(settings(tmp_path, there, monkeypatch)) as app,
        AsyncClient(app.address) as client,
    ):
        answer = await client.answer("What happened today?", conversation_id="talk")
        found = await arrived(there, 2)
        by_way = {one["via"]: one for one in found}
        sent = by_way["/api/v1/ingest/prompt-responses"]
        assert sent["headers"]["authorization"] == "Bearer the-key-of-the-archive"
        payload = PromptResponsePayload.model_validate(sent["body"])
        assert (payload.response, payload.turn_id) == (answer.response, answer.turn_id)
        bell = by_way["ws"]
        assert bell["key"] == "Bearer the-key-of-the-bell"
        assert bell["body"]["metadata"]["notification_id"] == "notif_talk_1"

        await app.stores.insights.publish(
            Caller(), draft("a", severity=Severity.HIGH), now=app.real_clock.now()
        )
        found = await arrived(there, 4)
        assert "/api/v1/ingest/proactive-insights/batch" in {one["via"] for one in found}
        (urgent,) = [one for one in found[2:] if one["via"] == "ws"]
        assert urgent["body"]["metadata"]["requires_acknowledgment"] is True

        async for _ in client.export_conversations():
            pass
        found = await arrived(there, 5)
        assert found[4]["via"] == "/api/v1/ingest/conversation-history"
        assert found[4]["body"]["total_messages"] == 2

        await client.delete_conversation("talk")
        found = await arrived(there, 6)
        assert found[5]["via"] == "/api/v1/ingest/conversation-deletions"
        assert found[5]["body"]["deleted_turns"] == 1

        assert app.metrics_port is not None
        said = await asyncio.to_thread(_metrics, app.metrics_port)
        assert 'eps_delivery_outcomes_total{destination="archive",verdict="delivered"}' in said
        health = await client.get_system_health()
        (part,) = [one for one in health.components if one.name == "delivery"]
        assert "archive" in part.detail
    assert "the-key-of" not in json.dumps([one["body"] for one in found])


def _metrics(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()
