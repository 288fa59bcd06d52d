"""`eps insights watch` and `eps insights rules`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt import Client, Event

from .conftest import Eps, Service

QUERY = "tell me when anyone enters G330 between 22:00 and 06:00"


@pytest.fixture
def seen(service: Service) -> None:
    """A camera that has seen somebody enter, at 23:00 of the day before yesterday, UTC."""
    event = Event(event_id="e1", site="school", camera_id="G330", event_type="person_enters")
    day = datetime.now(UTC) - timedelta(days=2)
    event.start_time.FromDatetime(day.replace(hour=23, minute=0, second=0, microsecond=0))
    with Client(service.address) as client:
        client.ingest_events([event])


@pytest.mark.usefixtures("seen")
def test_a_rule_is_made_listed_paused_resumed_and_deleted(eps: Eps) -> None:
    made = eps("insights", "watch", QUERY, "--severity", "high")
    assert made.exit_code == 0, made.stderr
    name = made.stdout.splitlines()[0]
    assert "22:00–06:00 each day" in made.stdout
    assert "G330" in made.stdout.splitlines()[-1]  # what it would have found
    (line,) = eps("insights", "rules", "-o", "json").stdout.splitlines()
    assert json.loads(line)["standing_question_id"] == name
    assert f"{name} is paused" in eps("insights", "rules", "pause", name).stdout
    assert "paused" in eps("insights", "rules").stdout
    assert f"{name} is on" in eps("insights", "rules", "resume", name).stdout
    assert f"{name} is deleted" in eps("insights", "rules", "delete", name).stdout
    assert "no standing questions" in eps("insights", "rules").stderr


@pytest.mark.usefixtures("seen")
def test_a_dry_run_says_how_it_is_understood_and_keeps_nothing(eps: Eps) -> None:
    said = eps("insights", "watch", QUERY, "--dry-run", "--time-zone", "Asia/Tokyo")
    assert "(Asia/Tokyo)" in said.stdout
    assert "no standing questions" in eps("insights", "rules").stderr


@pytest.mark.usefixtures("seen")
def test_what_is_not_understood_is_said(eps: Eps) -> None:
    result = eps("insights", "watch", "tell me when anyone enters G999")
    assert result.exit_code == 1
    assert "There is no camera G999" in result.stderr
