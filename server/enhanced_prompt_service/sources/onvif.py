"""ONVIF notifications as JSON, in the two forms that cameras publish over MQTT and HTTP.

* ONVIF's own mapping (Core Specification, "MQTT", topics `onvif-ej/…`): `UtcTime`,
  `PropertyOperation`, `Source`, `Key`, `Data`, the topic in the message or as that of MQTT;
* Axis' form: `topic`, `timestamp` in milliseconds, `message` with `source`, `key`, `data`.

A property goes on and off (`IsMotion` true, then false): the first makes an event, the second gives
the same event its end. Others (`ObjectsInside` counted, `Crossed`) are moments. What a camera says
when somebody subscribes (`Initialized`) is a state, not something that happened.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..domain.event_rules import MAX_ATTRIBUTES, attribute_fits, event_violations
from ..domain.events import Event
from .instants import NotAMoment, read_instant
from .loose import as_mapping
from .rows import BadRow, Row

SOURCE = "onvif"
_CAMERA_KEYS = (
    "VideoSourceConfigurationToken",
    "VideoSourceToken",
    "VideoSource",
    "Source",
    "channel",
    "camera",
)
_TRUE = frozenset({"true", "1", "active", "on"})
_FALSE = frozenset({"false", "0", "inactive", "off"})
_STATES = ("State", "IsMotion", "IsInside", "IsTamper", "IsSoundDetected", "active", "LogicalState")
_MOST_OPEN = 10_000
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


@dataclass(frozen=True, slots=True)
class OnvifOptions:
    """`site` is whose cameras these are. `camera` is the camera of notifications that name none,
    as those do that come from a camera itself."""

    site: str
    camera: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification, whichever form it had."""

    topic: str
    at: datetime
    operation: str
    source: Mapping[str, str]
    key: Mapping[str, str]
    data: Mapping[str, str]


class OnvifReader:
    """Makes events of notifications, and remembers what goes on, so that its end finds it."""

    def __init__(self, options: OnvifOptions) -> None:
        self._options = options
        self._open: OrderedDict[str, Event] = OrderedDict()

    @property
    def ongoing(self) -> Mapping[str, Event]:
        """What goes on, by what it is the state of."""
        return self._open

    def recall(self, ongoing: Mapping[str, Event]) -> None:
        """What went on when an earlier reader stopped."""
        self._open.update(ongoing)

    def __call__(self, row: Row, topic: str = "") -> Event | None:
        """The event of a notification, with its end where it is over; None where nothing happened.
        `topic` is for messages that do not name theirs. Raises BadRow with the field at fault."""
        found = notification(row, topic)
        if found.operation in ("initialized", "deleted"):
            return None
        name, state = _state(found.data)
        if state is None:
            return self._checked(self._event(found, ongoing=False))
        thing = "\x1f".join((found.topic, name, *_flat(found.source), *_flat(found.key)))
        if state:
            known = self._open.get(thing)
            if known is not None and known.start_time <= found.at:
                return known  # says again that it goes on
            event = self._checked(self._event(found, ongoing=True))
            self._open[thing] = event
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return event
        known = self._open.get(thing)
        if known is None or found.at < known.start_time:
            return None  # it was off already, or came late
        del self._open[thing]
        return replace(known, end_time=found.at)

    def _event(self, found: Notification, *, ongoing: bool) -> Event:
        camera = next((found.source[key] for key in _CAMERA_KEYS if found.source.get(key)), "")
        parts = (found.topic, found.at.isoformat(), *_flat(found.source), *_flat(found.key))
        digest = hashlib.blake2b("\x1f".join(parts).encode(errors="replace"), digest_size=16)
        attributes: dict[str, str] = {"topic": found.topic}
        for place in (found.source, found.key, found.data):
            for key, value in place.items():
                if len(attributes) < MAX_ATTRIBUTES and value and attribute_fits(key, value):
                    attributes.setdefault(key, value)
        return Event(
            event_id=f"onvif-{digest.hexdigest()}",
            start_time=found.at,
            end_time=None if ongoing else found.at,
            site=self._options.site,
            camera_id=self._options.camera or camera,
            event_type=_kind(found),
            zones=tuple(one for one in (found.source.get("Rule", ""),) if one),
            attributes=attributes,
            source=SOURCE,
        )

    def _checked(self, event: Event) -> Event:
        if not event.camera_id:
            raise BadRow("Source", f"names no camera by {', '.join(_CAMERA_KEYS)}")
        if violations := event_violations(event):
            raise BadRow.of(violations)
        return event


def notification(row: Row, topic: str = "") -> Notification:
    """A notification of either form. Raises BadRow."""
    message = as_mapping(row.get("message")) or row
    named = _first(row, ("topic", "Topic"))
    said = named if isinstance(named, str) and named else topic
    if not said:
        raise BadRow("topic", "is required")
    when = _first({**message, **row}, ("UtcTime", "timestamp", "time"))
    if when is None:
        raise BadRow("UtcTime", "is required")
    try:
        at = read_instant(when, None)
    except NotAMoment as error:
        raise BadRow("UtcTime", str(error)) from error
    operation = _first({**message, **row}, ("PropertyOperation", "operation"))
    return Notification(
        topic=_plain(said),
        at=at,
        operation=str(operation or "").lower(),
        source=_items(message, "Source"),
        key=_items(message, "Key"),
        data=_items(message, "Data"),
    )


def _first(row: Row, keys: tuple[str, ...]) -> object:
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _items(row: Row, name: str) -> dict[str, str]:
    found = _first(row, (name, name.lower()))
    if found is None:
        return {}
    items = as_mapping(found)
    if items is None:
        raise BadRow(name, "must be an object")
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in items.items()
        if isinstance(value, str | int | float)
    }


def _flat(items: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in sorted(items.items())]


def _plain(topic: str) -> str:
    """`tns1:RuleEngine/CellMotionDetector/Motion` without what differs between senders: prefixes of
    name spaces, and what MQTT puts in front (`<prefix>/onvif-ej/`)."""
    _, ours, after = topic.partition("onvif-ej/")
    parts = (after if ours else topic).strip("/").split("/")
    return "/".join(part.rpartition(":")[2] for part in parts)


def _kind(found: Notification) -> str:
    """`RuleEngine/CellMotionDetector/Motion` → `cell_motion_detector_motion`: its last two parts,
    since the last alone ("Motion", "Alarm") says too little. Where a count or object class is
    given, that is an attribute."""
    parts = found.topic.split("/")[-2:]
    words = [word.lower() for part in parts for word in _WORD.findall(part)]
    kept = [word for index, word in enumerate(words) if index == 0 or words[index - 1] != word]
    return "_".join(kept)[:128]


def _state(data: Mapping[str, str]) -> tuple[str, bool | None]:
    """The name and value of what goes on and off, None where nothing does."""
    for name in (*_STATES, *data):
        value = data.get(name, "").lower()
        if value in _TRUE and (name in _STATES or value == "true"):
            return name, True
        if value in _FALSE and (name in _STATES or value == "false"):
            return name, False
    return "", None
