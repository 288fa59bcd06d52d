"""A template out of a conversation: its questions, each shape once, with or without answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from enhanced_prompt_service.domain.answers import (
    PromptResponse,
    QuestionType,
    TemplateSuggestion,
)
from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.prompts import DraftAsk, Drafted
from enhanced_prompt_service.domain.stores import ConversationStore
from enhanced_prompt_service.domain.template_rules import checked, pieces, plain
from enhanced_prompt_service.domain.templates import (
    MAX_BODY,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_TITLE,
    Template,
    Variable,
)

from ..grounded import GroundedEngine
from . import shapes
from .bodies import Body
from .generate import EXAMPLE
from .reading import Setting, read, slots_of

CATEGORIES = {
    QuestionType.RECAP: "activity",
    QuestionType.MOMENT: "activity",
    QuestionType.SEARCH: "search",
    QuestionType.COUNT: "statistics",
    QuestionType.RANK: "statistics",
    QuestionType.COMPARE: "statistics",
    QuestionType.TREND: "statistics",
    QuestionType.EXISTENCE: "checks",
    QuestionType.RECURRING: "checks",
    QuestionType.WHEN: "checks",
    QuestionType.DWELL: "checks",
    QuestionType.HEALTH: "health",
    QuestionType.ANOMALY: "anomalies",
    QuestionType.PREDICTION: "predictions",
}
OTHER = "questions"
MOST_TURNS = 200
"""Of a longer conversation the newest make the template."""
_MOST_TITLE = 100  # characters of a title that is made


class EngineDrafter:
    """`domain.prompts.TemplateDrafter`. `now` is the site clock's."""

    def __init__(
        self,
        engine: GroundedEngine,
        conversations: ConversationStore,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._conversations = conversations
        self._now = now

    async def draft(self, caller: Caller, asked: DraftAsk) -> Drafted:
        """The template of a conversation of the caller's own."""
        found = await self._conversations.get_conversation(caller, asked.conversation_id)
        if not found.responses:
            raise InvalidArgument.of(
                "conversation_id",
                "nothing was answered in this conversation yet",
                reason=Reason.TEMPLATE_INVALID,
            )
        setting = Setting(await self._engine.index(caller), self._now())
        newest = found.responses[-MOST_TURNS:]
        return await asyncio.to_thread(draft, newest, asked, setting)


def draft(responses: Sequence[PromptResponse], asked: DraftAsk, setting: Setting) -> Drafted:
    """The template, and what was made. Pure."""
    offered = _offered(responses, asked)
    body, left_out = _body(responses, asked, setting)
    text, variables = body.text, tuple(body.variables.values())
    if offered is not None:
        text, variables = offered.body, _of_offer(offered.body, body.variables)
    first = offered.body if offered is not None else body.lines[0]
    template = Template(
        template_id="",
        title=asked.title or title_of(first),
        body=text,
        description=(asked.description or (offered.description if offered else ""))[
            :MAX_DESCRIPTION
        ]
        or _description(body, asked, variables),
        category=(asked.category or category_of(responses))[:MAX_CATEGORY],
        variables=variables,
        source_conversation_id=asked.conversation_id,
    )
    return Drafted(checked(template), _message(template, left_out))


def title_of(body: str) -> str:
    """ "What happened at [camera] [when]?": a body's first line as people read it."""
    title = "".join(
        f"{text}[{name.replace('_', ' ')}]" if name else text
        for text, name in pieces(body.partition("\n")[0])
    ).strip()
    title = title[:1].upper() + title[1:]
    if len(title) > _MOST_TITLE:
        title = f"{title[: _MOST_TITLE - 1]}…"
    return title[:MAX_TITLE] or "Questions"


def category_of(responses: Sequence[PromptResponse]) -> str:
    """What most of the questions are about."""
    kinds = [one.answer.interpretation.question_type for one in responses]
    names = Counter(CATEGORIES[one] for one in kinds if one in CATEGORIES)
    return names.most_common(1)[0][0] if names else OTHER


def _offered(responses: Sequence[PromptResponse], asked: DraftAsk) -> TemplateSuggestion | None:
    """The suggestion of this conversation that is accepted by its title."""
    if asked.include_answers:
        return None
    for response in reversed(responses):
        for one in response.answer.template_suggestions:
            if asked.title and one.title == asked.title:
                return one
    return None


def _of_offer(body: str, known: dict[str, Variable]) -> tuple[Variable, ...]:
    names = dict.fromkeys(name for _, name in pieces(body) if name)
    return tuple(known.get(name) or Variable(name, required=True) for name in names)


def _body(
    responses: Sequence[PromptResponse], asked: DraftAsk, setting: Setting
) -> tuple[Body, int]:
    """The questions, and how many of them found no room."""
    questions = _questions(responses, setting)
    body = Body(setting)
    for number, one in enumerate(questions):
        lines, variables = list(body.lines), dict(body.variables)
        if not body.ask(one.query):
            continue
        if asked.include_answers:
            body.quote(one.answer.response, EXAMPLE)
        if len(body.text) > MAX_BODY:
            body.lines, body.variables = lines, variables
            if not lines:  # a single question with a longer answer than any body holds
                body.lines.append(plain(one.query)[:MAX_BODY])
            return body, len(questions) - max(number, 1)
    return body, 0


def _questions(responses: Sequence[PromptResponse], setting: Setting) -> list[PromptResponse]:
    """Those worth asking again, each shape once: the first that says it all, else the first."""
    first: dict[tuple[object, ...], PromptResponse] = {}
    for one in responses:
        how = shapes.asked(one.query, one.answer)
        if how is None:
            continue
        kept = first.get(how.shape)
        if kept is None:
            first[how.shape] = one
            continue
        before = shapes.asked(kept.query, kept.answer)
        assert before is not None
        if shapes.stands_alone(how, setting) and (
            not shapes.stands_alone(before, setting)
            or _kinds(kept.query, setting) < _kinds(one.query, setting)
        ):
            first[how.shape] = one
    chosen = {id(one) for one in first.values()}
    return [one for one in responses if id(one) in chosen] or list(responses)


def _kinds(text: str, setting: Setting) -> set[str]:
    return {one.kind for one in slots_of(text, read(text, setting.index))}


def _description(body: Body, asked: DraftAsk, variables: Sequence[Variable]) -> str:
    count = len(body.shapes)
    said = f"{count} question{'' if count == 1 else 's'} of a conversation"
    if variables:
        said += f", for any {_listed(variables)}"
    if asked.include_answers:
        said += f'. Lines that begin with "{EXAMPLE}" are answers, as examples'
    return f"{said}."


def _message(template: Template, left_out: int) -> str:
    said = f"Kept as “{template.title}”"
    if template.variables:
        said += f", to be asked for any {_listed(template.variables)}"
    if left_out:
        said += f"; {left_out} more questions found no room in it"
    return f"{said}."


def _listed(variables: Sequence[Variable]) -> str:
    names = [one.name.replace("when", "time").replace("_", " ") for one in variables]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
