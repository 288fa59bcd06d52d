"""Descriptions of simulated events, in a detector's plain words."""

from __future__ import annotations

import random

COLOURS = ("dark", "light", "red", "blue", "green", "grey", "black", "white", "yellow", "brown")
GARMENTS = ("jacket", "coat", "hoodie", "suit", "shirt", "raincoat")
PAINTS = ("white", "black", "silver", "blue", "red", "grey", "green", "yellow")
THINGS = ("a box", "a backpack", "a laptop bag", "a heavy crate", "a ladder", "an umbrella",
          "a toolbox", "a suitcase", "two coffee cups", "a stack of folders")  # fmt: skip
PARCELS = ("A small parcel", "A large cardboard box", "A padded envelope", "A wrapped pallet",
           "A flat package", "A stack of boxes")  # fmt: skip
NUMBERS = ("", "One person", "Two people", "Three people", "Four people", "Five people")

MOVES = {
    "person_enters": (
        "entering by {place}",
        "coming in by {place}",
        "coming in by {place} with {thing}",
    ),
    "person_exits": ("leaving by {place}", "leaving by {place} with {thing}"),
    "person_detected": (
        "walking past {place}",
        "standing {where}",
        "talking on the phone {where}",
        "carrying {thing} {where}",
        "waiting {where}",
    ),
    "loitering": (
        "loitering {where}",
        "standing around {where} for a while",
        "walking up and down {where}",
    ),
    "vehicle_enters": ("driving in {where}", "arriving {where}"),
    "vehicle_exits": ("driving out {where}", "leaving {place}"),
    "vehicle_detected": (
        "moving {where}",
        "parked {where}",
        "reversing {where}",
        "turning {where}",
    ),
    "bicycle_detected": ("passing {place}",),
    "bicycle_parked": ("parked {where}",),
    "bicycle_taken": ("taken from {place}",),
    "animal_detected": ("crossing {place}", "sniffing around {where}"),
    "package_left": ("left {where}", "put down {where}"),
    "package_collected": ("picked up {where}",),
    "door_opened": ("opened {where}", "held open {where}"),
    "gate_opened": ("opened",),
    "gate_closed": ("closed",),
}
_PAINTED = frozenset({"car", "van", "truck", "motorcycle", "forklift", "bicycle"})


def describe(
    dice: random.Random, event_type: str, label: str, sub_label: str, participants: int, where: str
) -> str:
    """One sentence without a full stop; `where` is a preposition and a place.

    Always draws four numbers, so that a change of words never moves what is drawn after it.
    """
    place = where.split(" ", 1)[1]
    first, second, third, fourth = (dice.random() for _ in range(4))
    thing = _pick(THINGS, fourth)
    move = _pick(MOVES[event_type], third).format(where=where, place=place, thing=thing)
    return f"{_subject(label, sub_label, participants, first, second)} {move}"


def _subject(label: str, sub_label: str, participants: int, first: float, second: float) -> str:
    if label == "person":
        if sub_label:
            return f"Security {sub_label}"
        if participants > 1:
            return NUMBERS[participants]
        return f"Person in a {_pick(COLOURS, first)} {_pick(GARMENTS, second)}"
    if label == "package":
        return _pick(PARCELS, first)
    if label in _PAINTED:
        return f"{_pick(PAINTS, first).capitalize()} {label}"
    return label.capitalize()


def _pick(options: tuple[str, ...], uniform: float) -> str:
    return options[int(uniform * len(options))]
