"""Events, coverage, and what events are selected and counted by."""

from __future__ import annotations

from collections.abc import Iterable

from enhanced_prompt.v1 import event_service_pb2, events_pb2

from ...domain.errors import InvalidArgument
from ...domain.events import (
    Coverage,
    CoverageState,
    Event,
    GroupBy,
    GroupRow,
    Order,
    SeenKind,
    Selection,
    Totals,
)
from ...domain.times import Interval, union
from .times import instant, interval, mask, timestamp

STATES: dict[int, CoverageState] = {
    events_pb2.COVERAGE_STATE_RECORDING: CoverageState.RECORDING,
    events_pb2.COVERAGE_STATE_OFFLINE: CoverageState.OFFLINE,
    events_pb2.COVERAGE_STATE_DISABLED: CoverageState.DISABLED,
}
STATE_NUMBERS = {
    CoverageState.RECORDING: events_pb2.COVERAGE_STATE_RECORDING,
    CoverageState.OFFLINE: events_pb2.COVERAGE_STATE_OFFLINE,
    CoverageState.DISABLED: events_pb2.COVERAGE_STATE_DISABLED,
}
ORDERS: dict[int, Order] = {
    events_pb2.EVENT_ORDER_UNSPECIFIED: Order.NEWEST,
    events_pb2.EVENT_ORDER_OLDEST: Order.OLDEST,
    events_pb2.EVENT_ORDER_NEWEST: Order.NEWEST,
    events_pb2.EVENT_ORDER_LONGEST: Order.LONGEST,
    events_pb2.EVENT_ORDER_BEST_MATCH: Order.BEST_MATCH,
}
KEYS: dict[int, GroupBy] = {
    events_pb2.EVENT_GROUP_BY_CAMERA: GroupBy.CAMERA,
    events_pb2.EVENT_GROUP_BY_SITE: GroupBy.SITE,
    events_pb2.EVENT_GROUP_BY_ZONE: GroupBy.ZONE,
    events_pb2.EVENT_GROUP_BY_EVENT_TYPE: GroupBy.EVENT_TYPE,
    events_pb2.EVENT_GROUP_BY_LABEL: GroupBy.LABEL,
    events_pb2.EVENT_GROUP_BY_SUB_LABEL: GroupBy.SUB_LABEL,
    events_pb2.EVENT_GROUP_BY_LOCAL_HOUR: GroupBy.LOCAL_HOUR,
    events_pb2.EVENT_GROUP_BY_LOCAL_DATE: GroupBy.LOCAL_DATE,
    events_pb2.EVENT_GROUP_BY_HOUR_OF_DAY: GroupBy.HOUR_OF_DAY,
    events_pb2.EVENT_GROUP_BY_WEEKDAY: GroupBy.WEEKDAY,
}


def event(message: events_pb2.Event) -> Event:
    """An event as it was sent; its limits are `domain.event_rules`' to judge.

    Raises InvalidArgument where there is no start, or a time is out of range.
    """
    if not message.HasField("start_time"):
        raise InvalidArgument.of("start_time", "is required")
    return Event(
        event_id=message.event_id,
        start_time=instant(message.start_time, "start_time"),
        site=message.site,
        camera_id=message.camera_id,
        event_type=message.event_type,
        end_time=instant(message.end_time, "end_time") if message.HasField("end_time") else None,
        zones=tuple(message.zones),
        label=message.label,
        sub_label=message.sub_label,
        confidence=message.confidence if message.HasField("confidence") else None,
        participants=message.participants or 1,
        description=message.description,
        clip_url=message.clip_url,
        snapshot_url=message.snapshot_url,
        attributes=dict(message.attributes),
        source=message.source,
    )


def event_message(found: Event) -> events_pb2.Event:
    """An event as it is stored."""
    return events_pb2.Event(
        event_id=found.event_id,
        start_time=timestamp(found.start_time),
        end_time=None if found.end_time is None else timestamp(found.end_time),
        site=found.site,
        camera_id=found.camera_id,
        zones=found.zones,
        event_type=found.event_type,
        label=found.label,
        sub_label=found.sub_label,
        confidence=found.confidence,
        participants=found.participants,
        description=found.description,
        clip_url=found.clip_url,
        snapshot_url=found.snapshot_url,
        attributes=found.attributes,
        source=found.source,
    )


def coverage(message: events_pb2.Coverage) -> Coverage:
    """A span as it was sent. Raises InvalidArgument where a time or the state is missing."""
    if not message.HasField("start_time"):
        raise InvalidArgument.of("start_time", "is required")
    if not message.HasField("end_time"):
        raise InvalidArgument.of("end_time", "is required")
    state = STATES.get(message.state)
    if state is None:
        text = f"{message.state} is no value of CoverageState" if message.state else "is required"
        raise InvalidArgument.of("state", text)
    return Coverage(
        site=message.site,
        camera_id=message.camera_id,
        state=state,
        start_time=instant(message.start_time, "start_time"),
        end_time=instant(message.end_time, "end_time"),
    )


def selection(message: events_pb2.EventFilter, path: str = "filter") -> Selection:
    """Which events are meant. Windows that touch or overlap are joined."""
    windows: list[Interval] = [
        interval(one, f"{path}.windows[{index}]") for index, one in enumerate(message.windows)
    ]
    optional = message.HasField
    return Selection(
        windows=tuple(union(windows)),
        mask=mask(message.recurring, f"{path}.recurring") if optional("recurring") else None,
        cameras=_names(message.cameras),
        sites=_names(message.sites),
        zones=_names(message.zones),
        event_types=_names(message.event_types),
        labels=_names(message.labels),
        type_or_label=message.type_or_label,
        text=message.text,
        min_confidence=message.min_confidence if optional("min_confidence") else None,
        min_duration_s=message.min_duration_seconds if optional("min_duration_seconds") else None,
        max_duration_s=message.max_duration_seconds if optional("max_duration_seconds") else None,
        ongoing_at=(
            instant(message.ongoing_at, f"{path}.ongoing_at") if optional("ongoing_at") else None
        ),
        as_of=instant(message.as_of, f"{path}.as_of") if optional("as_of") else None,
    )


def totals_message(found: Totals) -> events_pb2.EventTotals:
    """Aggregates; what is not known stays unset."""
    return events_pb2.EventTotals(
        matches=found.matches,
        participants=found.participants,
        mean_confidence=found.mean_confidence,
        first_start_time=None if found.first_start is None else timestamp(found.first_start),
        last_start_time=None if found.last_start is None else timestamp(found.last_start),
        mean_duration_seconds=found.mean_duration_s,
        max_duration_seconds=found.max_duration_s,
    )


def group_message(found: GroupRow) -> events_pb2.EventGroup:
    """One row of a grouped count."""
    return events_pb2.EventGroup(
        keys=found.keys, matches=found.matches, participants=found.participants
    )


def kind_message(found: SeenKind) -> event_service_pb2.SeenKind:
    """A kind of event that a camera has seen."""
    return event_service_pb2.SeenKind(
        event_type=found.event_type,
        label=found.label,
        sub_label=found.sub_label,
        zones=found.zones,
        matches=found.matches,
        first_start_time=timestamp(found.first_start),
        last_start_time=timestamp(found.last_start),
    )


def _names(values: Iterable[str]) -> frozenset[str] | None:
    return frozenset(values) or None
