"""CloudEvents in their three modes, as somebody posts them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.posted import NoEvent, Posted
from enhanced_prompt_service.sources.cloud_events import (
    BATCH,
    MOST,
    STRUCTURED,
    read_cloud_events,
)

TOLD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "17",
    "source": "//nvr.example/front",
    "type": "example.nvr.person_detected.v2",
    "subject": "front-door",
    "time": "2026-03-01T12:00:00Z",
    "site": "home",
    "data": {"label": "person", "confidence": 0.75, "duration": 4, "zones": ["porch"]},
}
EVENT = Event(
    event_id="//nvr.example/front#17",
    start_time=datetime(2026, 3, 1, 12, tzinfo=UTC),
    end_time=datetime(2026, 3, 1, 12, 0, 4, tzinfo=UTC),
    site="home",
    camera_id="front-door",
    event_type="person_detected",
    zones=("porch",),
    label="person",
    confidence=0.75,
    source="//nvr.example/front",
)


def structured(**more: Any) -> list[Event | NoEvent]:
    body = {key: value for key, value in {**TOLD, **more}.items() if value is not None}
    return read_cloud_events(Posted(json.dumps(body).encode(), STRUCTURED))


def test_attributes_say_what_the_data_does_not() -> None:
    assert structured() == [EVENT]


def test_the_data_goes_before_the_attributes() -> None:
    data = {"camera": "yard", "event_id": "mine", "event_type": "dog", "ts": 1772366400, "id": 3}
    [event] = structured(data=data)
    assert isinstance(event, Event)
    assert (event.event_id, event.camera_id, event.event_type) == ("mine", "yard", "dog")
    assert event.attributes == {"id": "3"}


def test_the_three_modes_say_the_same() -> None:
    headers = {f"ce-{key}": str(value) for key, value in TOLD.items() if key != "data"}
    data = json.dumps(TOLD["data"]).encode()
    assert read_cloud_events(Posted(data, "application/json; charset=utf-8", headers)) == [EVENT]
    batch = json.dumps([TOLD, TOLD]).encode()
    assert read_cloud_events(Posted(batch, BATCH)) == [EVENT, EVENT]
    assert structured(data=None, data_base64=base64.b64encode(data).decode()) == [EVENT]


def test_headers_are_percent_encoded() -> None:
    headers = {f"ce-{key}": str(value) for key, value in TOLD.items() if key != "data"}
    headers["ce-subject"] = "caf%C3%A9"
    [event] = read_cloud_events(Posted(b"", "", headers))
    assert isinstance(event, Event)
    assert event.camera_id == "café"


def test_a_site_that_is_not_told_is_the_requests() -> None:
    body = json.dumps({key: value for key, value in TOLD.items() if key != "site"}).encode()
    [event] = read_cloud_events(Posted(body, STRUCTURED, site="shop"))
    assert isinstance(event, Event)
    assert event.site == "shop"


def test_ids_that_are_too_long_stay_different() -> None:
    [one], [two] = structured(id="a" * 300), structured(id="b" * 300)
    assert isinstance(one, Event)
    assert isinstance(two, Event)
    assert one.event_id != two.event_id
    assert one.event_id.startswith("cloudevent-")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": None}, "id"),
        ({"source": 7}, "source"),
        ({"type": ""}, "type"),
        ({"time": None}, "start_time"),
        ({"time": "2026-03-01T12:00:00"}, "start_time"),
        ({"subject": None}, "camera_id"),
        ({"site": None}, "site"),
        ({"data": [1]}, "data"),
        ({"data": None, "data_base64": "!"}, "data_base64"),
        ({"data": {"confidence": 3}}, "confidence"),
    ],
)
def test_what_is_no_event_names_the_field_and_leaves_the_others_alone(
    more: dict[str, Any], field: str
) -> None:
    [found] = structured(**more)
    assert isinstance(found, NoEvent)
    assert found.violation.field == field


@pytest.mark.parametrize(
    ("posted", "why"),
    [
        (Posted(b"{", STRUCTURED), "is not JSON"),
        (Posted(b"{}", BATCH), "is not a JSON array"),
        (Posted(b"\xff", STRUCTURED), "UTF-8"),
        (Posted(b"{}", STRUCTURED + "; charset=latin1"), "UTF-8"),
        (Posted(b"{}", "application/json"), "ce- headers"),
        (Posted(b"<x/>", "text/xml", {"ce-specversion": "1.0"}), "must be JSON"),
        (Posted(b"x", "application/cloudevents+avro"), STRUCTURED),
        (Posted(json.dumps([TOLD] * (MOST + 1)).encode(), BATCH), "at most 1000"),
    ],
)
def test_a_body_that_is_none_is_refused_as_a_whole(posted: Posted, why: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        read_cloud_events(posted)
    [violation] = error.value.violations
    assert violation.field == "body"
    assert why in violation.description


def test_in_a_batch_each_is_judged_by_itself() -> None:
    bad = {**TOLD, "id": "18", "time": "soon"}
    first, second, third = read_cloud_events(Posted(json.dumps([TOLD, bad, 3]).encode(), BATCH))
    assert first == EVENT
    assert isinstance(second, NoEvent)
    assert second.event_id == "//nvr.example/front#18"
    assert isinstance(third, NoEvent)
