"""What a question means, as data: the engine's only language between its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from enhanced_prompt_service.domain.answers import CoverageReport, QuestionType
from enhanced_prompt_service.domain.events import (
    Coverage,
    Event,
    GroupBy,
    GroupRow,
    Selection,
    Totals,
)
from enhanced_prompt_service.domain.times import Interval, RecurringMask

from .index import Index


class Aspect(StrEnum):
    """Which side of its question type is asked for."""

    NONE = ""
    FIRST = "first"  # when: the first one; rank: the most
    LAST = "last"  # when: the last one; rank: the least
    QUIET = "quiet"  # rank: which ones saw nothing
    LONGEST = "longest"
    SHORTEST = "shortest"
    MEAN = "mean"
    THRESHOLD = "threshold"
    CAMERAS = "cameras"  # health: what there is
    STATES = "states"  # health: what records now
    DETECTS = "detects"  # health: what can be seen
    SITES = "sites"
    ZONES = "zones"
    RECORDED = "recorded"  # health: when footage exists
    ONE_EVENT = "one_event"  # follow-up: more about one piece of evidence
    CLIPS = "clips"


@dataclass(frozen=True, slots=True)
class Query:
    """One understood question.

    `windows` are disjoint and sorted, already cut at `now`; empty is all that was recorded up to
    `now`. `mask` holds in the local time of each event's site. `None` in a set narrows nothing.
    `other` is the second side of a comparison. `notice` is the whole text of a clarification or
    refusal and `choices` its complete follow-up questions. Fields that only colour the wording
    take no part in equality: the same question in other words is the same Query.
    """

    question_type: QuestionType
    now: datetime
    zone: str = "UTC"
    aspect: Aspect = Aspect.NONE
    windows: tuple[Interval, ...] = ()
    mask: RecurringMask | None = None
    cameras: frozenset[str] | None = None
    sites: frozenset[str] | None = None
    zones: frozenset[str] | None = None
    event_types: frozenset[str] | None = None
    labels: frozenset[str] | None = None
    type_or_label: bool = False
    text: str = ""
    min_confidence: float | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    threshold_s: float | None = None
    group_by: GroupBy | None = None
    order: str = ""
    limit: int = 0
    event_id: str = ""
    other: Query | None = None
    notice: str = ""
    choices: tuple[str, ...] = ()
    subject: str = field(default="", compare=False)  # "person" → "person events"
    text_required: bool = field(default=False, compare=False)
    moment: datetime | None = field(default=None, compare=False)
    grain: str = field(default="", compare=False)
    certainty: Mapping[str, float] = field(default_factory=dict[str, float], compare=False)
    assumptions: tuple[str, ...] = field(default=(), compare=False)
    index: Index | None = field(default=None, compare=False, repr=False)

    @property
    def time_range(self) -> Interval | None:
        """From the first window's start to the last one's end; None without a window."""
        if not self.windows:
            return None
        return Interval(self.windows[0].start, self.windows[-1].end)

    @property
    def settled(self) -> bool:
        """Whether understanding alone answers it: a clarification or a refusal."""
        return self.question_type in (QuestionType.CLARIFY, QuestionType.REFUSE)

    def selection(self) -> Selection:
        """The events that match."""
        return Selection(
            windows=self.windows,
            mask=self.mask,
            cameras=self.cameras,
            sites=self.sites,
            zones=self.zones,
            event_types=self.event_types,
            labels=self.labels,
            type_or_label=self.type_or_label,
            text=self.text,
            min_confidence=self.min_confidence,
            min_duration_s=self.min_duration_s,
            max_duration_s=self.max_duration_s,
            as_of=self.now,
        )

    def ongoing_selection(self) -> Selection | None:
        """What had begun before the first window and still went on at its start."""
        if not self.windows:
            return None
        return replace(self.selection(), windows=(), mask=None, ongoing_at=self.windows[0].start)


@dataclass(frozen=True, slots=True)
class Findings:
    """What storage said about a Query. Counts are over all that matches, events are a page."""

    totals: Totals
    other_totals: Totals | None = None
    groups: Mapping[GroupBy, tuple[GroupRow, ...]] = field(
        default_factory=dict[GroupBy, tuple[GroupRow, ...]]
    )
    evidence: tuple[Event, ...] = ()
    first: Event | None = None
    last: Event | None = None
    longest: Event | None = None
    ongoing: int = 0
    ongoing_evidence: tuple[Event, ...] = ()
    coverage: CoverageReport | None = None
    other_coverage: CoverageReport | None = None
    recorded_by_camera: Mapping[str, float] = field(default_factory=dict[str, float])
    elsewhere: tuple[Interval, ...] = ()  # nearest recorded windows, where none was in this one
    states: Mapping[str, Coverage] = field(default_factory=dict[str, Coverage])
    known: Mapping[str, Interval] = field(default_factory=dict[str, Interval])
    text_occurs: bool = True  # whether the free text fits anything at all, whenever


NO_TOTALS = Totals(
    matches=0, participants=0, mean_confidence=None, first_start=None, last_start=None
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
