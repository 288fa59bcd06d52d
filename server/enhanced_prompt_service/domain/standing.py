"""Standing questions: what somebody wants to be told whenever it happens.

A question is understood once, when it is made or changed: into a `Rule`, which says which events
are hits, and at which times of which days. `Progress` is what its evaluation remembers: up to when
it looked, and the hits that may still be seen again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from .answers import Interpretation, QuestionType
from .errors import Reason, ServiceError
from .events import Selection
from .fences import Fence
from .identity import Caller
from .insights import Severity
from .stores import Page
from .times import RecurringMask

MOST_A_USER = 100
"""Standing questions of one user at most: each costs a look into the database every few seconds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which events are hits.

    `chosen` has neither windows nor a mask: those are `mask`, local times of the IANA zone `zone`
    (None: at all times). `interpretation` says it for people.
    """

    chosen: Selection
    zone: str
    mask: RecurringMask | None = None
    interpretation: Interpretation = field(
        default_factory=lambda: Interpretation(QuestionType.RECURRING)
    )

    @property
    def zone_info(self) -> ZoneInfo:
        """The zone that clock times are meant in."""
        return ZoneInfo(self.zone)


@dataclass(frozen=True, slots=True)
class Spell:
    """The hits of one window: what its insight says of them. All times are site time."""

    start: datetime
    end: datetime
    hits: int
    first: datetime
    last: datetime
    cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What the evaluation of a question remembers. All times are site time.

    Nothing that began before `since` is a hit. All up to `position` was looked at. `seen` are the
    hits that are young enough to be read again, by event id, with their start; `spells` the
    windows that may still grow.
    """

    since: datetime
    position: datetime
    seen: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    spells: tuple[Spell, ...] = ()

    @classmethod
    def beginning(cls, at: datetime) -> Progress:
        """That of a question which begins now, or goes on after a pause."""
        return cls(at, at)


@dataclass(frozen=True, slots=True)
class StandingQuestion:
    """A question whose hits are insights.

    `time_zone` is what its owner asked for, "" for that of the cameras. `owner` is who made it
    or changed it last, as they were then: hits are events that they may see. `hits` counts
    insights; `last_hit` is site time, `created_at` real time.
    """

    standing_question_id: str
    query: str
    owner: Caller
    rule: Rule
    progress: Progress
    time_zone: str = ""
    severity: Severity = Severity.MEDIUM
    paused: bool = False
    hits: int = 0
    last_hit: datetime | None = None
    created_at: datetime | None = None
    etag: str = ""


class NotUnderstood(ServiceError):
    """A question that leaves open what it is about; `choices` are whole questions instead."""

    reason = Reason.QUESTION_NOT_UNDERSTOOD

    def __init__(self, notice: str, choices: Sequence[str] = ()) -> None:
        super().__init__(
            notice, metadata={f"choice_{number}": one for number, one in enumerate(choices, 1)}
        )
        self.choices = tuple(choices)


class RuleMaker(Protocol):
    """Makes a rule of a question."""

    async def rule(self, caller: Caller, query: str, time_zone: str, now: datetime) -> Rule:
        """What the caller may see of what the question means. `now` is site time.

        Raises NotUnderstood.
        """
        ...


class StandingStore(Protocol):
    """Standing questions. Each belongs to a user of a tenant; nobody else sees it."""

    async def create(
        self,
        question: StandingQuestion,
        *,
        now: datetime,
        request_id: str = "",
        request_hash: str = "",
    ) -> StandingQuestion:
        """Keep a question as its owner's; the same request again returns what it made.

        Raises Conflict (REQUEST_ID_REUSED) for another request's id, and InvalidArgument
        (LIMIT_EXCEEDED) where its owner has MOST_A_USER. `now` is real time.
        """
        ...

    async def get(self, caller: Caller, standing_question_id: str) -> StandingQuestion:
        """One of the caller's. Raises NotFound (STANDING_QUESTION_NOT_FOUND)."""
        ...

    async def page(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[StandingQuestion]:
        """The caller's, newest first, 1 to 1,000 at a time."""
        ...

    async def update(
        self,
        caller: Caller,
        standing_question_id: str,
        change: Callable[[StandingQuestion], StandingQuestion],
        *,
        etag: str = "",
    ) -> StandingQuestion:
        """Change one in one transaction; what `change` returns is kept, with a new etag.

        `change` may run twice: it must be pure. Raises NotFound, and Conflict (ETAG_MISMATCH)
        where `etag` is not "" and not the stored one.
        """
        ...

    async def delete(self, caller: Caller, standing_question_id: str) -> None:
        """Delete one for good. Raises NotFound."""
        ...

    async def active(self) -> list[StandingQuestion]:
        """Those of all tenants that are not paused, by tenant, oldest first."""
        ...

    async def advance(
        self,
        question: StandingQuestion,
        progress: Progress,
        *,
        hits: int,
        last_hit: datetime | None,
        fence: Fence,
    ) -> bool:
        """Keep how far a question was evaluated, where it still is what was evaluated.

        `hits` is added. False where it was changed, paused or deleted meanwhile: nothing was
        written. Raises FenceLost where somebody else holds the fence.
        """
        ...


def owner_of(caller: Caller) -> Caller:
    """A caller as far as a question remembers them."""
    return Caller(
        caller.tenant,
        caller.user,
        role=caller.role,
        cameras=caller.cameras,
        sites=caller.sites,
    )
