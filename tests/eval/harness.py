"""Scores an engine's answers against gold.

An engine is an `Ask`: it gets a question, the question's present and zone, and the name of a
conversation (None: a question on its own), and gives the finished turn's `PromptResponse`.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.answers import Answer, Fact, PromptResponse
from enhanced_prompt_service.domain.times import Interval

from .gold import Gold, Item, Site, milliseconds
from .text_numbers import unsupported

SHOWS_EVIDENCE = {
    "recap",
    "count",
    "existence",
    "when",
    "search",
    "dwell",
    "recurring",
    "moment",
}
FREE_TYPE = {"follow-up", "clarify/refuse"}
# A window without any recording says nothing about what went on in it.
CLAIMS_QUIET = r"(?i)\b(?:quiet(?!\s*(?:can|or))|calm|uneventful|nothing happened|no activity)\b"


class Ask(Protocol):
    """The engine under test."""

    async def __call__(
        self, question: str, *, as_of: datetime, time_zone: str, conversation: str | None
    ) -> PromptResponse:
        """One finished turn."""
        ...


@dataclass
class Score:
    """How one item went. `problems` is empty when it is right."""

    item: Item
    problems: list[str] = field(default_factory=list)
    response: str = ""
    rendered: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the answer says what the gold says."""
        return not self.problems


async def score_items(
    ask: Ask, site: Site, items: Sequence[Item], progress: Callable[[Score], None] | None = None
) -> list[Score]:
    """Asks every item in turn and scores the answers. An exception is a miss."""
    names = site.names()
    scores: list[Score] = []
    for item in items:
        gold = site.gold(item)
        score = Score(item)
        try:
            before, response = await _converse(ask, item, score)
        except Exception as error:
            score.problems.append(f"raised {type(error).__name__}: {error}")
        else:
            score.response = response.answer.response
            score.rendered = response.answer.interpretation.rendered
            score.problems.extend(check(response.answer, item, gold, site, names))
            if item.refers and before is not None:
                score.problems.extend(_check_reference(response, before, item.refers))
        scores.append(score)
        if progress is not None:
            progress(score)
    return scores


async def _converse(
    ask: Ask, item: Item, score: Score
) -> tuple[PromptResponse | None, PromptResponse]:
    """The last turn of a conversation and the one before it."""
    conversation = f"eval-{item.id}" if len(item.ask) > 1 else None
    before: PromptResponse | None = None
    response: PromptResponse | None = None
    for question in item.ask:
        before = response
        begun = time.perf_counter()
        response = await ask(
            question, as_of=item.as_of, time_zone=item.zone, conversation=conversation
        )
        score.seconds = time.perf_counter() - begun
    assert response is not None
    return before, response


def _check_reference(response: PromptResponse, before: PromptResponse, number: int) -> list[str]:
    """ "the second one" is the second event that the answer before showed."""
    shown = before.answer.evidence
    if len(shown) < number:
        return [f"the answer before shows {len(shown)} events, not {number}"]
    got = response.answer.evidence
    if not got or got[0].event_id != shown[number - 1].event_id:
        return [f"expected {shown[number - 1].event_id} first, got {[e.event_id for e in got[:2]]}"]
    return []


def check(
    answer: Answer, item: Item, gold: Gold, site: Site, names: Iterable[str] = ()
) -> list[str]:
    """What is wrong with an answer, one line a mistake: expected and got."""
    problems = _check_form(answer, item, set(names))
    if item.response != "answer":
        problems.extend(_check_other_response(answer, item))
        return problems
    if answer.response_type != "answer":
        return [*problems, f"expected an answer, got {answer.response_type}: {answer.response}"]
    problems.extend(_check_understood(answer, item, gold, site))
    problems.extend(_check_numbers(answer, item, gold))
    problems.extend(_check_evidence(answer, item, gold))
    problems.extend(_check_coverage(answer, item, gold))
    return problems


# ---- any response -------------------------------------------------------------------------------


def _check_form(answer: Answer, item: Item, names: set[str]) -> list[str]:
    """What holds for every response, whatever was asked."""
    problems = [f"ungrounded {one}" for one in unsupported(answer, item.ask[-1], names)]
    text = answer.response
    if not text.strip():
        problems.append("the response is empty")
    if not 0 <= answer.confidence_score <= 1:
        problems.append(f"confidence_score {answer.confidence_score} is not in 0..1")
    problems.extend(
        f"fact {fact.name}: its text {fact.text!r} is not in the response"
        for fact in answer.facts
        if fact.text and fact.text not in text
    )
    shown = {one.event_id for one in answer.evidence}
    for citation in answer.citations:
        if citation.event_id not in shown:
            problems.append(f"cites {citation.event_id}, which is not among the evidence")
        if not 0 <= citation.start < citation.end <= len(text):
            problems.append(f"a citation spans {citation.start}..{citation.end} of {len(text)}")
    if len(shown) != len(answer.evidence):
        problems.append("the same event is shown twice")
    if any(not one.description.strip() for one in answer.evidence):
        problems.append("evidence without a description")
    problems.extend(
        f"expected the text to say {pattern!r}, got {text!r}"
        for pattern in item.says
        if not re.search(pattern, text, re.IGNORECASE)
    )
    problems.extend(
        f"the text must not say {pattern!r}: {text!r}"
        for pattern in item.says_not
        if re.search(pattern, text, re.IGNORECASE)
    )
    return problems


def _check_other_response(answer: Answer, item: Item) -> list[str]:
    problems: list[str] = []
    clarifies = answer.response_type == "clarification"
    if item.response == "clarification" and not clarifies:
        problems.append(f"expected a clarification, got {answer.response_type}: {answer.response}")
    if item.response == "no" and not clarifies and answer.total_matches:
        problems.append(f"expected an honest no, got {answer.total_matches} matches")
    if item.response in ("clarification", "no") and answer.evidence:
        problems.append(f"expected no evidence, got {len(answer.evidence)} events")
    if item.response == "clarification" and clarifies and not answer.follow_up_questions:
        problems.append("a clarification without choices")
    problems.extend(
        f"expected the choice {pattern!r}, got {list(answer.follow_up_questions)}"
        for pattern in item.choices
        if not any(re.search(pattern, q, re.IGNORECASE) for q in answer.follow_up_questions)
    )
    return problems


# ---- answers ------------------------------------------------------------------------------------


def _check_understood(answer: Answer, item: Item, gold: Gold, site: Site) -> list[str]:
    problems: list[str] = []
    how = answer.interpretation
    accepted = item.question_types or (() if item.type in FREE_TYPE else (item.type,))
    if accepted and how.question_type not in accepted:
        problems.append(f"expected question type {' or '.join(accepted)}, got {how.question_type}")
    windows = [(gold.start, gold.end)]
    got = [_bounds(how.time_range)]
    if gold.versus is not None:
        windows.append(gold.versus)
        got.append(_bounds(how.comparison_range))
    if item.window is not None and not item.any_window:
        if item.either_order and got == windows[::-1]:
            got = windows
        if got != windows:
            zone = item.zone
            problems.append(f"expected window {_show(windows, zone)}, got {_show(got, zone)}")
    mask = item.repeating
    if mask is None and how.recurring is not None and item.window is not None:
        problems.append(f"expected no recurring mask, got {how.recurring}")
    if mask is not None:
        minutes = [
            datetime(2018, 3, 5 + d, h, m) for d in range(7) for h in range(24) for m in (0, 30)
        ]
        theirs = how.recurring
        if theirs is None or any(theirs.contains(one) != mask.holds(one) for one in minutes):
            problems.append(f"expected mask {item.mask} {item.weekdays}, got {theirs}")
    if item.cameras and set(how.cameras) != set(item.cameras):
        problems.append(f"expected cameras {sorted(item.cameras)}, got {sorted(how.cameras)}")
    of_sites = set(how.sites) == set(item.sites) or set(how.cameras) == site.cameras(item.sites)
    if item.sites and not of_sites:
        problems.append(f"expected sites {sorted(item.sites)}, got {sorted(how.sites)}")
    if item.zones and set(how.zones) != set(item.zones):
        problems.append(f"expected zones {sorted(item.zones)}, got {sorted(how.zones)}")
    return problems


def _check_numbers(answer: Answer, item: Item, gold: Gold) -> list[str]:
    problems: list[str] = []
    facts: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in answer.facts:
        facts[fact.name].append(fact)
    swapped = False
    if gold.total is not None:
        expected = gold.total
        if item.either_order and answer.total_matches == gold.compared != gold.total:
            swapped = True
            expected = gold.compared
        if answer.total_matches != expected:
            problems.append(f"expected total_matches {expected}, got {answer.total_matches}")
        problems.extend(_plain(facts, "events", expected, required=bool(expected)))
    if gold.compared is not None and gold.total is not None:
        one, other = gold.total, gold.compared
        if swapped:
            one, other = other, one
        problems.extend(_plain(facts, "events_compared", other, required=True))
        problems.extend(_plain(facts, "difference", one - other, required=True, sign=False))
    if gold.ranking is not None:
        problems.extend(_ranking(facts, item, *gold.ranking))
    if gold.trend is not None:
        name, expected_groups = gold.trend
        problems.extend(_groups(facts, name, expected_groups))
    for name, expected_groups in gold.groups.items():
        problems.extend(_groups(facts, name, expected_groups))
    for name, value in gold.values.items():
        assert value is not None
        problems.extend(_plain(facts, name, value, required=True))
    problems.extend(_edges(facts, item, gold))
    for limit in (item.threshold, item.at_least):
        if limit is not None:
            problems.extend(_plain(facts, "threshold", limit, required=True))
    return problems


def _plain(
    facts: dict[str, list[Fact]],
    name: str,
    expected: float,
    *,
    required: bool,
    sign: bool = True,
    tolerance: float = 1e-6,
) -> list[str]:
    """A fact without a group: there if required, and exact."""
    got = [one.value for one in facts.get(name, ()) if not one.group]
    if not got:
        return [f"expected the fact {name} = {expected:g}, which is missing"] if required else []
    values = got if sign else [abs(one) for one in got]
    wanted = expected if sign else abs(expected)
    if all(abs(one - wanted) <= tolerance for one in values):
        return []
    return [f"expected {name} {expected:g}, got {got}"]


def _group(name: str, group: str) -> str:
    return (
        str(int(group)) if name.endswith(("hour_of_day", "weekday")) and group.isdigit() else group
    )


def _groups(facts: dict[str, list[Fact]], name: str, expected: dict[str, float]) -> list[str]:
    """Every group of the gold exact; further ones only where they say zero."""
    got = {_group(name, one.group): one.value for one in facts.get(name, ())}
    wrong = {g: (v, got.get(g)) for g, v in expected.items() if got.get(g) != v}
    extra = {g: v for g, v in got.items() if g not in expected and v}
    problems: list[str] = []
    if wrong:
        problems.append(f"{name}: expected and got {dict(list(wrong.items())[:6])}")
    if extra:
        problems.append(f"{name}: expected no group {dict(list(extra.items())[:6])}")
    return problems


def _ranking(
    facts: dict[str, list[Fact]], item: Item, name: str, expected: list[tuple[str, int]]
) -> list[str]:
    """The ranking's facts are the beginning of the gold's ranking, in its order."""
    got = [(_group(name, one.group), one.value) for one in facts.get(name, ())]
    listed = [(_group(name, g), v) for g, v in expected]
    if item.rank.startswith("busiest"):
        while len(got) > len(listed) and got[-1][1] == 0:
            got.pop()
    wanted = min(item.top, len(listed))
    if len(got) < wanted or got != listed[: len(got)]:
        return [f"{name}: expected {listed[: max(wanted, 4)]}, got {got[: max(wanted, 4)]}"]
    return []


def _edges(facts: dict[str, list[Fact]], item: Item, gold: Gold) -> list[str]:
    """first_start, last_start, longest and mean_duration."""
    problems: dict[str, str] = {}
    for name, edge, thousand in (
        ("first_start", gold.first, 1000),
        ("last_start", gold.last, 1000),
        ("longest", gold.longest, 1000),
    ):
        if edge is None:
            continue
        value, ids = edge
        got = facts.get(name, [])
        if not got:
            problems[name] = f"expected the fact {name}, which is missing"
        elif round(got[0].value * thousand) != value:
            problems[name] = f"expected {name} {value / 1000}, got {got[0].value}"
        elif got[0].group and got[0].group not in ids:
            problems[name] = f"expected {name} of {sorted(ids)[:3]}, got {got[0].group}"
    if item.either and any(name not in problems for name in item.either):
        problems = {name: why for name, why in problems.items() if name not in item.either}
    found = list(problems.values())
    if gold.mean is not None:
        found.extend(_plain(facts, "mean_duration", gold.mean, required=True, tolerance=1e-3))
    return found


def _check_evidence(answer: Answer, item: Item, gold: Gold) -> list[str]:
    if gold.total is None:
        return []
    shown = {one.event_id for one in answer.evidence}
    allowed = set(gold.matched)
    if answer.interpretation.question_type in ("existence", "moment", "dwell"):
        allowed |= gold.ongoing
    if gold.versus is not None:
        return []  # a comparison may show events of both windows
    problems: list[str] = []
    if outside := shown - allowed:
        problems.append(f"{len(outside)} of the evidence do not match: {sorted(outside)[:2]}")
    if gold.total and not answer.evidence and item.type in SHOWS_EVIDENCE:
        problems.append("expected evidence, got none")
    return problems


def _check_coverage(answer: Answer, item: Item, gold: Gold) -> list[str]:
    problems: list[str] = []
    report = answer.coverage
    if item.uncovered:
        if report is None or report.share != 0:
            problems.append(f"expected coverage.share 0, got {report and report.share}")
        if re.search(CLAIMS_QUIET, answer.response):
            problems.append(f"nothing was recorded, yet it claims quiet: {answer.response!r}")
    if item.coverage and gold.recorded_seconds is not None:
        if report is None:
            return [*problems, "expected a coverage report, got none"]
        if abs(report.recorded_seconds - gold.recorded_seconds) > 1:
            problems.append(
                f"expected {gold.recorded_seconds:g} s recorded, got {report.recorded_seconds:g}"
            )
        assert gold.window_seconds is not None
        if abs(report.window_seconds - gold.window_seconds) > 1:
            problems.append(
                f"expected {gold.window_seconds:g} s asked, got {report.window_seconds:g}"
            )
    return problems


def _bounds(interval: Interval | None) -> tuple[int | None, int | None]:
    if interval is None:
        return None, None
    return milliseconds(interval.start), milliseconds(interval.end)


def _show(windows: Sequence[tuple[int | None, int | None]], zone: str) -> str:
    def one(value: int | None) -> str:
        if value is None:
            return "…"
        return datetime.fromtimestamp(value / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(" ")

    return " and ".join(f"{one(start)} to {one(end)}" for start, end in windows)
