"""The domain's limits are the contract's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enhanced_prompt.v1 import events_pb2, validation_pb2
from enhanced_prompt_service.domain import event_rules as rules
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = Event("e1", AT, "site", "cam-1", "person_detected")


def fields(event: Event) -> list[str]:
    return [one.field for one in rules.event_violations(event)]


def test_a_plain_event_is_fine() -> None:
    assert fields(EVENT) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 257}, "event_id"),
        ({"start_time": AT.replace(tzinfo=None)}, "start_time"),
        ({"end_time": AT.replace(hour=11)}, "end_time"),
        ({"site": ""}, "site"),
        ({"camera_id": "x" * 129}, "camera_id"),
        ({"event_type": ""}, "event_type"),
        ({"zones": ("a",) * 33}, "zones"),
        ({"zones": ("a", "")}, "zones[1]"),
        ({"label": "x" * 129}, "label"),
        ({"sub_label": "x" * 257}, "sub_label"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": float("nan")}, "confidence"),
        ({"participants": 0}, "participants"),
        ({"participants": 100_001}, "participants"),
        ({"description": "x" * 4_001}, "description"),
        ({"description": "half a pair: \ud800"}, "description"),
        ({"description": "nul \0"}, "description"),
        ({"clip_url": "ftp://x/y"}, "clip_url"),
        ({"snapshot_url": "https://x/a b"}, "snapshot_url"),
        ({"attributes": {str(n): "" for n in range(65)}}, "attributes"),
        ({"attributes": {"": "x"}}, "attributes"),
        ({"attributes": {"key": "x" * 1_025}}, "attributes['key']"),
        ({"source": "x" * 129}, "source"),
    ],
)
def test_each_broken_limit_is_named(change: dict[str, object], field: str) -> None:
    assert fields(replace(EVENT, **change)) == [field]  # type: ignore[arg-type]


def test_all_violations_are_found_at_once() -> None:
    assert fields(replace(EVENT, event_id="", site="", confidence=2)) == [
        "event_id",
        "site",
        "confidence",
    ]


def test_coverage_needs_a_length() -> None:
    span = Coverage("site", "cam-1", CoverageState.RECORDING, AT, AT)
    assert [one.field for one in rules.coverage_violations(span)] == ["end_time"]


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("event_id", rules.MAX_EVENT_ID),
        ("site", rules.MAX_ID),
        ("camera_id", rules.MAX_ID),
        ("zones", rules.MAX_ID),
        ("event_type", rules.MAX_ID),
        ("label", rules.MAX_ID),
        ("sub_label", rules.MAX_SUB_LABEL),
        ("description", rules.MAX_DESCRIPTION),
        ("clip_url", rules.MAX_URL),
        ("snapshot_url", rules.MAX_URL),
        ("attributes", rules.MAX_VALUE),
        ("source", rules.MAX_ID),
    ],
)
def test_lengths_are_those_of_the_contract(field: str, most: int) -> None:
    assert limits(field).max_length == most


def test_counts_and_ranges_are_those_of_the_contract() -> None:
    assert limits("zones").max_items == rules.MAX_ZONES
    assert limits("attributes").max_items == rules.MAX_ATTRIBUTES
    assert limits("attributes").max_key_length == rules.MAX_KEY
    assert limits("participants").max == rules.MAX_PARTICIPANTS
    assert (limits("confidence").min, limits("confidence").max) == (0, 1)


def limits(field: str) -> validation_pb2.FieldLimits:
    options = events_pb2.Event.DESCRIPTOR.fields_by_name[field].GetOptions()
    return options.Extensions[validation_pb2.limits]
