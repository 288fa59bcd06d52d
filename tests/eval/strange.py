"""Strange inputs: each gets a clarification, an honest no or a right answer, never an exception."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enhanced_prompt_service.domain.errors import InvalidArgument

from .gold import Site
from .gold import read_items as read_gold_items
from .harness import Ask, check
from .text_numbers import unsupported

OUTCOMES = ("clarification", "no", "answer", "invalid")


@dataclass(frozen=True)
class Strange:
    """An input and the outcomes that are acceptable for it."""

    id: str
    text: str
    allow: frozenset[str]
    says_not: tuple[str, ...] = ()


@dataclass
class StrangeScore:
    """What came of one input."""

    id: str
    text: str
    outcome: str = ""
    response: str = ""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def read_strange(path: Path) -> list[Strange]:
    """The inputs of a TOML file.

    `[[group]]` has `name`, `allow` (of clarification; no: an answer without a match; answer: any
    answer whose numbers are facts; invalid: refused as an argument) and `asks`; in place of a
    text {repeat, times} or {text, repeat, times, tail} builds a long one.
    """
    with path.open("rb") as file:
        groups = tomllib.load(file)["group"]
    found: list[Strange] = []
    for group in groups:
        allow = frozenset(group["allow"])
        if not allow or not allow <= set(OUTCOMES):
            raise ValueError(f"{group['name']}: allow is {sorted(allow)}")
        for number, ask in enumerate(group["asks"], 1):
            found.append(
                Strange(
                    f"s-{group['name']}-{number}",
                    ask if isinstance(ask, str) else _built(ask),
                    allow,
                    tuple(group.get("says_not", ())),
                )
            )
    return found


def _built(parts: dict[str, Any]) -> str:
    text = parts.get("text", "") + parts["repeat"] * parts["times"] + parts.get("tail", "")
    return text[: parts.get("cut", len(text))]


async def score_strange(
    ask: Ask, site: Site, inputs: Sequence[Strange], only: Sequence[str] | None = None
) -> list[StrangeScore]:
    """Asks every input, and after all of them one plain question, to see that nothing broke."""
    [control] = [
        one
        for one in read_gold_items(Path(__file__).with_name("recorded.toml"))
        if one.id == "a-count-1"
    ]
    names = site.names()
    scores: list[StrangeScore] = []
    for one in inputs:
        if only and not one.id.startswith(tuple(only)):
            continue
        score = StrangeScore(one.id, one.text)
        begun = time.perf_counter()
        try:
            response = await ask(
                one.text, as_of=control.as_of, time_zone=control.zone, conversation=None
            )
        except InvalidArgument as error:
            score.outcome, score.response = "invalid", error.message
        except Exception as error:
            score.outcome, score.response = "exception", f"{type(error).__name__}: {error}"
        else:
            answer = response.answer
            score.response = answer.response
            if answer.response_type == "clarification":
                score.outcome = "clarification"
            else:
                score.outcome = "answer" if answer.total_matches or answer.evidence else "no"
            score.problems.extend(f"ungrounded {x}" for x in unsupported(answer, one.text, names))
            if not answer.response.strip():
                score.problems.append("the response is empty")
        score.seconds = time.perf_counter() - begun
        if score.outcome not in one.allow:
            score.problems.append(f"expected {' or '.join(sorted(one.allow))}, got {score.outcome}")
        score.problems.extend(
            f"must not say {words!r}"
            for words in one.says_not
            if words.lower() in score.response.lower()
        )
        scores.append(score)
    after = StrangeScore("s-afterwards", control.ask[0])
    response = await ask(
        control.ask[0], as_of=control.as_of, time_zone=control.zone, conversation=None
    )
    after.outcome, after.response = "answer", response.answer.response
    after.problems = check(response.answer, control, site.gold(control), site, names)
    scores.append(after)
    return scores
