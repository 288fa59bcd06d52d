"""Templates that would be worth making: found in the turns of one conversation.

The third question of a shape gives rise to an offer: once a shape in a conversation, and never for
what is a template already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog

from enhanced_prompt_service.domain.answers import (
    Answer,
    PromptResponse,
    TemplateSuggestion,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.templates import MAX_BODY, TemplateStore
from enhanced_prompt_service.turns import Agent, Turn

from ..grounded import GroundedEngine
from ..grounded.clarify import plain_name
from ..grounded.index import Index
from .asking import listed_names
from .bodies import Body
from .drafting import CATEGORIES, OTHER, title_of
from .reading import TIME, Setting, Slot
from .shapes import Asked, asked, stands_alone

_log = structlog.get_logger("eps.prompts")

ENOUGH = 3
"""Questions of one shape that make it worth a template."""
_MOST_NAMED = 4


def opportunity(
    history: Sequence[PromptResponse], query: str, answer: Answer, setting: Setting
) -> TemplateSuggestion | None:
    """What the newest question of a conversation gives rise to. `setting` has no history."""
    now = asked(query, answer)
    if now is None:
        return None
    before = [asked(one.query, one.answer) for one in history]
    alike = [one for one in before if one is not None and one.shape == now.shape]
    if len(alike) + 1 < ENOUGH or any(one.offered for one in alike):
        return None
    group = [*alike, now]
    places = len({one.places for one in group}) > 1
    times = len({one.times for one in group}) > 1

    def varies(slot: Slot) -> bool:
        return times if slot.kind == TIME else places

    for one in reversed(group):
        if stands_alone(one, setting):
            body = Body(setting)
            body.ask(one.query, varies)
            if len(body.text) <= MAX_BODY:
                return _suggestion(body, group, answer, setting.index, places=places, times=times)
    return None


def _suggestion(
    body: Body,
    group: Sequence[Asked],
    answer: Answer,
    index: Index,
    *,
    places: bool,
    times: bool,
) -> TemplateSuggestion:
    names = [one.replace("when", "time").replace("_", " ") for one in body.variables]
    count = len(group)
    said = f"You asked this {count} times"
    if places:
        said += f": {_places(group, index)}"
    elif times:
        said += ", for different times"
    kind = answer.interpretation.question_type
    return TemplateSuggestion(
        title=title_of(body.text),
        description="Asks it again" + (f" for any {listed_names(names)}." if names else "."),
        category=CATEGORIES.get(kind, OTHER),
        confidence=round(count / (count + 1) * answer.confidence_score, 3),
        reasoning=f"{said}.",
        body=body.text,
    )


def _places(group: Sequence[Asked], index: Index) -> str:
    found: dict[str, None] = {}
    for one in group:
        cameras, sites, zones = one.places
        names = [index.camera_name(each) for each in cameras]
        names += [index.site_name(each) for each in sites if not (cameras or zones)]
        names += [index.zone_name(each) for each in zones]
        found.update(dict.fromkeys(plain_name(each) for each in names) or {"everywhere": None})
    names = list(found)
    if len(names) > _MOST_NAMED:
        return f"{', '.join(names[:_MOST_NAMED])} and others"
    return listed_names(names)


class SuggestingAgent:
    """An agent whose answers offer templates, whatever answers."""

    def __init__(self, agent: Agent, engine: GroundedEngine, templates: TemplateStore) -> None:
        self._agent = agent
        self.engine = engine
        self._templates = templates

    @property
    def model(self) -> str:
        """What answers first."""
        return self._agent.model

    async def prewarm(self, caller: Caller) -> None:
        """Whatever the agent behind it warms."""
        prewarm = getattr(self._agent, "prewarm", None)
        if prewarm is not None:
            await prewarm(caller)

    async def answer(self, turn: Turn) -> Answer:
        """The agent's answer, with an offer where there is one."""
        answer = await self._agent.answer(turn)
        if len(turn.history) + 1 < ENOUGH:
            return answer
        try:
            found = await self._found(turn, answer)
        except Exception:  # the answer is there: nothing about an offer may cost it
            _log.exception("no template was offered", turn_id=turn.turn_id)
            return answer
        return answer if found is None else replace(answer, template_suggestions=(found,))

    async def _found(self, turn: Turn, answer: Answer) -> TemplateSuggestion | None:
        setting = Setting(
            await self.engine.index(turn.caller), turn.now, time_zone=turn.request.time_zone
        )
        found = opportunity(turn.history, turn.request.query, answer, setting)
        if found is None or await self._templates.has_body(turn.caller, found.body):
            return None
        return found
