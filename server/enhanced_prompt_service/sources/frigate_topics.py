"""What Frigate's MQTT topics mean, below a prefix that is `frigate` unless it was changed.

| topic | since | is |
| --- | --- | --- |
| `events` | always | an object that was seen, its changes and its end |
| `tracked_object_update` | 0.15 | a description or a name that was found for it later |
| `reviews` | 0.14 | what is worth a look |
| `<camera>/status/detect` | 0.16 | online, offline or disabled (retained) |
| `<camera>/detect/state` | always | ON or OFF (retained) |
| `available` | always | online or offline: Frigate as a whole (retained, and its last will) |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..domain.events import CoverageState

Kind = Literal["event", "update", "review", "camera", "available"]
_FLAT: dict[str, Kind] = {
    "events": "event",
    "tracked_object_update": "update",
    "reviews": "review",
    "available": "available",
}
_STATES = {
    "online": CoverageState.RECORDING,
    "ON": CoverageState.RECORDING,
    "offline": CoverageState.OFFLINE,
    "disabled": CoverageState.DISABLED,
    "OFF": CoverageState.DISABLED,
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic is about; `part` tells `status` from the older `detect/state`."""

    kind: Kind
    camera_id: str = ""
    part: Literal["", "status", "detect"] = ""


def topics(prefix: str) -> list[str]:
    """What to subscribe to."""
    flat = [f"{prefix}/{name}" for name in _FLAT]
    return [
        *flat,
        f"{prefix}/+/status",
        f"{prefix}/+/status/detect",
        f"{prefix}/+/detect/state",
    ]


def topic(name: str, prefix: str) -> Topic | None:
    """The meaning of a topic, None for none of ours."""
    if not name.startswith(f"{prefix}/"):
        return None
    match name.removeprefix(f"{prefix}/").split("/"):
        case [flat] if flat in _FLAT:
            return Topic(_FLAT[flat])
        case [camera, "status"] | [camera, "status", "detect"] if camera:
            return Topic("camera", camera, "status")
        case [camera, "detect", "state"] if camera:
            return Topic("camera", camera, "detect")
        case _:
            return None


def state(payload: bytes) -> CoverageState | None:
    """The state that a payload names, None for an unknown one."""
    return _STATES.get(payload.decode("utf-8", "replace").strip())
