"""What the service noticed by itself: drafts of detectors, insights, and the log of their changes.

A detector says what it noticed in an `InsightDraft` and publishes it. The same `dedupe_key` is the
same thing seen again: while its insight is not resolved the draft merges into it, and the insight
grows; afterwards a new one begins. Every change of an insight is a revision, an entry of the
tenant's log with a position that rises in the order of commits (design 3, rule 17).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from .answers import Evidence, JsonValue
from .fences import Fence
from .identity import Caller
from .stores import Page
from .times import Interval

MAX_TITLE = 200
MAX_MESSAGE = 4_000
MAX_DEDUPE_KEY = 256
MAX_BASELINE = 200
MAX_EVIDENCE = 50
"""Pieces of evidence that an insight carries; `event_count` counts them all."""
MAX_RELATED = 50
MAX_ACTIONS = 20
MATTERS_FOR = timedelta(hours=24)
"""How long after its window an insight matters, where its draft does not say."""
REPEATED_WITHIN = timedelta(hours=24)
"""An insight whose dedupe_key had another one so shortly before is one step less urgent."""


class InsightType(StrEnum):
    """The seeds' kinds of insight."""

    ACTIVITY_SPIKE = "activity_spike"
    CAMERA_PERFORMANCE = "camera_performance"
    SECURITY_ANOMALY = "security_anomaly"
    PREDICTION = "prediction"


class Severity(IntEnum):
    """How bad it is; larger is worse. `word` is the seeds' spelling."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """`low` to `critical`."""
        return self.name.lower()


class InsightStatus(StrEnum):
    """Where an insight stands. Only a resolved one lets its dedupe_key begin anew."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Change(StrEnum):
    """What a revision changed."""

    CREATED = "created"
    GREW = "grew"
    ACKNOWLEDGED = "acknowledged"
    MUTED = "muted"
    RESOLVED = "resolved"


class Verdict(StrEnum):
    """An operator's judgement."""

    NONE = ""
    USEFUL = "useful"
    FALSE_ALARM = "false_alarm"


@dataclass(frozen=True, slots=True)
class ExpectedInterval:
    """Where a number usually lies, both ends inclusive, and how often: 0.9 for 5 to 95 %."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class BaselinePoint:
    """One slot of an insight's plot. `observed` is None where nothing was recorded, `expected` and
    `interval` where there is no baseline."""

    start: datetime
    observed: float | None = None
    expected: float | None = None
    interval: ExpectedInterval | None = None


@dataclass(frozen=True, slots=True)
class InsightDraft:
    """What a detector noticed.

    Numbers and words speak of the whole window so far, so that the draft of something that went on
    says it all again. `window` and `expires_at` are site time. `observed`, `expected` and
    `interval` are in units of `unit` ("events"). `score` is comparable within one detector only.
    `priority` None lets the service judge (`priority_of`, for which `restricted` says that a
    restricted zone is concerned); `expires_at` None means MATTERS_FOR after the window;
    `analysis_period` "" is said from the window. The detector's name stands in
    `metadata["detector"]`.
    """

    type: InsightType
    severity: Severity
    title: str
    message: str
    window: Interval
    dedupe_key: str
    confidence: float = 1.0
    priority: int | None = None
    restricted: bool = False
    observed: float | None = None
    expected: float | None = None
    interval: ExpectedInterval | None = None
    unit: str = ""
    score: float = 0.0
    analysis_period: str = ""
    cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    event_count: int = 0
    evidence: tuple[Evidence, ...] = ()
    suggested_actions: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    baseline: tuple[BaselinePoint, ...] = ()
    expires_at: datetime | None = None
    standing_question_id: str = ""
    metadata: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    @property
    def clip_links(self) -> tuple[str, ...]:
        """Distinct clip addresses of the evidence, in its order."""
        return tuple(dict.fromkeys(one.clip_url for one in self.evidence if one.clip_url))


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An operator took note; `at` is real time."""

    user: str
    at: datetime
    verdict: Verdict = Verdict.NONE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Insight:
    """An insight as one of its revisions left it. In `content` priority and expires_at are set.

    `created_at`, `updated_at` and `muted_until` are real time; `revision` counts from 1.
    """

    insight_id: str
    content: InsightDraft
    status: InsightStatus
    revision: int
    created_at: datetime
    updated_at: datetime
    acknowledgement: Acknowledgement | None = None
    muted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What an earlier revision of an insight said, as far as filters ask: an insight only grows, so
    its first so many cameras and sites are those that it had then."""

    severity: Severity
    cameras: int
    sites: int


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a tenant's log. `insight.updated_at` is its time.

    `before` is the revision before it, `heard` the newest one before it that was not muted: with
    them whoever reads this entry alone knows whether a filter let an earlier one through.
    """

    position: int
    change: Change
    insight: Insight
    before: Seen | None = None
    heard: Seen | None = None

    @property
    def muted(self) -> bool:
        """Whether its dedupe_key was silent when it was made."""
        until = self.insight.muted_until
        return until is not None and until > self.insight.updated_at


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a draft. `merged`: it went into an insight that was there. `position` is that
    of its revision, None where the draft said nothing new and nothing was written."""

    insight: Insight
    merged: bool
    position: int | None


@dataclass(frozen=True, slots=True)
class Muted:
    """A mute as it is now: `until` None where it was lifted. `insights` counts the unresolved ones
    with the key."""

    until: datetime | None
    insights: int


@dataclass(frozen=True, slots=True)
class InsightFilter:
    """Empty fields narrow nothing; names in one field are alternatives.

    `may_cameras` and `may_sites` are those of a caller (`within`), None for all: an insight speaks
    of all of its cameras, so it is shown only to those who may see each of them, and one that
    names none only to those who may see all.
    """

    types: frozenset[InsightType] = frozenset()
    min_severity: Severity = Severity.LOW
    cameras: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    include_muted: bool = False
    may_cameras: frozenset[str] | None = None
    may_sites: frozenset[str] | None = None

    def within(self, caller: Caller) -> InsightFilter:
        """The same for somebody who may see only some cameras."""
        return replace(self, may_cameras=caller.cameras, may_sites=caller.sites)

    def shows(self, cameras: Sequence[str], sites: Sequence[str]) -> bool:
        """Whether an insight of these may be shown."""
        return _within(cameras, self.may_cameras) and _within(sites, self.may_sites)

    def passes(self, revision: Revision) -> bool:
        """Whether an entry of the log is meant. Mutes count as they were when it was made, so that
        reading the log again gives the same."""
        what = revision.insight.content
        return (self.include_muted or not revision.muted) and self._fits(
            what, what.severity, what.cameras, what.sites
        )

    def first(self, revision: Revision) -> bool:
        """Whether an entry that passes is the first of its insight that does."""
        what = revision.insight.content
        earlier = revision.before if self.include_muted else revision.heard
        # Nothing that an insight said is ever taken back: if any earlier one passed, this one did.
        return earlier is None or not self._fits(
            what, earlier.severity, what.cameras[: earlier.cameras], what.sites[: earlier.sites]
        )

    def _fits(
        self,
        what: InsightDraft,
        severity: Severity,
        cameras: tuple[str, ...],
        sites: tuple[str, ...],
    ) -> bool:
        return (
            self.shows(cameras, sites)
            and severity >= self.min_severity
            and (not self.types or what.type in self.types)
            and (not self.cameras or not self.cameras.isdisjoint(cameras))
            and (not self.sites or not self.sites.isdisjoint(sites))
        )


def _within(names: Sequence[str], allowed: frozenset[str] | None) -> bool:
    return allowed is None or (bool(names) and allowed.issuperset(names))


@dataclass(frozen=True, slots=True)
class InsightPage(Page[Insight]):
    """A page of insights; `position` is the end of the log in the same snapshot."""

    position: int = 0


@dataclass(frozen=True, slots=True)
class LogEnds:
    """What of a log is there: every revision after `oldest` up to `newest`; both 0 at first.

    `oldest` is the position of the last revision that retention removed.
    """

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class LogPart:
    """Revisions in order, and the ends of the log in the same snapshot."""

    revisions: tuple[Revision, ...]
    ends: LogEnds


class InsightReader(Protocol):
    """What answers rest on: reading alone."""

    async def page(
        self,
        caller: Caller,
        chosen: InsightFilter,
        *,
        now: datetime,
        status: InsightStatus | None = None,
        window: Interval | None = None,
        page_size: int = 50,
        page_token: str = "",
    ) -> InsightPage:
        """Insights as they are now, newest first by their first revision, 1 to 1,000 at a time.

        `window` keeps those whose window overlaps it; `now` is real time, for mutes.
        """
        ...


class InsightStore(InsightReader, Protocol):
    """The insights and their log. All `now` are real time.

    Writers take positions as their last statement, so that they commit in the order of positions.
    """

    async def publish(
        self,
        caller: Caller,
        draft: InsightDraft,
        *,
        now: datetime,
        fence: Fence | None = None,
        request_id: str = "",
        request_hash: str = "",
    ) -> Published:
        """Make an insight, or let the unresolved one with the same dedupe_key grow.

        A draft that adds nothing writes nothing. A `request_id` seen within 24 hours gives the
        same insight again. Raises FenceLost where somebody else holds the fence, and Conflict
        (REQUEST_ID_REUSED) where the request_id came with another hash.
        """
        ...

    async def resolve(
        self, caller: Caller, dedupe_key: str, *, now: datetime, fence: Fence | None = None
    ) -> Insight | None:
        """What it was about has passed; None where no unresolved insight has that key."""
        ...

    async def get(self, caller: Caller, insight_id: str, *, now: datetime) -> Insight:
        """One insight as it is now. Raises NotFound (INSIGHT_NOT_FOUND)."""
        ...

    async def acknowledge(
        self,
        caller: Caller,
        insight_ids: Sequence[str],
        *,
        verdict: Verdict,
        note: str,
        now: datetime,
    ) -> list[Insight]:
        """An operator's note on each, all or none, in their order; a later note replaces one.

        Raises NotFound (INSIGHT_NOT_FOUND).
        """
        ...

    async def mute(
        self, caller: Caller, dedupe_key: str, *, until: datetime | None, note: str, now: datetime
    ) -> Muted:
        """Silence a key until an instant, None lifts it; a revision for each unresolved insight."""
        ...

    async def expire(self, *, site_now: datetime, now: datetime, most: int = 100) -> int:
        """Resolve insights of all tenants that no longer matter; returns how many."""
        ...

    # ---- the log ----

    async def after(self, caller: Caller, position: int, limit: int) -> LogPart:
        """At most `limit` revisions after a position, as they were, in order."""
        ...

    async def ends(self, caller: Caller) -> LogEnds:
        """What of the log is there."""
        ...

    async def before(self, caller: Caller, at: datetime) -> int:
        """The position before the first revision at or after a real time.

        Raises OutOfRange where revisions of that time may have been removed.
        """
        ...

    # ---- named cursors, in tenant and user ----

    async def subscribe(self, caller: Caller, subscription_id: str, *, now: datetime) -> int:
        """The cursor under a name; a new name begins at the end of the log, and is kept."""
        ...

    async def commit(
        self, caller: Caller, subscription_id: str, position: int, *, now: datetime
    ) -> int:
        """Move a cursor on, never back; returns where it stands. A new name is made."""
        ...


# ---- rules --------------------------------------------------------------------------------------


def visible(caller: Caller, what: InsightDraft) -> bool:
    """Whether a caller may see an insight: every camera and site that it is about, and that its
    evidence comes from. What names none is about more than a caller with limits may see."""
    if caller.sees_all:
        return True
    if caller.cameras is not None and not (
        what.cameras and caller.cameras.issuperset(what.cameras)
    ):
        return False
    if caller.sites is not None and not (what.sites and caller.sites.issuperset(what.sites)):
        return False
    return all(caller.sees(one.site, one.camera_id) for one in what.evidence)


def priority_of(
    severity: Severity, *, restricted: bool, cameras: int, repeated: bool = False
) -> int:
    """1 to 5, 5 the most urgent (design 5): low 2 to critical 5, one more for a restricted zone or
    three cameras, one less when repeated within a day under the same dedupe_key."""
    found = severity + 1 + (restricted or cameras >= 3) - repeated
    return max(1, min(5, found))


def settled(draft: InsightDraft, *, repeated: bool) -> InsightDraft:
    """A draft with all that the service fills in, cut to what an insight may carry."""
    priority = draft.priority
    if priority is None:
        priority = priority_of(
            draft.severity,
            restricted=draft.restricted,
            cameras=len(draft.cameras),
            repeated=repeated,
        )
    return replace(
        draft,
        title=draft.title[:MAX_TITLE],
        message=draft.message[:MAX_MESSAGE],
        priority=priority,
        expires_at=draft.expires_at or draft.window.end + MATTERS_FOR,
        cameras=_distinct(draft.cameras),
        sites=_distinct(draft.sites),
        zones=_distinct(draft.zones),
        event_count=max(draft.event_count, len(draft.evidence)),
        evidence=draft.evidence[:MAX_EVIDENCE],
        suggested_actions=draft.suggested_actions[:MAX_ACTIONS],
        related=_distinct(draft.related)[:MAX_RELATED],
        baseline=draft.baseline[-MAX_BASELINE:],
    )


def grown(known: InsightDraft, draft: InsightDraft) -> InsightDraft:
    """What an insight says after a draft with its dedupe_key came.

    Words and numbers are those of the window that ends later; the window spans both, names and
    evidence of both are kept, and neither severity nor priority falls.
    """
    fresh = settled(draft, repeated=False)
    said = fresh if fresh.window.end >= known.window.end else known
    assert known.priority is not None
    assert known.expires_at is not None
    assert fresh.priority is not None
    assert fresh.expires_at is not None
    # One that was put down a step as repeated stays there until there is really more of it.
    more = fresh.severity > known.severity or len(fresh.cameras) > len(known.cameras)
    evidence = tuple({one.event_id: one for one in (*known.evidence, *fresh.evidence)}.values())
    return replace(
        said,
        severity=max(known.severity, fresh.severity),
        priority=max(known.priority, fresh.priority) if more else known.priority,
        window=Interval(
            min(known.window.start, fresh.window.start), max(known.window.end, fresh.window.end)
        ),
        cameras=_distinct((*known.cameras, *fresh.cameras)),
        sites=_distinct((*known.sites, *fresh.sites)),
        zones=_distinct((*known.zones, *fresh.zones)),
        event_count=max(known.event_count, fresh.event_count, len(evidence)),
        evidence=evidence[:MAX_EVIDENCE],
        suggested_actions=said.suggested_actions or known.suggested_actions,
        related=_distinct((*known.related, *fresh.related))[:MAX_RELATED],
        baseline=said.baseline or known.baseline,
        restricted=known.restricted or fresh.restricted,
        expires_at=max(known.expires_at, fresh.expires_at),
        standing_question_id=known.standing_question_id or fresh.standing_question_id,
        metadata={**known.metadata, **said.metadata},
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def judged(score: float, *, restricted: bool) -> Severity:
    """How bad a score is that nobody judged: steps at 6, 9 and 13 (design 5), one more for a
    restricted zone."""
    steps = sum(score >= limit for limit in (6, 9, 13)) + restricted
    return Severity(min(Severity.LOW + steps, Severity.CRITICAL))


def period(window: Interval, zone: ZoneInfo) -> str:
    """A window in words: "Thu 15 Mar 2018, 12:00 to 13:00 (America/New_York)"."""
    start, end = window.start.astimezone(zone), window.end.astimezone(zone)
    same = start.date() == end.date()
    until = f"{end:%H:%M}" if same else f"{end:%a} {end.day} {end:%b %Y, %H:%M}"
    return f"{start:%a} {start.day} {start:%b %Y, %H:%M} to {until} ({zone.key})"
