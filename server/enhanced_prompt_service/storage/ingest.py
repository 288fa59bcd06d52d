"""Storing events: set-wise, in one transaction, each event once.

All new events go in with one bulk statement that leaves known ids alone; only if some were known
are the stored rows read and compared. Counts by kind and hour follow in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Text, bindparam, select

from ..domain.events import Event, Ingested
from . import bulk, dialects, event_sums, kinds, tenancy
from .instants import HOUR, to_us
from .kinds import KindIds, KindKey
from .local_time import LocalTimes
from .session import Session, Statement, slot
from .tables import events, sites
from .words import storable, words


@dataclass(slots=True)
class Memory:
    """What the process remembers between batches: never more than the database says."""

    kind_ids: KindIds
    local_times: dict[str, LocalTimes]

    def clock(self, zone: str) -> LocalTimes:
        """The clock of an IANA zone."""
        found = self.local_times.get(zone)
        if found is None:
            found = self.local_times[zone] = LocalTimes(ZoneInfo(zone))
        return found


@dataclass(frozen=True, slots=True)
class Stored:
    """What one transaction made of a batch; `kinds` may be remembered once it is committed."""

    outcomes: list[Ingested]
    kinds: dict[KindKey, int]


def ingest(
    session: Session,
    tenant: str,
    batch: Sequence[Event],
    *,
    memory: Memory,
    default_zone: str,
) -> Stored:
    """Store a batch; an event that stands in it twice is stored, then updated."""
    longest, undeclared_zone = tenancy.lock(session, tenant, default_zone)
    clock_of = _clocks(session, tenant, memory, undeclared_zone)
    keys = [_key(one) for one in batch]
    different = dict.fromkeys(keys)
    kind_ids = memory.kind_ids.find(tenant, different)
    if len(kind_ids) < len(different):
        kind_ids |= kinds.resolve(session, tenant, different.keys() - kind_ids.keys())
    kind_of = [kind_ids[key] for key in keys]
    outcomes: list[Ingested] = [Ingested.DUPLICATE] * len(batch)
    changed = other_kinds = False
    for numbers in _rounds(batch):
        rows, texts = _rows(tenant, batch, numbers, kind_of, clock_of)
        longest = max(longest, *(row[END] - row[START] for row in rows if row[END] is not None), 0)
        new = bulk.insert(session, rows, texts)
        if new.rows:
            event_sums.add(session, new)
            other_kinds |= kinds.add(session, tenant, new)
            changed = True
        if len(new.rows) == len(rows):
            for number in numbers:
                outcomes[number] = Ingested.CREATED
            continue
        created = {row[EVENT_ID] for row in new.rows}
        known = {
            row[EVENT_ID]: (row, text)
            for row, text in zip(rows, texts, strict=True)
            if row[EVENT_ID] not in created
        }
        updated, moved = _update(session, tenant, known)
        for number, row in zip(numbers, rows, strict=True):
            if row[EVENT_ID] in created:
                outcomes[number] = Ingested.CREATED
            elif row[EVENT_ID] in updated:
                outcomes[number] = Ingested.UPDATED
        changed |= bool(updated)
        other_kinds |= moved
    if changed:
        tenancy.changed(session, tenant, catalogue=other_kinds, longest_us=longest)
    return Stored(outcomes, kind_ids)


# Positions in a row, which is a tuple in the order of `bulk.COLUMNS`.
EVENT_ID, KIND, START, END = (
    bulk.COLUMNS.index(name) for name in ("event_id", "kind_id", "start_us", "end_us")
)
_SAID_BY = tuple(bulk.COLUMNS.index(name) for name in ("kind_id", "description", "attributes"))


def _key(one: Event) -> KindKey:
    return (one.site, one.camera_id, one.event_type, one.label, one.sub_label, one.zones)


def _clocks(
    session: Session, tenant: str, memory: Memory, undeclared_zone: str
) -> Callable[[str], LocalTimes]:
    rows = session.run("zones of sites", _zones_of_sites, {"tenant": tenant})
    declared = {row.site_id: row.time_zone for row in rows}
    return lambda site: memory.clock(declared.get(site, undeclared_zone))


def _zones_of_sites() -> Statement:
    return select(sites.c.site_id, sites.c.time_zone).where(
        sites.c.tenant == slot("tenant", Text())
    )


def _rounds(batch: Sequence[Event]) -> list[list[int]]:
    """Positions of the batch, split so that no id comes twice in one round."""
    if len({one.event_id for one in batch}) == len(batch):
        return [list(range(len(batch)))] if batch else []
    rounds: list[list[int]] = []
    times: dict[str, int] = {}
    for number, one in enumerate(batch):
        event_id = storable(one.event_id)
        turn = times[event_id] = times.get(event_id, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(number)
    return rounds


def _rows(
    tenant: str,
    batch: Sequence[Event],
    numbers: Sequence[int],
    kind_of: Sequence[int],
    clock_of: Callable[[str], LocalTimes],
) -> tuple[list[bulk.EventRow], list[str]]:
    """Rows of events, and the words of each."""
    rows: list[bulk.EventRow] = []
    texts: list[str] = []
    clocks: dict[str, LocalTimes] = {}
    said: dict[int, str] = {}
    for number in numbers:
        one = batch[number]
        kind = kind_of[number]
        start = to_us(one.start_time)
        clock = clocks.get(one.site)
        if clock is None:
            clock = clocks[one.site] = clock_of(one.site)
        day, minute, weekday = clock.parts(start)
        text = said.get(kind)
        if text is None:
            text = said[kind] = _words_of_kind(one)
        if one.description or one.attributes:
            text = " ".join([text, *words(one.description), *_words_of_attributes(one)])
        texts.append(text)
        rows.append(
            (
                tenant,
                storable(one.event_id),
                kind,
                start,
                None if one.end_time is None else to_us(one.end_time),
                one.confidence,
                one.participants,
                day,
                minute,
                weekday,
                one.description and storable(one.description),
                one.clip_url and storable(one.clip_url),
                one.snapshot_url and storable(one.snapshot_url),
                json.dumps(dict(one.attributes), sort_keys=True) if one.attributes else "",
                one.source and storable(one.source),
            )
        )
    return rows, texts


def _words_of_kind(one: Event) -> str:
    """A type's name, its labels and its zones are words of the event too."""
    return " ".join(words(" ".join((one.event_type, one.label, one.sub_label, *one.zones))))


def _words_of_attributes(one: Event) -> list[str]:
    return words(" ".join(one.attributes.values()))


def _update(
    session: Session, tenant: str, known: Mapping[str, tuple[bulk.EventRow, str]]
) -> tuple[set[str], bool]:
    """Replace known events that differ: their ids, and whether another set of kinds occurs."""
    stored = session.execute(
        select(events.c.id, *(events.c[name] for name in bulk.COLUMNS)).where(
            events.c.tenant == tenant,
            dialects.among(session, events.c.event_id, list(known)),
        )
    )
    changes: list[dict[str, Any]] = []
    texts: list[tuple[int, str]] = []
    hours: set[tuple[int, int]] = set()
    more: dict[int, int] = {}
    for number, *old in stored:
        new, text = known[old[EVENT_ID]]
        if tuple(old) == new:
            continue
        changes.append({"row": number, **dict(zip(bulk.COLUMNS, new, strict=True))})
        if any(old[column] != new[column] for column in _SAID_BY):
            texts.append((number, text))
        for row, count in ((old, -1), (new, 1)):
            hours.add((row[KIND], row[START] // HOUR))
            more[row[KIND]] = more.get(row[KIND], 0) + count
    if not changes:
        return set(), False
    session.execute(
        events.update()
        .where(events.c.id == bindparam("row"))
        .values({name: bindparam(name) for name in bulk.COLUMNS}),
        changes,
    )
    bulk.replace_text(session, texts)
    event_sums.renew(session, tenant, hours)
    moved = kinds.recount(session, tenant, more)
    return {change["event_id"] for change in changes}, moved
