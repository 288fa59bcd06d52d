"""Questions as the body of a template: their places and times become variables.

A camera is a variable of type CAMERA where its id alone leads back to it; other places and times
are texts, since "last night" is worth more next week than its dates. Every line is read again with
its defaults: where it would mean something else, it stays as it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from enhanced_prompt_service.domain.template_rules import plain, render
from enhanced_prompt_service.domain.templates import (
    MAX_VARIABLES,
    Template,
    Variable,
    VariableType,
)

from ..grounded.names import Entity
from .reading import TIME, Setting, Slot, read, same, slots_of

_NAMES = {TIME: "when", "camera": "camera", "site": "site", "zone": "zone"}
_SAYS = {
    TIME: "the time that is meant",
    "camera": "the camera that is meant",
    "site": "the site that is meant",
    "zone": "the zone that is meant",
}
_LONGEST_QUESTION = 1_000  # a longer text is kept as it is


@dataclass(slots=True)
class Body:
    """Lines of a body in the making, and its variables by what they stand for."""

    setting: Setting
    lines: list[str] = field(default_factory=list[str])
    variables: dict[str, Variable] = field(default_factory=dict[str, Variable])
    shapes: set[str] = field(default_factory=set[str])
    _known: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    @property
    def text(self) -> str:
        """The body so far."""
        return "\n".join(self.lines)

    def ask(self, question: str, vary: Callable[[Slot], bool] = lambda _: True) -> bool:
        """Add a question; False where one of its shape is there already.

        `vary` says which of its slots become variables.
        """
        question = " ".join(question.split())
        slots: list[Slot] = []
        if len(question) <= _LONGEST_QUESTION:
            slots = [
                one for one in slots_of(question, read(question, self.setting.index)) if vary(one)
            ]
        shape = _filled(question, slots, lambda one: f"{{{one.kind}}}").casefold()
        if shape in self.shapes:
            return False
        self.shapes.add(shape)
        self.lines.append(self._line(question, slots))
        return True

    def quote(self, answer: str, mark: str) -> None:
        """Add an answer as an example, each of its lines behind a mark."""
        lines = [" ".join(one.split()) for one in answer.splitlines()]
        self.lines += [plain(f"{mark} {one}") for one in lines if one]

    def _line(self, question: str, slots: list[Slot]) -> str:
        for typed in (True, False):
            variables, known = dict(self.variables), dict(self._known)
            names: dict[Slot, str] = {}
            for one in slots:
                names[one] = self._name(one, variables, known, typed=typed)
            if len(variables) > MAX_VARIABLES:
                break
            line = _filled(question, slots, lambda one, names=names: f"{{{{{names[one]}}}}}")
            if self._reads_back(line, question, variables.values()):
                self.variables, self._known = variables, known
                return line
        return plain(question)

    def _reads_back(self, line: str, question: str, variables: Iterable[Variable]) -> bool:
        filled = render(Template("", "", line, variables=tuple(variables)), {})
        question = plain(question)
        if filled == question:
            return True
        alone = self.setting.alone
        return same(alone.understood(filled), alone.understood(question))

    def _name(
        self,
        slot: Slot,
        variables: dict[str, Variable],
        known: dict[tuple[str, str], str],
        *,
        typed: bool,
    ) -> str:
        """The variable that stands for a slot; made where what it says is new."""
        value, kind = slot.said, VariableType.TEXT
        if typed and slot.entity is not None and self._leads_back(slot.entity):
            value, kind = slot.entity.id, VariableType.CAMERA
        key = (slot.kind, f"{kind} {value.casefold()}")
        name = known.get(key, "")
        if not name:
            base, number = _NAMES[slot.kind], 1
            name = base
            while name in variables:
                number += 1
                name = f"{base}_{number}"
            known[key] = name
            variables[name] = Variable(name, kind, _SAYS[slot.kind], default_value=value)
        return name

    def _leads_back(self, entity: Entity) -> bool:
        if entity.kind != "camera" or len(self.setting.index.names.cameras[entity.id]) != 1:
            return False
        mentions = read(f"at {entity.id}", self.setting.index).mentions
        return [one.entities for one in mentions] == [(entity,)]


def _filled(text: str, slots: list[Slot], say: Callable[[Slot], str]) -> str:
    """A text as a body, with something else in place of its slots."""
    parts: list[str] = []
    at = 0
    for one in slots:
        parts += [plain(text[at : one.start]), say(one)]
        at = one.end
    return "".join([*parts, plain(text[at:])])
