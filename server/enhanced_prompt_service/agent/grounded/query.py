"""What a question means, as data: the engine's only language between its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enhanced_prompt_service.domain.answers import (
    CoverageReport,
    Evidence,
    Interpretation,
    QuestionType,
)
from enhanced_prompt_service.domain.events import (
    Coverage,
    GroupBy,
    GroupRow,
    Selection,
    Totals,
)
from enhanced_prompt_service.domain.forecasts import Forecast, TooLittleHistory
from enhanced_prompt_service.domain.insights import Insight
from enhanced_prompt_service.domain.times import Interval, RecurringMask

from .index import Index
from .intents import Aspect
from .kinds import Pair
from .question import Threshold

STILL = timedelta(hours=1)
STRICTLY = 1e-6  # durations are kept in microseconds: "over 5 minutes" begins one beyond them


@dataclass(frozen=True, slots=True)
class Query:
    """One understood question.

    `windows` are disjoint and sorted, already cut at `now` (those of a prediction lie behind it);
    empty is all that was recorded up to `now`. `mask` holds in the local time of each event's site.
    `None` in a set narrows nothing. `nothing` says why no event can match, "" otherwise. `other` is
    the second window of a comparison. `notice` is the whole text of a clarification or refusal and
    `choices` its complete follow-up questions. Fields that only colour the wording take no part in
    equality: the same question in other words is the same Query.
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
    threshold: Threshold | None = None
    group_by: GroupBy | None = None
    limit: int = 0
    event_id: str = ""
    other: Interval | None = None
    nothing: str = ""
    notice: str = field(default="", compare=False)
    choices: tuple[str, ...] = field(default=(), compare=False)
    index: Index | None = field(default=None, compare=False, repr=False)
    subject: str = field(default="", compare=False)
    groups: tuple[tuple[str, frozenset[Pair]], ...] = field(default=(), compare=False)
    sides: tuple[str, ...] = field(default=(), compare=False)  # groups compared, as named
    moment: datetime | None = field(default=None, compare=False)
    unsure_words: tuple[str, ...] = field(default=(), compare=False)
    certainty: Mapping[str, float] = field(default_factory=dict[str, float], compare=False)
    assumptions: tuple[str, ...] = field(default=(), compare=False)
    interpretation: Interpretation = field(
        default=Interpretation(QuestionType.CLARIFY), compare=False, repr=False
    )

    @property
    def time_range(self) -> Interval | None:
        """From the first window's start to the last one's end; None without a window."""
        if not self.windows:
            return None
        return Interval(self.windows[0].start, self.windows[-1].end)

    @property
    def settled(self) -> bool:
        """Whether understanding alone answers it: a clarification or a refusal."""
        return bool(self.notice) and not self.unsure_words

    @property
    def known_index(self) -> Index:
        """The index that it was understood with."""
        assert self.index is not None
        return self.index

    def selection(self) -> Selection:
        """The events that match."""
        shortest, longest = None, None
        if self.threshold is not None:
            match self.threshold.kind:
                case "under":
                    longest = self.threshold.seconds - STRICTLY
                case "over":
                    shortest = self.threshold.seconds + STRICTLY
                case _:
                    shortest = self.threshold.seconds
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
            min_duration_s=shortest,
            max_duration_s=longest,
            as_of=self.now,
        )

    def ongoing(self) -> Selection | None:
        """What had begun before the first window and still went on at its start.

        Many sources never say an end, so an event without one counts only where it may well go on
        now: in a window of the last hour, if it began in the hour before.
        """
        if not self.windows or self.mask is not None:
            return None
        start = self.windows[0].start
        selection = replace(self.selection(), windows=(), ongoing_at=start)
        if self.now - start <= STILL:
            return replace(selection, windows=(Interval(start - STILL, start),))
        if selection.min_duration_s is None:
            selection = replace(selection, min_duration_s=0.0)  # it has an end
        return selection

    def describe(self) -> str:
        """One line about what will be looked up."""
        parts = [self.question_type.value]
        for name, values in (
            ("cameras", self.cameras),
            ("sites", self.sites),
            ("zones", self.zones),
            ("types", self.event_types),
            ("labels", self.labels),
        ):
            if values:
                parts.append(f"{name}={','.join(sorted(values))}")
        if self.text:
            parts.append(f"text={self.text}")
        window = self.time_range
        if window is not None:
            parts.append(f"{window.start:%Y-%m-%dT%H:%M:%SZ}/{window.end:%Y-%m-%dT%H:%M:%SZ}")
        return " ".join(parts)


NO_TOTALS = Totals(
    matches=0, participants=0, mean_confidence=None, first_start=None, last_start=None
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What storage said about a Query. Counts are over all that matches, evidence is a page."""

    totals: Totals = NO_TOTALS
    other_totals: Totals | None = None
    groups: Mapping[tuple[GroupBy, ...], tuple[GroupRow, ...]] = field(
        default_factory=dict[tuple[GroupBy, ...], tuple[GroupRow, ...]]
    )
    evidence: tuple[Evidence, ...] = ()
    first: Evidence | None = None
    last: Evidence | None = None
    longest: Evidence | None = None
    ongoing: int = 0
    ongoing_evidence: tuple[Evidence, ...] = ()
    coverage: CoverageReport | None = None
    other_coverage: CoverageReport | None = None
    recorded_by_camera: Mapping[str, float] = field(default_factory=dict[str, float])
    asked_cameras: Mapping[str, str] = field(default_factory=dict[str, str])  # id to site
    known: Mapping[str, Interval] = field(default_factory=dict[str, Interval])
    elsewhere: tuple[Interval, ...] = ()  # nearest recorded spans, where none was in the window
    states: Mapping[str, Coverage] = field(default_factory=dict[str, Coverage])
    missing_words: tuple[str, ...] = ()  # of the searched text, those that occur in no event
    insights: tuple[Insight, ...] = ()  # of a question about what is out of the ordinary, or ahead
    forecast: Forecast | TooLittleHistory | None = None
    more_insights: bool = False  # than were looked at
    loose: bool = False  # no event has all words of the text, only some
    confidences: tuple[float | None, ...] = ()  # of the evidence, as the source gave them

    @property
    def total_matches(self) -> int:
        """All that matches."""
        return self.totals.matches

    def describe(self) -> str:
        """One line about what was found."""
        return f"{self.totals.matches:,} events match; {len(self.evidence)} shown"
