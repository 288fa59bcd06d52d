"""ONVIF notifications in both JSON forms. Names and values are made up after the specification."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.sources.mqtt_messages import Message
from enhanced_prompt_service.sources.onvif import OnvifOptions, OnvifReader
from enhanced_prompt_service.sources.onvif_live import OnvifLive
from enhanced_prompt_service.sources.patient import PatientSink
from enhanced_prompt_service.sources.progress import Progress
from enhanced_prompt_service.sources.rows import BadRow

from .helpers import MemorySink

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOTION = "tns1:RuleEngine/tnsaxis:CellMotionDetector/Motion"


def onvif(second: int, value: object, operation: str = "Changed", **more: Any) -> dict[str, Any]:
    return {
        "Topic": MOTION,
        "UtcTime": (T + timedelta(seconds=second)).isoformat(),
        "PropertyOperation": operation,
        "Source": {"VideoSourceConfigurationToken": "cam-1", "Rule": "lawn"},
        "Data": {"IsMotion": value},
        **more,
    }


def axis(second: int, active: str) -> dict[str, Any]:
    return {
        "topic": "axis:CameraApplicationPlatform/VMD/Camera1ProfileANY",
        "timestamp": int((T + timedelta(seconds=second)).timestamp() * 1000),
        "message": {"source": {}, "key": {}, "data": {"active": active}},
    }


def test_a_property_that_goes_on_and_off_is_one_event_with_its_end() -> None:
    read = OnvifReader(OnvifOptions("home"))
    began, ended = read(onvif(0, True)), read(onvif(7, "false"))
    assert began is not None
    assert ended is not None
    assert (began.start_time, began.end_time) == (T, None)
    assert (ended.event_id, ended.end_time) == (began.event_id, T + timedelta(seconds=7))
    assert (began.camera_id, began.event_type, began.zones) == (
        "cam-1", "cell_motion_detector_motion", ("lawn",),
    )  # fmt: skip
    assert began.attributes["IsMotion"] == "true"
    assert read(onvif(8, False)) is None


def test_what_a_camera_says_to_a_new_subscriber_is_no_event() -> None:
    assert OnvifReader(OnvifOptions("home"))(onvif(0, True, "Initialized")) is None


def test_on_again_while_it_is_on_is_the_same_event() -> None:
    read = OnvifReader(OnvifOptions("home"))
    assert read(onvif(0, True)) == read(onvif(3, True))


def test_the_same_notification_twice_has_the_same_id_and_another_rule_another() -> None:
    first, second = OnvifReader(OnvifOptions("home")), OnvifReader(OnvifOptions("home"))
    other = onvif(0, True, Source={"VideoSourceConfigurationToken": "cam-1", "Rule": "path"})
    ids = {one.event_id for row in (onvif(0, True), other) if (one := first(row))}
    assert len(ids) == 2
    again = second(onvif(0, True))
    assert again is not None
    assert again.event_id in ids


def test_the_other_form_is_read_as_well_its_camera_being_told() -> None:
    read = OnvifReader(OnvifOptions("home", camera="door"))
    began, ended = read(axis(0, "1")), read(axis(4, "0"))
    assert began is not None
    assert ended is not None
    assert (began.camera_id, began.event_type) == ("door", "vmd_camera1_profile_any")
    assert ended.end_time == T + timedelta(seconds=4)


def test_what_has_no_state_is_a_moment() -> None:
    row = onvif(0, "x", Data={"ObjectId": 7}, Topic="tns1:RuleEngine/LineDetector/Crossed")
    event = OnvifReader(OnvifOptions("home"))(row)
    assert event is not None
    assert (event.end_time, event.event_type) == (T, "line_detector_crossed")
    assert event.attributes["ObjectId"] == "7"


def test_the_topic_may_be_that_of_mqtt() -> None:
    row = onvif(0, True)
    del row["Topic"]
    named = OnvifReader(OnvifOptions("home"))(row, "site/onvif-ej/RuleEngine/Cell/Motion")
    assert named is not None
    assert named.event_type == "cell_motion"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"UtcTime": T.isoformat()}, "topic"),
        (onvif(0, True, UtcTime=None), "UtcTime"),
        (onvif(0, True, UtcTime="yesterday"), "UtcTime"),
        (onvif(0, True, Source=3), "Source"),
        (onvif(0, True, Source={}), "Source"),
        (onvif(0, True, Source={"VideoSourceToken": "c" * 129}), "camera_id"),
    ],
)
def test_what_is_no_notification_names_the_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRow) as error:
        OnvifReader(OnvifOptions("home"))(row)
    assert error.value.field == field


async def test_an_end_that_comes_after_a_restart_finds_its_event(tmp_path: Path) -> None:
    sink = MemorySink()
    memory = tmp_path / "kept" / "ongoing.json"

    def live() -> OnvifLive:
        reader = OnvifReader(OnvifOptions("home"))
        return OnvifLive(PatientSink(sink), reader, Progress("broker"), memory)

    def told(row: dict[str, Any]) -> Message:
        return Message("site/onvif-ej/x", json.dumps(row).encode())

    await live().take([told(onvif(0, True)), Message("site/onvif-ej/x", b"none")])
    await live().take([told(onvif(9, False))])
    [event] = sink.events.values()
    assert event.end_time == T + timedelta(seconds=9)
    assert event.attributes["Rule"] == "lawn"
    memory.write_text("{broken")
    await live().take([told(onvif(20, False))])
    assert list(sink.events.values()) == [event]
