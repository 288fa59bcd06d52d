"""Runs a model's tool calls for one turn, and remembers what they found.

Whatever a model sends is answered: with data, or with one line that says what was wrong. Evidence,
facts and the interpretation of the turn's answer come from here and from nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from enhanced_prompt_service.domain.answers import Answer, Evidence
from enhanced_prompt_service.domain.errors import ServiceError
from enhanced_prompt_service.domain.insights import Insight, InsightReader
from enhanced_prompt_service.turns import Turn

from ..grounded import Findings, GroundedEngine, Query, Settled, query_from
from .insights import found_insights, look_at_insights
from .rendering import clean, fenced, found_cameras, found_events
from .schemas import CAMERAS, INSIGHTS, TOOLS, GetInsights

MOST_EVIDENCE = 50  # events of one turn that a model can cite


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call came to. `content` is for the model, `line` for a frame."""

    content: str
    line: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Looked:
    """One look-up: what was asked and found, and how the engine itself would say it."""

    tool: str
    query: Query
    findings: Findings
    answer: Answer
    insights: tuple[Insight, ...] = ()

    @property
    def line(self) -> str:
        """What it found, for a frame."""
        if self.tool == CAMERAS:
            return f"{len(self.findings.asked_cameras):,} cameras"
        if self.tool == INSIGHTS:
            return f"{len(self.insights):,} insights"
        return self.findings.describe()


@dataclass(slots=True)
class Toolbox:
    """One turn's tools. `evidence` is numbered from 1, in the order in which it was found: the
    numbers that a model cites are places in the answer's evidence. `insights` None means that
    there are none to look up; `real_now` is for mutes of them."""

    engine: GroundedEngine
    turn: Turn
    insights: InsightReader | None = None
    real_now: Callable[[], datetime] = _utc_now
    looked: list[Looked] = field(default_factory=list[Looked])
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    _numbers: dict[str, int] = field(default_factory=dict[str, int])

    async def look(self, name: str, arguments: Mapping[str, Any] | None) -> Looked | ToolOutcome:
        """Look one call up, or say what is wrong with it; several may be looked up at once.
        `arguments` None are such as were no JSON object. Raises Unavailable where storage is away.
        """
        schema = TOOLS.get(name)
        if schema is None or (name == INSIGHTS and self.insights is None):
            return _wrong(f"There is no tool {clean(name, 60)}. There are: {', '.join(TOOLS)}.")
        if arguments is None:
            return _wrong("The arguments are not a JSON object. Send them again as one.")
        try:
            wanted = schema.model_validate(dict(arguments))
        except ValidationError as error:
            return _wrong(f"The arguments are not valid. {_problems(error)}")
        turn = self.turn
        index = await self.engine.index(turn.caller)
        try:
            query = query_from(
                wanted.asked(),
                now=turn.request.as_of or turn.now,
                index=index,
                narrowing=turn.request.filter,
                time_zone=turn.request.time_zone,
            )
        except Settled as end:
            problem = fenced({"problem": clean(end.notice, 800)})
            return ToolOutcome(problem, clean(end.notice), ok=False)
        if isinstance(wanted, GetInsights):
            assert self.insights is not None
            found = await look_at_insights(
                self.insights, turn.caller, wanted, query, turn.request.filter, self.real_now()
            )
            return Looked(name, found.query, found.findings, found.answer, found.insights)
        findings = await self.engine.retrieve(turn.caller, query)
        return Looked(name, query, findings, self.engine.compose(query, findings))

    def take(self, looked: Looked) -> str:
        """Remember a look-up, and say for the model what it found. Called in the order of the
        calls: the numbers that evidence gets do not hang on which was found first."""
        self.looked.append(looked)
        query, findings, answer = looked.query, looked.findings, looked.answer
        if looked.tool == CAMERAS:
            return fenced(found_cameras(query, findings, answer))
        for one in answer.evidence:
            if one.event_id not in self._numbers and len(self.evidence) < MOST_EVIDENCE:
                self.evidence.append(one)
                self._numbers[one.event_id] = len(self.evidence)
        if looked.tool == INSIGHTS:
            return fenced(found_insights(looked.insights, query, self._numbers))
        return fenced(found_events(query, findings, answer, self._numbers))

    @property
    def main(self) -> Looked | None:
        """The look-up that the answer is about: the last one that asked for events."""
        events = [one for one in self.looked if one.tool != CAMERAS]
        return events[-1] if events else (self.looked[-1] if self.looked else None)


def unavailable(error: ServiceError) -> ToolOutcome:
    """A look-up that could not be made: the model is told, and says so."""
    return _wrong(f"Not looked up: {error.message}")


def _wrong(what: str) -> ToolOutcome:
    return ToolOutcome(f"Error. {what}", what, ok=False)


def _problems(error: ValidationError) -> str:
    found = [
        f"{'.'.join(str(part) for part in one['loc'])[:60]}: {one['msg']}"
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return clean("; ".join(found[:5]), 500)
