"""What a time phrase is made of, before a clock and a zone give it meaning.

The scanner turns tokens into these; `resolve` turns them into instants. They are symbolic
("yesterday", "the 14th"), so that scanning needs neither the present nor a time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

NOON = 12 * 3600
DAY_SECONDS = 24 * 3600


class Sure(Enum):
    """How much a clock time says about the half of the day."""

    EXACT = 0  # 13 or more, a leading zero, noon, midnight
    HALF = 1  # am or pm was said
    SOFT = 2  # "9:30": of the 24-hour clock, unless its range or day part says pm
    BARE = 3  # "2": either half


@dataclass(frozen=True, slots=True)
class ClockTime:
    """Second of the local day, 0 to 86,400."""

    second: int
    sure: Sure = Sure.EXACT


@dataclass(frozen=True, slots=True)
class ClockPoint:
    """A moment of the day, give or take some minutes."""

    at: ClockTime
    slack_minutes: int


@dataclass(frozen=True, slots=True)
class ClockRange:
    """A part of the day by the clock; one end may be open ("after 6 pm")."""

    start: ClockTime | None
    end: ClockTime | None


@dataclass(frozen=True, slots=True)
class Part:
    """A named part of the day. `day` is the offset meant where nothing else names a day."""

    name: str
    shape: str = ""  # "early", "late"
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Business:
    """Business hours, or the time outside of them."""

    inside: bool


@dataclass(frozen=True, slots=True)
class Day:
    """A day by its distance from today."""

    offset: int


@dataclass(frozen=True, slots=True)
class Weekday:
    """A day of the week, ISO 1 to 7. `mode` is recent, last, this or next."""

    day: int
    mode: str = "recent"


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date with parts left out; without a day it is a month, without both a year."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    mode: str = "recent"


@dataclass(frozen=True, slots=True)
class Period:
    """The calendar week, month, quarter or year, by its distance from the running one."""

    unit: str
    offset: int


@dataclass(frozen=True, slots=True)
class Weekend:
    """Saturday and Sunday. `mode` is over, last, this or next."""

    mode: str


@dataclass(frozen=True, slots=True)
class Ago:
    """A day, or for hours and less a moment, so long ago."""

    count: float
    unit: str


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last (or next) so many units, up to (or from) now."""

    count: float
    unit: str
    forward: bool = False


@dataclass(frozen=True, slots=True)
class Instant:
    """An ISO instant; naive is local."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Now:
    """The present moment."""


@dataclass(frozen=True, slots=True)
class Recent:
    """ "recently": vague."""


@dataclass(frozen=True, slots=True)
class AllTime:
    """Everything that was recorded, said so."""


@dataclass(frozen=True, slots=True)
class Every:
    """Something that repeats: on these weekdays (empty: each day), in this part of the day."""

    weekdays: frozenset[int] = frozenset()
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """What was spoken of before, moved: "the day before", "the same day last week".

    `whole_day` widens it to the whole local day; `alone` says that without anything before it,
    it is meant from today.
    """

    count: int
    unit: str
    whole_day: bool = False
    alone: bool = True
    adjacent: bool = False


@dataclass(frozen=True, slots=True)
class SameClock:
    """The time of day that was spoken of before ("the same hours")."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An open range: since, until, before or after what is inside."""

    kind: str
    inner: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """From one point to another, days included as a whole."""

    start: tuple[Element, ...]
    end: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Fraction:
    """Part `index` (from 0) of `parts` equal ones of what is inside."""

    index: int
    parts: int
    inner: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Edge:
    """The first (or last) so many units of what is inside, or the time just before or after."""

    count: float
    unit: str
    side: str  # first, last, before, after
    inner: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that looks like a time and cannot be one; `why` is a sentence about it."""

    why: str


Element = (
    ClockPoint
    | ClockRange
    | Part
    | Business
    | Day
    | Weekday
    | Date
    | Period
    | Weekend
    | Ago
    | Rolling
    | Instant
    | Now
    | Recent
    | AllTime
    | Every
    | Shift
    | SameClock
    | Bound
    | Range
    | Fraction
    | Edge
    | Wrong
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Elements that stand together, the tokens that they took, and how they are joined.

    `joined` says that "and", "or" or a comma leads over from the phrase before.
    """

    elements: tuple[Element, ...]
    start: int
    end: int
    joined: bool = False
