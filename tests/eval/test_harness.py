"""The scoring: an answer made from the gold is right, and each way to be wrong is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.answers import (
    Answer,
    CoverageReport,
    Evidence,
    Fact,
    Interpretation,
    PromptResponse,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from tests.eval.gold import HERE, Gold, Item, Site, load_recorded_site, read_items
from tests.eval.harness import check, score_items
from tests.eval.simulated import load_simulated_site
from tests.support import require

ITEMS = {one.id: one for one in read_items(HERE / "recorded.toml")}


@pytest.fixture(scope="module")
def site() -> Site:
    require.data()
    return load_recorded_site()


def instant(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def interval(start: int | None, end: int | None) -> Interval | None:
    return None if start is None or end is None else Interval(instant(start), instant(end))


def perfect(item: Item, gold: Gold) -> Answer:
    """The answer that an engine without fault would give."""
    mask = item.repeating
    kinds = [*item.question_types, item.type]
    kind = next((k for k in kinds if k in set(QuestionType)), "recap")
    how = Interpretation(
        question_type=QuestionType(kind),
        time_range=interval(gold.start, gold.end),
        comparison_range=interval(*gold.versus) if gold.versus else None,
        time_zone=item.zone,
        recurring=mask
        and RecurringMask(tuple(DailyRange(a, b) for a, b in mask.ranges), mask.weekdays),
        cameras=item.cameras,
        sites=item.sites,
        zones=item.zones,
    )
    facts = [
        Fact(name, value, "cameras") for name, value in gold.values.items() if value is not None
    ]
    if gold.total is not None:
        facts.append(Fact("events", gold.total, "events"))
    if gold.compared is not None and gold.total is not None:
        facts.append(Fact("events_compared", gold.compared, "events"))
        facts.append(Fact("difference", gold.total - gold.compared, "events"))
    if gold.ranking is not None:
        name, rows = gold.ranking
        facts.extend(Fact(name, count, "events", group) for group, count in rows)
    groups = {**gold.groups, **(dict([gold.trend]) if gold.trend else {})}
    for name, counts in groups.items():
        facts.extend(Fact(name, count, "events", group) for group, count in counts.items())
    for name, edge in (("first_start", gold.first), ("last_start", gold.last)):
        if edge is not None:
            facts.append(Fact(name, edge[0] / 1000, "unix_seconds", min(edge[1])))
    if gold.longest is not None:
        facts.append(Fact("longest", gold.longest[0] / 1000, "seconds", min(gold.longest[1])))
    if gold.mean is not None:
        facts.append(Fact("mean_duration", gold.mean, "seconds"))
    limits = (item.threshold, item.at_least)
    facts.extend(Fact("threshold", limit, "seconds") for limit in limits if limit is not None)
    shown = sorted(gold.matched)[:3]
    coverage = None
    if gold.recorded_seconds is not None and gold.window_seconds is not None:
        share = gold.recorded_seconds / gold.window_seconds
        coverage = CoverageReport(share, gold.recorded_seconds, gold.window_seconds, 24, 0)
    other = item.response != "answer"
    return Answer(
        response=" ".join(("So it was:", *(one.split("|")[-1] for one in item.says))),
        response_type=ResponseType.CLARIFICATION if other else ResponseType.ANSWER,
        confidence_score=1.0,
        interpretation=how,
        evidence=tuple(
            Evidence(one, instant(gold.start or 0), "G330", "person_sits_down", 1.0, "Somebody sat")
            for one in shown
        ),
        follow_up_questions=("What happened at G330 today?",) if other else (),
        total_matches=gold.total or 0,
        facts=tuple(facts),
        coverage=coverage,
    )


def wrong_though_perfect(site: Site, items: list[Item]) -> dict[str, list[str]]:
    names = site.names()
    wrong: dict[str, list[str]] = {}
    for item in items:
        gold = site.gold(item)
        if problems := check(perfect(item, gold), item, gold, site, names):
            wrong[item.id] = problems
    return wrong


@pytest.mark.data
@pytest.mark.parametrize("name", ["recorded.toml", "heldout.toml"])
def test_an_answer_made_from_the_gold_is_right_for_every_question(site: Site, name: str) -> None:
    assert wrong_though_perfect(site, read_items(HERE / name)) == {}


def test_an_answer_made_from_the_gold_is_right_for_every_simulated_question() -> None:
    items = read_items(HERE / "simulated.toml")
    assert wrong_though_perfect(load_simulated_site(), items) == {}


def fact(answer: Answer, name: str, **changes: object) -> Answer:
    """The answer with each fact of a name changed."""
    return replace(
        answer, facts=tuple(replace(f, **changes) if f.name == name else f for f in answer.facts)
    )


def how(answer: Answer, **changes: object) -> Answer:
    return replace(answer, interpretation=replace(answer.interpretation, **changes))


LATER = Interval(datetime(2018, 3, 15, 5, tzinfo=UTC), datetime(2018, 3, 15, 20, 30, tzinfo=UTC))
STRANGER = Evidence("x#9", LATER.start, "G299", "person_sits_down", 1.0, "Somebody sat")


@pytest.mark.data
@pytest.mark.parametrize(
    ("item_id", "spoil"),
    [
        ("a-count-1", lambda a: replace(a, total_matches=a.total_matches + 1)),
        ("a-count-1", lambda a: fact(a, "events", value=7)),
        ("a-count-1", lambda a: replace(a, facts=())),
        ("a-count-1", lambda a: how(a, time_range=LATER)),
        ("a-count-1", lambda a: how(a, sites=("bus",))),
        ("a-count-1", lambda a: how(a, question_type=QuestionType.RANK)),
        ("a-count-1", lambda a: how(a, recurring=RecurringMask((DailyRange(0, 60),)))),
        ("a-count-1", lambda a: replace(a, evidence=(*a.evidence, STRANGER))),
        ("a-count-1", lambda a: replace(a, evidence=())),
        ("a-count-1", lambda a: replace(a, response="There were 4,127 of them.")),
        ("a-count-1", lambda a: replace(a, response=" ")),
        ("a-count-1", lambda a: replace(a, confidence_score=1.2)),
        ("a-count-1", lambda a: replace(a, response_type=ResponseType.CLARIFICATION)),
        ("a-count-1", lambda a: replace(a, coverage=None)),
        ("a-count-1", lambda a: replace(a, coverage=replace(a.coverage, recorded_seconds=9.0))),
        ("a-count-3", lambda a: how(a, cameras=("G330", "G331"))),
        ("a-recap-5", lambda a: replace(a, coverage=replace(a.coverage, share=0.1))),
        ("a-recap-5", lambda a: replace(a, response="A quiet night.")),
        ("a-when-1", lambda a: fact(a, "first_start", value=a.facts[-1].value + 0.001)),
        ("a-when-1", lambda a: fact(a, "first_start", group="another")),
        ("a-rank-5", lambda a: replace(a, facts=a.facts[:1] + a.facts[:0:-1])),
        ("a-rank-5", lambda a: replace(a, facts=a.facts[:1])),
        ("a-rank-6", lambda a: replace(a, facts=a.facts[:5])),
        ("a-rank-1", lambda a: replace(a, facts=(Fact("events_by_camera", 0, "events", "G299"),))),
        ("a-compare-1", lambda a: fact(a, "events_compared", value=3)),
        ("a-compare-1", lambda a: fact(a, "difference", value=3)),
        ("a-compare-1", lambda a: how(a, comparison_range=None)),
        ("a-compare-2", lambda a: fact(a, "events_by_camera", value=3)),
        ("a-trend-1", lambda a: replace(a, facts=a.facts[:-1])),
        ("a-trend-1", lambda a: replace(a, facts=(*a.facts, Fact("events_by_hour", 1, "", "x")))),
        ("a-dwell-1", lambda a: fact(a, "threshold", value=5)),
        ("a-dwell-2", lambda a: fact(a, "longest", value=5)),
        ("a-dwell-4", lambda a: fact(a, "mean_duration", value=27)),
        ("a-recurring-2", lambda a: how(a, recurring=None)),
        ("a-recurring-2", lambda a: how(a, recurring=RecurringMask((DailyRange(0, 60),)))),
        ("a-health-1", lambda a: replace(a, facts=())),
        ("a-health-3", lambda a: replace(a, response="I will not say.")),
        ("a-clarify-1", lambda a: replace(a, response_type=ResponseType.ANSWER)),
        ("a-clarify-1", lambda a: replace(a, follow_up_questions=())),
        ("a-clarify-1", lambda a: replace(a, evidence=(STRANGER,))),
        ("a-clarify-2", lambda a: replace(a, follow_up_questions=("Which one?",))),
        ("a-clarify-15", lambda a: replace(a, response_type=ResponseType.ANSWER, total_matches=2)),
    ],
)
def test_a_spoilt_answer_is_wrong(
    site: Site, item_id: str, spoil: Callable[[Answer], Answer]
) -> None:
    item = ITEMS[item_id]
    gold = site.gold(item)
    assert check(spoil(perfect(item, gold)), item, gold, site, site.names())


@pytest.mark.data
def test_two_windows_named_in_the_other_order_are_right_where_the_item_allows_it(
    site: Site,
) -> None:
    def turned(item: Item) -> list[str]:
        gold = site.gold(item)
        assert gold.total is not None
        assert gold.compared is not None
        other = replace(gold, total=gold.compared, compared=gold.total)
        other = replace(other, start=gold.versus[0], end=gold.versus[1]) if gold.versus else other
        answer = perfect(item, replace(other, versus=(gold.start or 0, gold.end or 0)))
        return check(answer, item, gold, site, site.names())

    assert turned(ITEMS["a-compare-6"]) == []
    assert turned(ITEMS["a-compare-4"]) != []


@pytest.mark.data
async def test_an_exception_is_a_miss_and_the_second_one_is_followed(site: Site) -> None:
    asked: list[tuple[str, str | None]] = []

    async def ask(
        question: str, *, as_of: datetime, time_zone: str, conversation: str | None
    ) -> PromptResponse:
        asked.append((question, conversation))
        if question.startswith("How many"):
            raise RuntimeError("broken")
        item = ITEMS["a-recap-3"]
        answer = perfect(item, site.gold(item))
        if "second" in question:
            answer = replace(answer, evidence=answer.evidence[:1])
        now = datetime(2018, 3, 15, tzinfo=UTC)
        return PromptResponse("t", "m", now, "c", "u", question, 1, 0, answer)

    scores = await score_items(ask, site, [ITEMS["a-count-1"], ITEMS["a-follow-5"]])
    assert scores[0].problems == ["raised RuntimeError: broken"]
    assert "first, got" in scores[1].problems[0]
    assert [conversation for _, conversation in asked] == [
        None,
        "eval-a-follow-5",
        "eval-a-follow-5",
    ]
