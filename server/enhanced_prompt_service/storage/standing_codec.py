"""Rules of standing questions and how far they were evaluated, as JSON with a version, and back."""

from __future__ import annotations

import json
from typing import Any

from ..domain.events import Selection
from ..domain.identity import Caller, Role
from ..domain.standing import Progress, Rule, Spell
from . import codec
from .instants import from_us, to_us

VERSION = 1
"""Of the documents. What is written in another one is not read: a migration brings it over."""
_NAMES = ("cameras", "sites", "zones", "event_types", "labels")


def dump_rule(rule: Rule) -> str:
    """A rule; what it chooses has neither windows nor a mask of its own."""
    chosen = rule.chosen
    return codec.dump(
        {
            "version": VERSION,
            "zone": rule.zone,
            "mask": None if rule.mask is None else codec.mask(rule.mask),
            "interpretation": codec.interpretation(rule.interpretation),
            "chosen": {
                **{name: _names(getattr(chosen, name)) for name in _NAMES},
                "type_or_label": chosen.type_or_label,
                "text": chosen.text,
                "min_confidence": chosen.min_confidence,
            },
        }
    )


def load_rule(text: str) -> Rule:
    """What `dump_rule` wrote."""
    raw = _read(text)
    chosen = raw["chosen"]
    sets: dict[str, Any] = {
        name: None if chosen[name] is None else frozenset(chosen[name]) for name in _NAMES
    }
    return Rule(
        Selection(
            **sets,
            type_or_label=chosen["type_or_label"],
            text=chosen["text"],
            min_confidence=chosen["min_confidence"],
        ),
        raw["zone"],
        None if raw["mask"] is None else codec.read_mask(raw["mask"]),
        codec.read_interpretation(raw["interpretation"]),
    )


def dump_progress(progress: Progress) -> str:
    """How far a question was evaluated."""
    return codec.dump(
        {
            "version": VERSION,
            "since": to_us(progress.since),
            "position": to_us(progress.position),
            "seen": {name: to_us(at) for name, at in sorted(progress.seen.items())},
            "spells": [
                {
                    "times": [to_us(at) for at in (one.start, one.end, one.first, one.last)],
                    "hits": one.hits,
                    "cameras": one.cameras,
                    "sites": one.sites,
                    "zones": one.zones,
                    "restricted": one.restricted,
                }
                for one in progress.spells
            ],
        }
    )


def load_progress(text: str) -> Progress:
    """What `dump_progress` wrote."""
    raw = _read(text)
    return Progress(
        from_us(raw["since"]),
        from_us(raw["position"]),
        {name: from_us(at) for name, at in raw["seen"].items()},
        tuple(_spell(one) for one in raw["spells"]),
    )


def dump_owner(owner: Caller) -> str:
    """What of a caller is no column of its own."""
    return codec.dump(
        {
            "role": owner.role.value,
            "cameras": _names(owner.cameras),
            "sites": _names(owner.sites),
        }
    )


def load_owner(tenant: str, user: str, raw: dict[str, Any]) -> Caller:
    """The caller that `dump_owner` wrote of."""
    cameras, sites = raw["cameras"], raw["sites"]
    return Caller(
        tenant,
        user,
        role=Role(raw["role"]),
        cameras=None if cameras is None else frozenset(cameras),
        sites=None if sites is None else frozenset(sites),
    )


def _spell(raw: dict[str, Any]) -> Spell:
    start, end, first, last = (from_us(at) for at in raw["times"])
    return Spell(
        start,
        end,
        raw["hits"],
        first,
        last,
        tuple(raw["cameras"]),
        tuple(raw["sites"]),
        tuple(raw["zones"]),
        raw["restricted"],
    )


def _names(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _read(text: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(text)
    if raw.get("version") != VERSION:
        raise ValueError(f"a document of version {raw.get('version')!r}, not {VERSION}")
    return raw
