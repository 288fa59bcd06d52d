"""Questions back, and honest refusals: what is said, and the questions that are offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enhanced_prompt_service.domain.answers import QuestionType

from .index import Index
from .names import Entity
from .words import Token

MOST_CHOICES = 4


class Settled(Exception):
    """Understanding ends here: a clarification or a refusal, with its whole text."""

    def __init__(
        self,
        notice: str,
        choices: Sequence[str] = (),
        type: QuestionType = QuestionType.CLARIFY,
    ) -> None:
        super().__init__(notice)
        self.notice = notice
        self.choices = tuple(dict.fromkeys(choices))[:MOST_CHOICES]
        self.type = type


def reworded(text: str, tokens: Sequence[Token], at: Sequence[int], name: str) -> str:
    """The question with the words at some token positions replaced by a name."""
    first, last = tokens[min(at)], tokens[max(at)]
    return sentence(f"{text[: first.start]}{name}{text[last.end :]}")


def sentence(text: str) -> str:
    """A question as a sentence of its own."""
    text = " ".join(text.split()).strip(" ,;")
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in "?.!" else text + "?"


def examples(index: Index, most: int = MOST_CHOICES) -> tuple[str, ...]:
    """Questions that can be asked here."""
    sites = sorted(index.names.sites.values(), key=lambda site: site.site_id)
    found = ["What happened today?"]
    if sites:
        name = sites[0].name or sites[0].site_id
        found.append(f"How many people were at {plain_name(name)} yesterday?")
    found += ["Which camera was busiest this week?", "What can you detect?"]
    return tuple(found[:most])


def plain_name(name: str) -> str:
    """A name as it stands in a sentence: without what is in brackets."""
    return " ".join(name.split("(")[0].split()) or name


def entity_name(entity: Entity, index: Index) -> str:
    """A name that leads back to this one entity."""
    name = plain_name(entity.name)
    if entity.kind == "camera" and len(index.names.cameras.get(entity.id, ())) > 1:
        return f"{name} at {plain_name(index.site_name(entity.site))}"
    alike = entity.kind == "camera" and index.names.how_many(entity) > 1
    return f"{name} ({entity.id})" if alike else name


def listed(names: Iterable[str], *, most: int = 6, last: str = "or") -> str:
    """ "A, B or C"; of more than `most` the first ones and "others"."""
    found = list(names)
    if len(found) > most:
        found = [*found[:most], "others"]
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"
