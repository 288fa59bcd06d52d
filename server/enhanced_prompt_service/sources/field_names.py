"""The names that fields go by in other people's files."""

from __future__ import annotations

# For each field the names it goes by, most telling first, in the form that `plain` gives.
EVENT_NAMES: dict[str, tuple[str, ...]] = {
    "event_id": ("eventid", "id", "uuid", "guid"),
    "start_time": ("starttime", "start", "timestamp", "ts", "time", "datetime", "begin", "beginat",
                   "begintime", "occurredat", "detectedat", "startedat"),
    "end_time": ("endtime", "end", "stop", "stoptime", "endedat", "finish"),
    "duration": ("duration", "durations", "durationseconds", "durationsec"),
    "site": ("site", "siteid", "facility", "building"),
    "camera_id": ("cameraid", "camera", "camid", "cam", "cameraname", "device", "deviceid",
                  "channel"),
    "zones": ("zones", "zone", "enteredzones", "areas", "area"),
    "event_type": ("eventtype", "type", "kind", "event", "activity", "action", "eventname"),
    "label": ("label", "object", "objecttype", "objectclass", "objectlabel", "class"),
    "sub_label": ("sublabel",),
    "confidence": ("confidence", "conf", "score", "topscore", "probability"),
    "participants": ("participants", "actors", "numactors", "count"),
    "description": ("description", "caption", "summary", "message", "details", "text"),
    "clip_url": ("clipurl", "cliplink", "videourl"),
    "snapshot_url": ("snapshoturl", "imageurl", "thumbnailurl", "stillurl"),
    "attributes": ("attributes", "attrs", "metadata", "extra", "tags"),
    "source": ("source",),
}  # fmt: skip
COVERAGE_NAMES: dict[str, tuple[str, ...]] = {
    "camera_id": EVENT_NAMES["camera_id"],
    "site": EVENT_NAMES["site"],
    "state": ("state", "status"),
    "start_time": ("starttime", "start", "from", "begin", "begintime"),
    "end_time": ("endtime", "end", "to", "until", "stop"),
}


def plain(key: str) -> str:
    """A key without case and signs: `cameraId`, `CAMERA_ID` and `Camera ID` are one."""
    return "".join(character for character in key.lower() if character.isalnum())
