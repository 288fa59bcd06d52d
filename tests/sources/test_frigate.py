"""Frigate's events in the forms of its versions. Ids, cameras and values here are made up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enhanced_prompt_service.sources.frigate import FrigateOptions, frigate_event
from enhanced_prompt_service.sources.rows import BadRow, Row

HOME = FrigateOptions("home", "http://nvr:5000/")
ID = "1709294400.25-abc123"

# 0.11: scores, box and region at the top level.
V11 = {
    "id": ID, "label": "person", "sub_label": None, "camera": "front_door",
    "start_time": 1709294400.25, "end_time": 1709294410.5, "top_score": 0.81,
    "false_positive": False, "zones": ["porch"], "thumbnail": "", "has_clip": True,
    "has_snapshot": True, "region": [0, 0, 320, 320], "box": [1, 2, 3, 4], "area": 1200,
    "retain_indefinitely": False, "ratio": 0.5,
}  # fmt: skip
# 0.13: a data object beside emptied columns.
V13 = {
    "id": ID, "label": "person", "sub_label": None, "camera": "front_door",
    "start_time": 1709294400.25, "end_time": 1709294410.5, "top_score": None,
    "false_positive": None, "zones": ["porch"], "box": None, "has_clip": True,
    "has_snapshot": False, "plus_id": None, "retain_indefinitely": False,
    "data": {"attributes": [], "box": [0.2, 0.1, 0.1, 0.3], "region": [0.1, 0.1, 0.2, 0.3],
             "score": 0.85, "top_score": 0.84, "type": "object"},
}  # fmt: skip
# 0.16: a description, a plate, a speed and the score of the sub-label, all in data.
V16 = {
    "id": ID, "label": "car", "sub_label": "Ann's car", "camera": "driveway",
    "start_time": 1709294400.25, "end_time": None, "false_positive": None, "zones": [],
    "thumbnail": "", "has_clip": True, "has_snapshot": True, "retain_indefinitely": False,
    "plus_id": None, "model_hash": "x", "detector_type": "cpu", "model_type": "ssd",
    "data": {"score": 0.7, "top_score": 0.9, "type": "object", "attributes": [],
             "description": "A red car turns in.", "sub_label_score": 0.66,
             "recognized_license_plate": "AB 123", "average_estimated_speed": 12.5,
             "velocity_angle": 0},
}  # fmt: skip
# A message on frigate/events: before and after, sub_label with its score, zones by name of use.
MESSAGE = {
    "type": "update",
    "before": {"id": ID, "label": "dog"},
    "after": {
        "id": ID, "camera": "yard", "label": "dog", "sub_label": ["Rex", 0.93], "frame_time": 1.0,
        "top_score": 0.7, "score": 0.6, "false_positive": False, "start_time": 1709294400.25,
        "end_time": None, "current_zones": ["grass"], "entered_zones": ["path", "grass"],
        "has_clip": False, "has_snapshot": True,
    },
}  # fmt: skip


def read(row: Row, options: FrigateOptions = HOME):
    event = frigate_event(row, options)
    assert event is not None
    return event


def test_version_11_has_its_score_at_the_top() -> None:
    event = read(V11)
    assert event.event_id == ID
    assert event.start_time == datetime(2024, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)
    assert event.end_time == datetime(2024, 3, 1, 12, 0, 10, 500000, tzinfo=UTC)
    assert (event.site, event.camera_id, event.zones) == ("home", "front_door", ("porch",))
    assert (event.event_type, event.label, event.sub_label) == ("person_detected", "person", "")
    assert event.confidence == 0.81
    assert event.clip_url == f"http://nvr:5000/api/events/{ID}/clip.mp4"
    assert event.snapshot_url == f"http://nvr:5000/api/events/{ID}/snapshot.jpg"
    assert event.source == "frigate"
    assert event.attributes == {}


def test_version_13_has_it_in_data() -> None:
    event = read(V13)
    assert event.confidence == 0.84
    assert event.snapshot_url == ""


def test_version_16_says_more() -> None:
    event = read(V16)
    assert event.end_time is None
    assert event.sub_label == "Ann's car"
    assert event.description == "A red car turns in."
    assert event.attributes == {
        "recognized_license_plate": "AB 123",
        "average_estimated_speed": "12.5",
        "velocity_angle": "0",
        "sub_label_score": "0.66",
    }


def test_a_message_is_read_by_its_newer_state() -> None:
    event = read(MESSAGE)
    assert (event.label, event.sub_label, event.zones) == ("dog", "Rex", ("path", "grass"))
    assert event.attributes == {"sub_label_score": "0.93"}
    assert event.end_time is None


def test_without_an_address_there_are_no_links() -> None:
    event = read(V11, FrigateOptions("home"))
    assert (event.clip_url, event.snapshot_url) == ("", "")


def test_sounds_are_heard_and_manual_events_have_no_detectors_score() -> None:
    heard = read({**V13, "label": "bark", "data": {"type": "audio", "score": 0.6}})
    assert (heard.event_type, heard.confidence, heard.attributes) == (
        "bark_heard", 0.6, {"type": "audio"},
    )  # fmt: skip
    manual = read({**V13, "label": "Door Bell", "data": {"type": "api", "score": 0}})
    assert (manual.event_type, manual.confidence) == ("door_bell_detected", None)


def test_the_same_id_comes_again_when_it_ended() -> None:
    first, last = read({**V13, "end_time": None}), read(V13)
    assert first.event_id == last.event_id
    assert first.end_time is None
    assert last.end_time is not None


def test_false_positives_are_dropped() -> None:
    assert frigate_event({**V11, "false_positive": True}, HOME) is None
    assert frigate_event({"type": "end", "after": {"false_positive": True}}, HOME) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "start_time"),
        ({**V11, "id": None}, "event_id"),
        ({**V11, "id": 5}, "id"),
        ({**V11, "label": ""}, "label"),
        ({**V11, "camera": None}, "camera_id"),
        ({**V11, "start_time": "noon"}, "start_time"),
        ({**V11, "end_time": 1.0}, "end_time"),
        ({**V11, "sub_label": [7, 0.5]}, "sub_label"),
        ({**V11, "sub_label": {"a": 1}}, "sub_label"),
        ({**V11, "zones": "porch"}, "zones"),
        ({**V11, "zones": [1]}, "zones"),
        ({**V11, "top_score": 81}, "confidence"),
        ({"after": 3}, "after"),
    ],
)
def test_a_broken_row_names_its_field(row: Row, field: str) -> None:
    with pytest.raises(BadRow) as caught:
        frigate_event(row, HOME)
    assert caught.value.field == field
