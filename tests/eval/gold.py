"""Gold answers: SQL over the raw data, in a database and with code that owe nothing to the engine.

The schema, the mapping from local time to instants and the SQL are this module's own on purpose:
what the engine's storage gets wrong must not be wrong here as well.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sqlite3
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
FAR_PAST = datetime(1, 1, 3, tzinfo=UTC)

SCHEMA = """
CREATE TABLE events (
    event_id TEXT PRIMARY KEY, site TEXT, camera TEXT, type TEXT, actors INTEGER,
    start_ms INTEGER, end_ms INTEGER, duration_ms INTEGER,
    local TEXT, date TEXT, hour INTEGER, minute INTEGER, weekday INTEGER,
    person INTEGER, vehicle INTEGER, zones TEXT, label TEXT, sub_label TEXT, description TEXT,
    confidence REAL);
CREATE INDEX events_by_start ON events (start_ms);
CREATE TABLE clips (site TEXT, camera TEXT, start_ms INTEGER, end_ms INTEGER);
CREATE TABLE cameras (camera TEXT PRIMARY KEY, site TEXT);
"""

GROUP_SQL = {
    "camera": "camera",
    "site": "site",
    "type": "type",
    "label": "label",
    "zone": "trim(zones, '|')",
    "hour": "substr(local, 1, 13)",
    "date": "began",
    "weekday": "CAST((strftime('%w', began) + 6) % 7 + 1 AS TEXT)",
    "hour_of_day": "CAST(hour AS TEXT)",
}


def data_folder() -> Path:
    """Where the recorded site's data lies: `EPS_DATA`, else beside the repository."""
    return Path(os.environ.get("EPS_DATA") or REPOSITORY.parent / "shared" / "data")


def has_recorded_site() -> bool:
    """Whether the recorded site's two files are there."""
    folder = data_folder() / "meva"
    return all((folder / name).is_file() for name in ("events.jsonl.gz", "clips.csv.gz"))


# ---- time ---------------------------------------------------------------------------------------


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970 of an aware datetime."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def to_instant(text: str, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """An ISO time as an instant: as it stands if it has an offset, else local in `zone`.

    Of a repeated hour the first pass, for an end the second; a skipped wall time is the moment of
    the change.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is not None:
        return parsed.astimezone(UTC)
    found = parsed.replace(tzinfo=zone, fold=1 if end else 0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == parsed:
        return found
    # Skipped: every instant before the change has an earlier wall time, every one after a later.
    low, high = found - timedelta(hours=3), found + timedelta(hours=3)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        if middle.astimezone(zone).replace(tzinfo=None) < parsed:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def minute_of(text: str) -> int:
    """Minutes of day of "HH:MM"; "24:00" is 1440."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


@dataclass(frozen=True)
class Mask:
    """Recurring parts of the local day: ("22:00-06:00", …) on the ISO weekdays they begin on."""

    ranges: tuple[tuple[int, int], ...] = ()
    weekdays: frozenset[int] = frozenset()

    @classmethod
    def of(cls, ranges: Sequence[str], weekdays: Sequence[int]) -> Mask | None:
        """From an item's fields; None where both are empty."""
        if not ranges and not weekdays:
            return None
        pairs = (one.split("-") for one in ranges)
        return cls(tuple((minute_of(a), minute_of(b)) for a, b in pairs), frozenset(weekdays))

    def holds(self, local: datetime) -> bool:
        """Whether a wall time lies inside."""
        minute = local.hour * 60 + local.minute
        for start, end in self.ranges or ((0, 1440),):
            if start < end:
                inside, began = start <= minute < end, local
            elif minute < end:
                inside, began = True, local - timedelta(days=1)
            else:
                inside, began = minute >= start, local
            if inside and (not self.weekdays or began.isoweekday() in self.weekdays):
                return True
        return False

    def sql(self) -> str:
        """The same as a condition on `events`."""
        days = ",".join(str(day) for day in sorted(self.weekdays)) or "1,2,3,4,5,6,7"
        parts: list[str] = []
        for start, end in self.ranges or ((0, 1440),):
            if start < end:
                parts.append(f"(minute >= {start} AND minute < {end} AND weekday IN ({days}))")
            else:
                parts.append(f"(minute >= {start} AND weekday IN ({days}))")
                parts.append(f"(minute < {end} AND (weekday + 5) % 7 + 1 IN ({days}))")
        return "(" + " OR ".join(parts) + ")"

    def began_sql(self) -> str:
        """The local date on which the range that an event lies in began."""
        over = [end for start, end in self.ranges if start > end]
        if not over:
            return "date"
        return f"CASE WHEN minute < {max(over)} THEN date(date, '-1 day') ELSE date END"


# ---- items --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """One question and what its answer must say. The fields are explained in README.md."""

    id: str
    type: str
    ask: tuple[str, ...]
    as_of: datetime
    zone: str
    window: tuple[str, str] | None = None
    any_window: bool = False
    mask: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    where: str = ""
    versus: tuple[str, str] | None = None
    either_order: bool = False
    rank: str = ""
    top: int = 1
    trend: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    first: bool = False
    last: bool = False
    either: tuple[str, ...] = ()
    longest: bool = False
    mean: bool = False
    threshold: float | None = None
    at_least: float | None = None
    cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    uncovered: bool = False
    coverage: bool = False
    question_types: tuple[str, ...] = ()
    response: str = "answer"
    says: tuple[str, ...] = ()
    says_not: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    refers: int = 0
    smoke: bool = False

    @property
    def zone_info(self) -> ZoneInfo:
        """The question's zone."""
        return ZoneInfo(self.zone)

    @property
    def repeating(self) -> Mask | None:
        """The item's mask, if it has one."""
        return Mask.of(self.mask, self.weekdays)


def read_items(path: Path) -> list[Item]:
    """The items of a TOML file; `[defaults]` holds `as_of` and `zone`.

    Raises ValueError for a field that does not exist, so that a misspelt check is not a lost one.
    """
    with path.open("rb") as file:
        content = tomllib.load(file)
    defaults: dict[str, Any] = {
        "as_of": "2018-03-15T16:30:00-04:00",
        "zone": "America/Indiana/Indianapolis",
        **content.get("defaults", {}),
    }
    known = {one.name for one in fields(Item)}
    items: list[Item] = []
    for raw in content["item"]:
        given: dict[str, Any] = {**defaults, **raw}
        if unknown := given.keys() - known:
            raise ValueError(f"{path.name} {raw.get('id')}: unknown fields {sorted(unknown)}")
        given["as_of"] = datetime.fromisoformat(given["as_of"]).astimezone(UTC)
        given["ask"] = [given["ask"]] if isinstance(given["ask"], str) else given["ask"]
        items.append(Item(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}))
    return items


# ---- gold ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gold:
    """What the data says to one item. Instants and lengths in milliseconds."""

    start: int | None
    end: int | None
    total: int | None = None
    matched: frozenset[str] = frozenset()
    ongoing: frozenset[str] = frozenset()
    compared: int | None = None
    versus: tuple[int, int] | None = None
    ranking: tuple[str, list[tuple[str, int]]] | None = None
    trend: tuple[str, dict[str, int]] | None = None
    groups: Mapping[str, dict[str, float]] = field(default_factory=dict)
    values: Mapping[str, float | None] = field(default_factory=dict)
    first: tuple[int, frozenset[str]] | None = None
    last: tuple[int, frozenset[str]] | None = None
    longest: tuple[int, frozenset[str]] | None = None
    mean: float | None = None
    recorded_seconds: float | None = None
    window_seconds: float | None = None


class Site:
    """The raw data of one or more sites in a SQLite database of its own."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.titles: set[str] = set()
        """What the catalogue calls its cameras and zones, where a name is more than an id."""
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(SCHEMA)

    # -- loading --

    def add_events(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows with event_id, start_time, end_time (ISO, local or with offset), site, camera_id,
        event_type; optional actors, zones, label, sub_label, description, confidence."""
        self.database.executemany(
            f"INSERT INTO events VALUES ({','.join('?' * 20)})",
            (self._row(one) for one in rows),
        )
        self.database.commit()

    def add_clips(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Rows with site, camera_id, start_time, end_time: when each camera recorded."""
        for one in rows:
            start, end = (to_instant(one[name], self.zone) for name in ("start_time", "end_time"))
            self.database.execute(
                "INSERT INTO clips VALUES (?,?,?,?)",
                (one["site"], one["camera_id"], milliseconds(start), milliseconds(end)),
            )
        self.database.execute(
            "INSERT OR IGNORE INTO cameras SELECT DISTINCT camera, site FROM clips"
        )
        self.database.commit()

    def _row(self, one: Mapping[str, Any]) -> tuple[Any, ...]:
        start = to_instant(one["start_time"], self.zone)
        end = to_instant(one["end_time"], self.zone) if one.get("end_time") else None
        local = start.astimezone(self.zone)
        start_ms = milliseconds(start)
        end_ms = None if end is None else milliseconds(end)
        kind = one["event_type"]
        return (
            one["event_id"],
            one["site"],
            one["camera_id"],
            kind,
            one.get("actors", 1),
            start_ms,
            end_ms,
            None if end_ms is None else end_ms - start_ms,
            local.replace(tzinfo=None).isoformat(timespec="milliseconds"),
            local.date().isoformat(),
            local.hour,
            local.hour * 60 + local.minute,
            local.isoweekday(),
            kind.startswith(("person_", "hand_")) or kind == "person",
            kind.startswith("vehicle_"),
            "|" + "|".join(one.get("zones", ())) + "|",
            one.get("label", ""),
            one.get("sub_label", ""),
            one.get("description", ""),
            one.get("confidence"),
        )

    # -- names --

    def names(self) -> frozenset[str]:
        """Ids and names of cameras, sites and zones: digits in them ("Level 1") are no numbers."""
        rows = self.database.execute("SELECT camera FROM cameras UNION SELECT site FROM cameras")
        return frozenset(name for (name,) in rows) | self.titles

    def cameras(self, sites: Sequence[str] = ()) -> set[str]:
        """Camera ids, of the given sites or of all."""
        rows = self.database.execute("SELECT camera, site FROM cameras")
        return {camera for camera, site in rows if not sites or site in sites}

    # -- answers --

    def span(self, item: Item, window: tuple[str, str] | None) -> tuple[int | None, int]:
        """A window's bounds in milliseconds, the end cut at the item's present."""
        now = milliseconds(item.as_of)
        if window is None:
            return None, now
        zone = item.zone_info
        start = milliseconds(to_instant(window[0], zone))
        return start, min(milliseconds(to_instant(window[1], zone, end=True)), now)

    def condition(self, item: Item) -> str:
        """The item's filter but for its window, as SQL."""
        parts = [f"({item.where or 1})"]
        if (mask := item.repeating) is not None:
            parts.append(mask.sql())
        if item.threshold is not None:
            parts.append(f"duration_ms > {round(item.threshold * 1000)}")
        if item.at_least is not None:
            parts.append(f"duration_ms >= {round(item.at_least * 1000)}")
        return " AND ".join(parts)

    def gold(self, item: Item) -> Gold:
        """What the data says. Raises sqlite3.Error when an item's SQL is wrong."""
        start, end = self.span(item, item.window)
        bound = {"start": -(10**15) if start is None else start, "end": end}
        bound["now"] = milliseconds(item.as_of)
        mask = item.repeating
        began = mask.began_sql() if mask else "date"
        self.database.execute("DROP TABLE IF EXISTS temp.matched")
        self.database.execute(
            f"CREATE TEMP TABLE matched AS SELECT *, {began} AS began FROM events "
            f"WHERE start_ms >= :start AND start_ms < :end AND {self.condition(item)}",
            bound,
        )
        found: dict[str, Any] = {"start": start, "end": end}
        found["values"] = {
            name: self.database.execute(sql, bound).fetchone()[0]
            for name, sql in item.values.items()
        }
        if not item.where:
            return Gold(**found)
        found["total"] = self.scalar("SELECT count(*) FROM matched")
        found["matched"] = self._ids("SELECT event_id FROM matched", {})
        found["ongoing"] = self._ids(
            f"SELECT event_id FROM events WHERE start_ms < :start AND end_ms > :start "
            f"AND {self.condition(item)}",
            bound,
        )
        found["groups"] = {
            name: dict(self.database.execute(sql, bound).fetchall())
            for name, sql in item.groups.items()
        }
        if item.versus is not None:
            versus = self.span(item, item.versus)
            found["versus"] = versus
            found["compared"] = self.database.execute(
                "SELECT count(*) FROM events WHERE start_ms >= ? AND start_ms < ? AND "
                + self.condition(item),
                versus,
            ).fetchone()[0]
        if item.rank:
            found["ranking"] = self._ranking(item)
        if item.trend:
            found["trend"] = (f"events_by_{item.trend}", dict(self._groups(item.trend)))
        for name, edge in (("first", "min(start_ms)"), ("last", "max(start_ms)")):
            if getattr(item, name):
                found[name] = self._edge("start_ms", edge)
        if item.longest:
            found["longest"] = self._edge("duration_ms", "max(duration_ms)")
        if item.mean:
            found["mean"] = self.scalar("SELECT avg(duration_ms) / 1000.0 FROM matched")
        if item.window and (item.coverage or item.uncovered or item.rank.startswith("quiet")):
            recorded = self.recorded(item)
            found["recorded_seconds"] = sum(recorded.values()) / 1000
            asked = sum(b - a for a, b in self._asked(item))
            found["window_seconds"] = asked * len(recorded) / 1000
        return Gold(**found)

    def recorded(self, item: Item) -> dict[str, int]:
        """Milliseconds that each camera asked about recorded within window and mask."""
        scope = set(item.cameras) or self.cameras(item.sites)
        asked = list(self._asked(item))
        found = dict.fromkeys(sorted(scope), 0)
        rows = self.database.execute(
            "SELECT camera, start_ms, end_ms FROM clips ORDER BY camera, start_ms"
        )
        reached: dict[str, int] = {}
        for camera, begun, ended in rows:
            begun = max(begun, reached.get(camera, begun))  # clips may overlap
            reached[camera] = max(ended, reached.get(camera, ended))
            if camera in found:
                for left, right in asked:
                    found[camera] += max(0, min(ended, right) - max(begun, left))
        return found

    def scalar(self, sql: str) -> Any:
        """The one value of a statement."""
        return self.database.execute(sql).fetchone()[0]

    def _asked(self, item: Item) -> Iterator[tuple[int, int]]:
        """The instants of window and mask, as spans in milliseconds."""
        start, end = self.span(item, item.window)
        assert start is not None
        mask = item.repeating
        if mask is None:
            yield start, end
            return
        zone = item.zone_info
        day = datetime.fromtimestamp(start / 1000, zone).date() - timedelta(days=1)
        last = datetime.fromtimestamp(end / 1000, zone).date()
        while day <= last:
            if not mask.weekdays or day.isoweekday() in mask.weekdays:
                for begins, ends in mask.ranges or ((0, 1440),):
                    left = milliseconds(to_instant(_wall(day, begins), zone))
                    over = ends + 1440 if ends < begins else ends
                    right = milliseconds(to_instant(_wall(day, over), zone, end=True))
                    if max(left, start) < min(right, end):
                        yield max(left, start), min(right, end)
            day += timedelta(days=1)

    def _groups(self, key: str) -> list[tuple[str, int]]:
        group = GROUP_SQL[key]
        rows = self.database.execute(
            f"SELECT {group}, count(*) FROM matched WHERE {group} != '' GROUP BY 1 "
            "ORDER BY 2 DESC, 1"
        )
        return [(str(name), count) for name, count in rows]

    def _ranking(self, item: Item) -> tuple[str, list[tuple[str, int]]]:
        order, key = item.rank.split()
        counts = self._groups(key)
        if order == "quietest":
            have = dict(counts)
            if key == "camera":
                have = {c: have.get(c, 0) for c, ms in self.recorded(item).items() if ms > 0}
            counts = sorted(have.items(), key=lambda pair: (pair[1], pair[0]))
        return f"events_by_{key}", counts

    def _edge(self, column: str, edge: str) -> tuple[int, frozenset[str]] | None:
        value = self.scalar(f"SELECT {edge} FROM matched")
        if value is None:
            return None
        ids = self._ids(f"SELECT event_id FROM matched WHERE {column} = :v", {"v": value})
        return value, ids

    def _ids(self, sql: str, bound: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(one for (one,) in self.database.execute(sql, bound))


def _wall(day: date, minute: int) -> str:
    return (datetime.combine(day, time()) + timedelta(minutes=minute)).isoformat()


def load_recorded_site() -> Site:
    """The recorded site from its two files. Raises FileNotFoundError where they are missing."""
    folder = data_folder() / "meva"
    site = Site("America/Indiana/Indianapolis")
    with gzip.open(folder / "events.jsonl.gz", "rt", encoding="utf-8") as file:
        site.add_events(json.loads(line) for line in file)
    with gzip.open(folder / "clips.csv.gz", "rt", encoding="utf-8", newline="") as file:
        site.add_clips(csv.DictReader(file))
    return site
