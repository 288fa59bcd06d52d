"""Events as evidence: which ones stand for all that matches, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Evidence
from enhanced_prompt_service.domain.events import Event

from .clarify import plain_name
from .index import Index
from .kinds import spoken
from .words import name_words, stem

MOST_EVIDENCE = 10


def spread(events: Iterable[Event], most: int = MOST_EVIDENCE) -> list[Event]:
    """A few events that stand for many, in order of time.

    The first and the last, then by turns one of each camera and type.
    """
    ordered = sorted(
        {one.event_id: one for one in events}.values(),
        key=lambda one: (one.start_time, one.camera_id, one.event_id),
    )
    if len(ordered) <= most:
        return ordered
    chosen = {ordered[0].event_id: ordered[0], ordered[-1].event_id: ordered[-1]}
    piles: dict[tuple[str, str], list[Event]] = {}
    for one in ordered[1:-1]:
        piles.setdefault((one.camera_id, one.event_type), []).append(one)
    turns = list(piles.values())
    while len(chosen) < most and turns:
        for pile in list(turns):
            if len(chosen) >= most:
                break
            taken = pile.pop(len(pile) // 2)
            chosen[taken.event_id] = taken
            if not pile:
                turns.remove(pile)
    return sorted(chosen.values(), key=lambda one: (one.start_time, one.camera_id, one.event_id))


def as_evidence(event: Event, index: Index) -> Evidence:
    """An event with a description, in its site's local time, and real addresses only.

    Where the source gave no confidence the event is taken as it is (1); the answer's metadata
    says how many those are.
    """
    return Evidence(
        event_id=event.event_id,
        timestamp=event.start_time,
        camera_id=event.camera_id,
        event_type=event.event_type,
        confidence=1.0 if event.confidence is None else event.confidence,
        description=event.description.strip() or described(event, index),
        end_time=event.end_time,
        site=event.site,
        zones=event.zones,
        label=event.label,
        participants=event.participants,
        clip_url=event.clip_url or clip_url(event, index),
        snapshot_url=event.snapshot_url,
    )


def described(event: Event, index: Index) -> str:
    """ "Person opens facility door at School camera G330, 14:02:11"."""
    what = spoken(event.event_type) or "event"
    parts = set(name_words(event.event_type))
    if event.label and not set(name_words(event.label)) <= parts:
        label = event.sub_label or event.label
        what = f"{what} ({label})"
    site = index.names.sites.get(event.site)
    zone = site.zone_info if site is not None else ZoneInfo("UTC")
    local = event.start_time.astimezone(zone)
    name = plain_name(index.camera_name(event.camera_id, event.site))
    return f"{what[0].upper()}{what[1:]} at {name}, {local:%H:%M:%S}"


def clip_url(event: Event, index: Index) -> str:
    """The clip's address by its site's template; "" where there is none."""
    site = index.names.sites.get(event.site)
    if site is None or not site.clip_url_template:
        return ""
    url = site.clip_url_template
    end = event.end_time or event.start_time
    for name, value in (
        ("event_id", event.event_id),
        ("camera_id", event.camera_id),
        ("start", _iso(event.start_time)),
        ("end", _iso(end)),
    ):
        url = url.replace("{" + name + "}", quote(value, safe=""))
    return url


def has_all_words(event: Event, words: Sequence[str]) -> bool:
    """Whether what an event says has all words, by their stems."""
    text = " ".join(
        (
            event.event_type,
            event.label,
            event.sub_label,
            *event.zones,
            event.description,
            *event.attributes.values(),
        )
    )
    held = set(name_words(text))
    return all(stem(word.casefold()) in held for word in words)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
