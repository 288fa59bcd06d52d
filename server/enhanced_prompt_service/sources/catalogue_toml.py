"""A site's catalogue as people write it: TOML. The form stands in docs/import.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Formatter
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..domain.catalogue import Camera, DayParts, Site, Zone
from ..domain.errors import FieldViolation, InvalidArgument
from ..domain.times import MINUTES_A_DAY, DailyRange, RecurringMask
from .loose import as_list, as_mapping

T = TypeVar("T")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_PLACEHOLDERS = {"event_id", "camera_id", "start", "end"}
_SITE_KEYS = frozenset({"id", "name", "time_zone", "aliases", "cameras", "zones", "day_parts",
                        "business_hours", "synonyms", "clip_url_template"})  # fmt: skip


def load_sites(path: Path) -> list[Site]:
    """The sites of a file: one at its top level, or several under `[[sites]]`.

    Raises InvalidArgument that names every wrong key with its path, OSError when the file cannot
    be read.
    """
    return parse_sites(path.read_bytes().decode(errors="replace"))


def parse_sites(text: str) -> list[Site]:
    """As `load_sites`, from the text itself."""
    try:
        table: Mapping[str, object] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidArgument.of("", f"is not TOML: {error}") from error
    found: list[FieldViolation] = []
    if "sites" in table:
        rest = sorted(table.keys() - {"sites"})
        found.extend(FieldViolation(key, "cannot stand beside [[sites]]") for key in rest)
        sites = _Table({"sites": table["sites"]}, "", found).tables("sites", _site)
    else:
        sites = [_site(_Table(table, "", found))]
    if len({site.site_id for site in sites}) < len(sites):
        found.append(FieldViolation("sites", "has two sites of one id"))
    if found:
        raise InvalidArgument(found)
    return sites


class _Table:
    """A table with its path; wrong values go into `found` and read as if they were not there."""

    def __init__(
        self, values: Mapping[str, object], path: str, found: list[FieldViolation]
    ) -> None:
        self.values = values
        self.path = path
        self.found = found

    def wrong(self, key: str, reason: str) -> None:
        self.found.append(FieldViolation(f"{self.path}{key}", reason))

    def only(self, known: frozenset[str]) -> None:
        for key in self.values.keys() - known:
            self.wrong(key, f"is no key here; keys are {', '.join(sorted(known))}")

    def text(self, key: str, *, required: bool = False) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            self.wrong(key, "must be text")
            return ""
        if required and not value.strip():
            self.wrong(key, "is required")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        value = as_list(self.values.get(key, []))
        names = [one.strip() for one in value or () if isinstance(one, str) and one.strip()]
        if value is None or len(names) < len(value):
            self.wrong(key, "must be a list of texts")
        return tuple(dict.fromkeys(names))

    def tables(self, key: str, make: Callable[[_Table], T]) -> list[T]:
        value = as_list(self.values.get(key, []))
        rows = [as_mapping(one) for one in value or ()]
        if value is None or None in rows:
            self.wrong(key, f"must be written as [[{self.path}{key}]]")
        return [
            make(_Table(row, f"{self.path}{key}[{number}].", self.found))
            for number, row in enumerate(rows)
            if row is not None
        ]


def _site(table: _Table) -> Site:
    table.only(_SITE_KEYS)
    zones = table.tables("zones", _zone)
    cameras = table.tables("cameras", _camera)
    _unique(table, "zones", [zone.zone_id for zone in zones])
    _unique(table, "cameras", [camera.camera_id for camera in cameras])
    known = {zone.zone_id for zone in zones}
    for number, camera in enumerate(cameras):
        for zone in camera.zones:
            if zone not in known:
                table.wrong(f"cameras[{number}].zones", f"{zone!r} is no zone of this site")
    return Site(
        site_id=table.text("id", required=True),
        time_zone=_time_zone(table),
        name=table.text("name"),
        aliases=table.texts("aliases"),
        cameras=tuple(cameras),
        zones=tuple(zones),
        day_parts=_day_parts(table),
        business_hours=_business_hours(table),
        synonyms=_synonyms(table),
        clip_url_template=_template(table),
    )


def _camera(table: _Table) -> Camera:
    table.only(frozenset({"id", "name", "aliases", "zones", "location"}))
    return Camera(
        camera_id=table.text("id", required=True),
        name=table.text("name"),
        aliases=table.texts("aliases"),
        zones=table.texts("zones"),
        location=table.text("location"),
    )


def _zone(table: _Table) -> Zone:
    table.only(frozenset({"id", "name", "aliases", "restricted"}))
    masks = table.tables("restricted", _mask)
    return Zone(
        zone_id=table.text("id", required=True),
        name=table.text("name"),
        aliases=table.texts("aliases"),
        restricted=tuple(mask for mask in masks if mask is not None),
    )


def _mask(table: _Table) -> RecurringMask | None:
    """`hours` and `days`; without hours whole days, without days every day."""
    table.only(frozenset({"hours", "days"}))
    ranges = tuple(
        part for text in table.texts("hours") if (part := _daily(table, "hours", text)) is not None
    )
    days = table.texts("days")
    weekdays: set[int] = set()
    for text in days:
        first, _, last = text.lower().partition("-")
        if first[:3] not in DAYS or (last or first)[:3] not in DAYS:
            table.wrong("days", f'{text!r} is neither a day ("mon") nor a range ("mon-fri")')
            continue
        begin, end = DAYS.index(first[:3]), DAYS.index((last or first)[:3])
        weekdays.update(day % 7 + 1 for day in range(begin, end + (7 if end < begin else 0) + 1))
    if not ranges and not weekdays:
        if not table.texts("hours") and not days:
            table.wrong("hours", "hours or days are required")
        return None
    return RecurringMask(ranges, frozenset(weekdays))


def _daily(table: _Table, key: str, text: str) -> DailyRange | None:
    parts = [_CLOCK.fullmatch(part.strip()) for part in text.split("-")]
    if len(parts) == 2 and parts[0] and parts[1]:
        start, end = (int(part[1]) * 60 + int(part[2]) for part in parts if part)
        end = end or MINUTES_A_DAY
        try:
            return DailyRange(start, end)
        except ValueError:
            pass
    table.wrong(key, f'{text!r} is no range such as "22:00-06:00" or "00:00-24:00"')
    return None


def _day_parts(table: _Table) -> DayParts:
    usual = DayParts()
    value = as_mapping(table.values.get("day_parts", {}))
    if value is None:
        table.wrong("day_parts", "must be a table")
        return usual
    parts = _Table(value, f"{table.path}day_parts.", table.found)
    parts.only(frozenset({"morning", "afternoon", "evening", "night"}))

    def part(key: str, otherwise: DailyRange) -> DailyRange:
        text = parts.text(key)
        return (_daily(parts, key, text) if text else None) or otherwise

    return DayParts(
        part("morning", usual.morning),
        part("afternoon", usual.afternoon),
        part("evening", usual.evening),
        part("night", usual.night),
    )


def _business_hours(table: _Table) -> RecurringMask | None:
    if "business_hours" not in table.values:
        return None
    value = as_mapping(table.values["business_hours"])
    if value is None:
        table.wrong("business_hours", "must be a table with hours and days")
        return None
    return _mask(_Table(value, f"{table.path}business_hours.", table.found))


def _synonyms(table: _Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    value = as_mapping(table.values.get("synonyms", {}))
    if value is None:
        table.wrong("synonyms", "must be a table of lists")
        return ()
    inner = _Table(value, f"{table.path}synonyms.", table.found)
    return tuple((noun.strip(), inner.texts(noun)) for noun in value)


def _time_zone(table: _Table) -> str:
    name = table.text("time_zone", required=True)
    try:
        ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        table.wrong("time_zone", f"{name!r} is no IANA time zone, such as Europe/Rome")
        return "UTC"
    return name or "UTC"


def _template(table: _Table) -> str:
    text = table.text("clip_url_template")
    if not text:
        return ""
    try:
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        names = {""}
    if names - _PLACEHOLDERS or not text.startswith(("http://", "https://")):
        table.wrong(
            "clip_url_template",
            "must be an http or https address with {event_id}, {camera_id}, {start} or {end}",
        )
        return ""
    return text


def _unique(table: _Table, key: str, ids: list[str]) -> None:
    twice = sorted({one for one in ids if one and ids.count(one) > 1})
    for one in twice:
        table.wrong(key, f"has {one!r} twice")
