"""A Query in the making: what the steps of understanding hand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from enhanced_prompt_service.domain.answers import QuestionType
from enhanced_prompt_service.domain.events import GroupBy
from enhanced_prompt_service.domain.times import Interval, RecurringMask

from .intents import Aspect
from .kinds import Pair
from .question import Threshold


@dataclass(slots=True)
class Draft:
    """A Query in the making."""

    type: QuestionType
    aspect: Aspect = Aspect.NONE
    group_by: GroupBy | None = None
    limit: int = 0
    pairs: frozenset[Pair] | None = None
    types: frozenset[str] | None = None  # exact types, where the kinds that occur do not have them
    subject: str = ""
    groups: tuple[tuple[str, frozenset[Pair]], ...] = ()
    sides: tuple[str, ...] = ()
    text: str = ""
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    windows: tuple[Interval, ...] = ()
    mask: RecurringMask | None = None
    other: Interval | None = None
    threshold: Threshold | None = None
    min_confidence: float | None = None
    event_id: str = ""
    moment: datetime | None = None
    retimed: bool = False  # a follow-up named another time
    nothing: str = ""
    unsure: tuple[str, ...] = ()
    notice: str = ""
    choices: tuple[str, ...] = ()
    assumptions: list[str] = field(default_factory=list[str])
    certainty: dict[str, float] = field(default_factory=dict[str, float])
