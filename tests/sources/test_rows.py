"""Rows of other people's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.catalogue import Site
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.sources.event_reader import EventReader
from enhanced_prompt_service.sources.rows import (
    BadRow,
    CoverageReader,
    Row,
    RowOptions,
    parse_mapping,
)

ROW = {
    "event_id": "e1",
    "start_time": "2026-03-01T12:00:00Z",
    "site": "s",
    "camera_id": "c",
    "event_type": "t",
}
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(row: Row, options: RowOptions | None = None) -> Event:
    return EventReader(options or RowOptions())(row)


def test_the_contracts_own_names_are_understood() -> None:
    event = read(
        ROW
        | {
            "end_time": "2026-03-01T12:00:05Z",
            "zones": ["a", "b", "a"],
            "label": "person",
            "sub_label": "courier",
            "confidence": 0.5,
            "participants": 2,
            "description": "Two people",
            "clip_url": "https://x/1",
            "snapshot_url": "https://x/2",
            "attributes": {"speed": 3, "ok": True, "none": None, "deep": {"a": 1}},
            "source": "detector",
        }
    )
    assert event == Event(
        "e1", AT, "s", "c", "t", AT + timedelta(seconds=5), ("a", "b"), "person", "courier", 0.5,
        2, "Two people", "https://x/1", "https://x/2",
        {"speed": "3", "ok": "true", "deep": '{"a": 1}'}, "detector",
    )  # fmt: skip


def test_other_names_are_told_by_case_free_spelling() -> None:
    event = read(
        {
            "ID": 17,
            "Timestamp": 1772366400,
            "siteId": "s",
            "Camera": "c",
            "kind": "t",
            "objectClass": "car",
            "Score": "0.25",
            "actors": ["x", "y"],
            "Clip-URL": "http://x/clip",
            "duration_s": 2.5,
        }
    )
    assert (event.event_id, event.start_time, event.camera_id) == ("17", AT, "c")
    assert (event.event_type, event.label, event.confidence) == ("t", "car", 0.25)
    assert (event.participants, event.clip_url) == (2, "http://x/clip")
    assert event.end_time == AT + timedelta(seconds=2.5)
    assert event.attributes == {}


def test_a_mapping_wins_and_reaches_into_objects() -> None:
    options = RowOptions(mapping=parse_mapping("event_type=what.name, start_time = ts"))
    row = ROW | {"ts": "2026-03-01T13:00:00Z", "what": {"name": "seen"}, "event_type": "other"}
    event = read(row, options)
    assert event.event_type == "seen"
    assert event.start_time == AT + timedelta(hours=1)


@pytest.mark.parametrize("text", ["event_type", "=x", "event_type="])
def test_a_mapping_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="form field=key"):
        parse_mapping(text)


def test_a_mapping_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour' is no field"):
        RowOptions(mapping={"colour": "x"})


def test_scalars_that_mean_no_field_become_attributes() -> None:
    event = read(ROW | {"clip": "2018.G330", "weight": 3, "box": [1, 2], "x" * 200: "long key"})
    assert event.attributes == {"clip": "2018.G330", "weight": "3"}
    assert read(ROW | {"clip": "x"}, RowOptions(keep_others=False)).attributes == {}


def test_defaults_fill_what_is_empty() -> None:
    options = RowOptions(defaults={"site": "home"}, source="file")
    event = read({**ROW, "site": " "}, options)
    assert (event.site, event.source) == ("home", "file")


def test_local_time_is_in_the_sites_zone() -> None:
    options = RowOptions(sites=(Site("s", "America/New_York"),), time_zone="Asia/Tokyo")
    local = {**ROW, "start_time": "2026-03-01T07:00:00"}
    assert read(local, options).start_time == AT
    assert read({**local, "site": "x"}, options).start_time == AT - timedelta(hours=14)


def test_ids_can_be_derived_from_content() -> None:
    row = {key: value for key, value in ROW.items() if key != "event_id"}
    with pytest.raises(BadRow, match="event_id: is required"):
        read(row)
    options = RowOptions(derive_ids=True)
    first, again = read(row, options), read(dict(row), options)
    other = read({**row, "camera_id": "d"}, options)
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start_time": None}, "start_time"),
        ({"start_time": "soon"}, "start_time"),
        ({"end_time": "2026-03-01T11:00:00Z"}, "end_time"),
        ({"camera_id": ["c"]}, "camera_id"),
        ({"camera_id": True}, "camera_id"),
        ({"zones": [1]}, "zones"),
        ({"zones": {"a": 1}}, "zones"),
        ({"confidence": "high"}, "confidence"),
        ({"confidence": 80}, "confidence"),
        ({"participants": 1.5}, "participants"),
        ({"participants": float("inf")}, "participants"),
        ({"participants": -1}, "participants"),
        ({"duration": 1e300}, "duration"),
        ({"clip_url": "clip.mp4"}, "clip_url"),
        ({"description": "\ud800"}, "description"),
    ],
)
def test_a_bad_value_names_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(BadRow) as caught:
        read({**ROW, **change})
    assert caught.value.field == field


def test_zones_in_one_text_are_split() -> None:
    assert read({**ROW, "zones": "a; b,c"}).zones == ("a", "b", "c")
    assert read({**ROW, "zones": '["a", "b c"]'}).zones == ("a", "b c")


def test_coverage_is_recording_unless_it_says_otherwise() -> None:
    reader = CoverageReader(RowOptions(defaults={"site": "s"}))
    row = {"camera": "c", "from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z"}
    assert reader(row) == Coverage("s", "c", CoverageState.RECORDING, AT, AT + timedelta(hours=1))
    assert reader({**row, "state": "Offline"}).state is CoverageState.OFFLINE
    with pytest.raises(BadRow, match="state: must be one of"):
        reader({**row, "state": "asleep"})
    with pytest.raises(BadRow, match="end_time: must be after"):
        reader({**row, "to": row["from"]})
