"""From a row of somebody's file (a JSON object, a line of CSV) to an event or a span of coverage.

Which key means which field is told by a mapping, else by its name: `camera`, `cameraId` and
`CAMERA_ID` are all camera_id. Scalars that mean no field are kept as attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from ..domain.catalogue import Site
from ..domain.errors import FieldViolation
from ..domain.event_rules import (
    coverage_violations,
)
from ..domain.events import Coverage, CoverageState
from .field_names import COVERAGE_NAMES, EVENT_NAMES, plain
from .instants import NotAMoment, read_instant
from .loose import as_mapping

Row: TypeAlias = Mapping[str, object]

_STATES = {
    "recording": CoverageState.RECORDING,
    "online": CoverageState.RECORDING,
    "offline": CoverageState.OFFLINE,
    "disabled": CoverageState.DISABLED,
    "off": CoverageState.DISABLED,
}


class BadRow(ValueError):
    """A row that is no event, with the field at fault ("" where it is the row as a whole)."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(f"{field_name}: {reason}" if field_name else reason)
        self.field = field_name
        self.reason = reason

    @classmethod
    def of(cls, violations: Sequence[FieldViolation]) -> BadRow:
        """The first violation, and the others in its text."""
        first, *rest = violations
        more = "".join(f"; {one.field} {one.description}" for one in rest)
        return cls(first.field, first.description + more)


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How rows are read.

    `mapping` says which key holds a field (`{"event_type": "kind"}`); dots reach into objects
    (`data.score`). `defaults` fill fields that a row leaves empty. `sites` give local times their
    zone by site id; `time_zone` is for other sites, and None refuses local times there. With
    `derive_ids` a row without an id gets one made of its content. `keep_others` keeps scalars that
    mean no field as attributes.
    """

    mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, str] = field(default_factory=dict[str, str])
    sites: tuple[Site, ...] = ()
    time_zone: str | None = None
    source: str = ""
    derive_ids: bool = False
    keep_others: bool = True

    def __post_init__(self) -> None:
        for name in (*self.mapping, *self.defaults):
            if name not in EVENT_NAMES and name not in COVERAGE_NAMES:
                known = ", ".join(EVENT_NAMES)
                raise ValueError(f"{name!r} is no field; fields are {known}")

    def zones(self) -> dict[str, ZoneInfo]:
        """Site id to its zone."""
        return {site.site_id: site.zone_info for site in self.sites}


def parse_mapping(text: str) -> dict[str, str]:
    """`event_type=kind,start_time=ts` as a mapping. Raises ValueError."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, key = (piece.strip() for piece in part.partition("="))
        if not (name and equals and key):
            raise ValueError(f"{part!r} is not of the form field=key")
        found[name] = key
    return found


class Reader:
    """What reading events and coverage have in common."""

    def __init__(self, options: RowOptions, names: Mapping[str, tuple[str, ...]]) -> None:
        self._options = options
        self._names = names
        self._zones = options.zones()
        self._zone = ZoneInfo(options.time_zone) if options.time_zone else None
        self._keys: dict[tuple[str, ...], dict[str, str]] = {}

    def plan(self, row: Row) -> dict[str, str]:
        """Field to key for rows with these keys; remembered, since rows resemble each other."""
        keys = tuple(row)
        plan = self._keys.get(keys)
        if plan is None:
            plan = self._make_plan(keys)
            if len(self._keys) < 1_000:
                self._keys[keys] = plan
        return plan

    def _make_plan(self, keys: tuple[str, ...]) -> dict[str, str]:
        plan = {name: key for name, key in self._options.mapping.items() if name in self._names}
        taken = {key.split(".")[0] for key in plan.values()}
        by_name: dict[str, str] = {}
        for key in keys:
            by_name.setdefault(plain(key), key)
        for name, spellings in self._names.items():
            if name in plan:
                continue
            for spelling in spellings:
                key = by_name.get(spelling)
                if key is not None and key not in taken:
                    plan[name] = key
                    taken.add(key)
                    break
        return plan

    def value(self, row: Row, plan: Mapping[str, str], name: str) -> object:
        """The field's value, None where it is missing or empty."""
        key = plan.get(name)
        found = None if key is None else _at(row, key)
        if isinstance(found, str):
            found = found.strip()
        if found is None or found == "":
            return self._options.defaults.get(name)
        return found

    def text(self, row: Row, plan: Mapping[str, str], name: str) -> str:
        found = self.value(row, plan, name)
        if found is None:
            return ""
        if isinstance(found, str):
            return found
        if isinstance(found, int | float) and not isinstance(found, bool):
            return str(found)
        raise BadRow(name, "must be text")

    def moment(self, row: Row, plan: Mapping[str, str], name: str, site: str) -> datetime | None:
        found = self.value(row, plan, name)
        if found is None:
            return None
        try:
            return read_instant(found, self._zones.get(site, self._zone))
        except NotAMoment as error:
            raise BadRow(name, str(error)) from error


class CoverageReader(Reader):
    """Makes spans of coverage of rows; without a state they say that the camera recorded."""

    def __init__(self, options: RowOptions) -> None:
        super().__init__(options, COVERAGE_NAMES)

    def __call__(self, row: Row) -> Coverage:
        """The span of a row. Raises BadRow with the field and what is wrong with it."""
        plan = self.plan(row)
        site = self.text(row, plan, "site")
        state = self.text(row, plan, "state").lower() or "recording"
        if state not in _STATES:
            raise BadRow("state", f"must be one of {', '.join(_STATES)}")
        start = self.moment(row, plan, "start_time", site)
        end = self.moment(row, plan, "end_time", site)
        if start is None or end is None:
            raise BadRow("start_time" if start is None else "end_time", "is required")
        span = Coverage(site, self.text(row, plan, "camera_id"), _STATES[state], start, end)
        if violations := coverage_violations(span):
            raise BadRow.of(violations)
        return span


def _at(row: Row, key: str) -> object:
    if key in row or "." not in key:
        return row.get(key)
    found: object = row
    for part in key.split("."):
        inner = as_mapping(found)
        if inner is None:
            return None
        found = inner.get(part)
    return found
