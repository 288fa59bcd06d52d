"""`eps cameras`, `events`, `history`, `health`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf import json_format

from enhanced_prompt import CameraStatus, Client, Event, Site
from enhanced_prompt.v1.event_service_pb2 import CountEventsResponse
from enhanced_prompt.v1.events_pb2 import COVERAGE_STATE_OFFLINE, Coverage
from enhanced_prompt.v1.history_service_pb2 import ConversationSummary, GetConversationResponse
from enhanced_prompt.v1.site_service_pb2 import Camera

from .conftest import Eps, Service

AT = datetime(2018, 3, 15, 18, 0, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def some_events(service: Service) -> None:
    """A declared camera that went offline, one that only events name, and their events."""
    events: list[Event] = []
    for number in range(30):
        one = Event(
            event_id=f"e-{number}",
            site="yard",
            camera_id="gate" if number % 3 else "dock",
            event_type="person_detected",
            label="person" if number % 2 else "",
            confidence=0.5 if number % 2 else None,
            description=f"number {number}\x1b]0;title\x07",
        )
        one.start_time.FromDatetime(AT + timedelta(minutes=number))
        if number % 2:
            one.end_time.FromDatetime(AT + timedelta(minutes=number, seconds=42))
        events.append(one)
    off = Coverage(site="yard", camera_id="gate", state=COVERAGE_STATE_OFFLINE)
    off.start_time.FromDatetime(AT)
    off.end_time.FromDatetime(AT + timedelta(hours=1))
    with Client(service.address) as client:
        site = Site(site_id="yard", time_zone="Europe/Rome")
        site.cameras.append(Camera(camera_id="gate", name="Front gate"))
        client.put_site(site)
        client.ingest_events(events)
        client.ingest_coverage([off])


def body(text: str) -> list[list[str]]:
    """A table's rows below the rule, as words."""
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if "──" in line)
    return [line.split() for line in lines[rule + 1 :] if line.strip()]


def test_cameras_say_their_state_and_what_they_saw(eps: Eps) -> None:
    result = eps("cameras", "--as-of", "2018-03-15T18:30:00Z", "--time-zone", "Europe/Rome")
    assert result.exit_code == 0
    dock, gate = body(result.stdout)
    assert dock == ["yard", "dock", "2018-03-15", "19:27:00", "10", "person_detected"]
    assert gate == [
        "yard", "gate", "Front", "gate", "offline", "2018-03-15", "19:29:00", "20",
        "person_detected",
    ]  # fmt: skip


def test_cameras_as_json_are_one_message_a_line(eps: Eps) -> None:
    lines = eps("cameras", "-o", "json").stdout.splitlines()
    assert [json_format.Parse(line, CameraStatus()).camera_id for line in lines] == ["dock", "gate"]


def test_events_are_the_newest_and_as_many_as_asked_for(eps: Eps) -> None:
    found = body(eps("events", "-n", "2", "--time-zone", "UTC").stdout)
    assert [one[:2] for one in found] == [["2018-03-15", "18:29:00"], ["2018-03-15", "18:28:00"]]
    assert found[0][2:4] == ["42", "s"]
    assert found[1][2] == "…"


def test_events_as_json_can_be_imported_again(
    eps: Eps, eps_of: Callable[[Service], Eps], fresh_service: Service, tmp_path: Path
) -> None:
    lines = eps("events", "-n", "0", "-o", "json").stdout
    assert len(lines.splitlines()) == 30
    (tmp_path / "events.jsonl").write_text(lines)
    eps_of(fresh_service)("import", tmp_path / "events.jsonl")
    with Client(fresh_service.address) as client:
        assert client.get_event("e-1").confidence == 0.5
    again = eps_of(fresh_service)("events", "-n", "0", "-o", "json").stdout
    assert sorted(again.splitlines()) == sorted(lines.splitlines())


def test_filters_narrow_events(eps: Eps) -> None:
    result = eps(
        "events", "--camera", "dock", "--since", "2018-03-15T18:10:00Z", "--until",
        "2018-03-15T18:20:00Z", "--label", "person", "--min-confidence", "0.4", "-o", "json",
    )  # fmt: skip
    assert [json.loads(line)["event_id"] for line in result.stdout.splitlines()] == ["e-15"]


def test_events_are_counted_by_keys(eps: Eps) -> None:
    result = eps("events", "--by", "camera", "--by", "label")
    *groups, total = body(result.stdout)
    assert groups == [["gate", "10", "10"], ["gate", "person", "10", "10"],
                      ["dock", "5", "5"], ["dock", "person", "5", "5"]]  # fmt: skip
    assert total == ["30", "events", "in", "all"]
    counted = json_format.Parse(
        eps("events", "--by", "camera", "-o", "json").stdout, CountEventsResponse()
    )
    assert [(list(one.keys), one.matches) for one in counted.groups] == [
        (["gate"], 20),
        (["dock"], 10),
    ]


def test_nothing_found_is_said_and_is_no_error(eps: Eps) -> None:
    result = eps("events", "--camera", "nowhere")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no events match" in result.stderr


def test_no_control_characters_come_through(eps: Eps) -> None:
    printed = eps("events", "-n", "0").stdout
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_history_lists_conversations_and_shows_one(eps: Eps) -> None:
    eps("ask", "who came?", "-c", "shown")
    eps("ask", "and then?", "-c", "shown")

    listed = eps("history")
    shown = eps("history", "shown")

    (row,) = [one for one in body(listed.stdout) if "shown" in one]
    assert row[2:] == ["shown", "2", "who", "came?"]
    asked = [line for line in shown.stdout.splitlines() if line.endswith("?")]
    assert [line.split("  ")[-1] for line in asked] == ["who came?", "and then?"]
    assert "You asked: who came?" in shown.stdout
    assert "2 questions, 2 answers" in shown.stderr


def test_history_as_json(eps: Eps) -> None:
    eps("ask", "who came?", "-c", "as-json")
    listed = [
        json_format.Parse(line, ConversationSummary())
        for line in eps("history", "-o", "json", "-n", "0").stdout.splitlines()
    ]
    assert "as-json" in [one.conversation_id for one in listed]
    shown = json_format.Parse(
        eps("history", "as-json", "-o", "json").stdout, GetConversationResponse()
    )
    assert shown.responses[0].query == "who came?"


def test_a_conversation_that_is_not_there(eps: Eps) -> None:
    result = eps("history", "nobody-had-it")
    assert result.exit_code == 1
    assert "nobody-had-it" in result.stderr


def test_health(eps: Eps, service: Service) -> None:
    result = eps("health")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0] == f"serving at {service.address}"
    assert lines[1].startswith("healthy, version ")
    assert [line.split()[:2] for line in lines[2:5]] == [
        ["storage:", "healthy,"],
        ["bus:", "healthy,"],
        ["agent:", "healthy,"],
    ]
    assert lines[5].startswith("  replica ")
    found = json.loads(eps("health", "-o", "json").stdout)
    assert found["status"] == "SERVING"
    assert set(found["services"].values()) == {"SERVING"}
    assert found["system"]["status"] == "HEALTH_STATUS_HEALTHY"
