"""The catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from enhanced_prompt.v1 import common_pb2, site_service_pb2

from ...domain.catalogue import Camera, DayParts, Site, Zone
from ...domain.errors import InvalidArgument
from ...domain.times import DailyRange, RecurringMask
from .times import daily_range, daily_range_message, mask, mask_message


def site(message: site_service_pb2.Site, path: str = "site") -> Site:
    """A site as it was sent. Raises InvalidArgument for ids that occur twice and empty ranges."""
    _differ((one.camera_id for one in message.cameras), f"{path}.cameras", "camera_id")
    _differ((one.zone_id for one in message.zones), f"{path}.zones", "zone_id")
    business_hours = None
    if message.HasField("business_hours"):
        business_hours = mask(message.business_hours, f"{path}.business_hours")
    return Site(
        site_id=message.site_id,
        time_zone=message.time_zone,
        name=message.name,
        aliases=tuple(message.aliases),
        cameras=tuple(_camera(one) for one in message.cameras),
        zones=tuple(
            _zone(one, f"{path}.zones[{index}]") for index, one in enumerate(message.zones)
        ),
        day_parts=_day_parts(message.day_parts, f"{path}.day_parts"),
        business_hours=business_hours,
        synonyms=tuple((one.noun, tuple(one.names)) for one in message.synonyms),
        clip_url_template=message.clip_url_template,
        simulated=message.simulated,
        etag=message.etag,
    )


def site_message(found: Site) -> site_service_pb2.Site:
    """A site as it is stored, with every day part said."""
    parts = found.day_parts
    hours = found.business_hours
    return site_service_pb2.Site(
        site_id=found.site_id,
        time_zone=found.time_zone,
        name=found.name,
        aliases=found.aliases,
        cameras=[_camera_message(one) for one in found.cameras],
        zones=[_zone_message(one) for one in found.zones],
        day_parts=site_service_pb2.DayParts(
            morning=daily_range_message(parts.morning),
            afternoon=daily_range_message(parts.afternoon),
            evening=daily_range_message(parts.evening),
            night=daily_range_message(parts.night),
        ),
        business_hours=None if hours is None else mask_message(hours),
        synonyms=[
            site_service_pb2.Synonym(noun=noun, names=names) for noun, names in found.synonyms
        ],
        clip_url_template=found.clip_url_template,
        simulated=found.simulated,
        etag=found.etag,
    )


def _camera(message: site_service_pb2.Camera) -> Camera:
    return Camera(
        camera_id=message.camera_id,
        name=message.name,
        aliases=tuple(message.aliases),
        zones=tuple(message.zones),
        location=message.location,
    )


def _camera_message(found: Camera) -> site_service_pb2.Camera:
    return site_service_pb2.Camera(
        camera_id=found.camera_id,
        name=found.name,
        aliases=found.aliases,
        zones=found.zones,
        location=found.location,
    )


def _zone(message: site_service_pb2.Zone, path: str) -> Zone:
    restricted: list[RecurringMask] = []
    for index, one in enumerate(message.restricted):
        where = f"{path}.restricted[{index}]"
        found = mask(one, where)
        if found is None:
            raise InvalidArgument.of(where, "needs ranges or weekdays")
        restricted.append(found)
    return Zone(
        zone_id=message.zone_id,
        name=message.name,
        aliases=tuple(message.aliases),
        restricted=tuple(restricted),
    )


def _zone_message(found: Zone) -> site_service_pb2.Zone:
    return site_service_pb2.Zone(
        zone_id=found.zone_id,
        name=found.name,
        aliases=found.aliases,
        restricted=[mask_message(one) for one in found.restricted],
    )


def _day_parts(message: site_service_pb2.DayParts, path: str) -> DayParts:
    usual = DayParts()

    def part(
        name: str, value: common_pb2.DailyRange, is_set: bool, default: DailyRange
    ) -> DailyRange:
        return daily_range(value, f"{path}.{name}") if is_set else default

    has = message.HasField
    return DayParts(
        morning=part("morning", message.morning, has("morning"), usual.morning),
        afternoon=part("afternoon", message.afternoon, has("afternoon"), usual.afternoon),
        evening=part("evening", message.evening, has("evening"), usual.evening),
        night=part("night", message.night, has("night"), usual.night),
    )


def _differ(ids: Iterable[str], path: str, field: str) -> None:
    seen: set[str] = set()
    for index, one in enumerate(ids):
        if one in seen:
            raise InvalidArgument.of(f"{path}[{index}].{field}", "must be unique in the site")
        seen.add(one)
