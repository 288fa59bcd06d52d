"""The check that every number in a text is a fact is itself checked, in both directions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enhanced_prompt_service.domain.answers import (
    Answer,
    CoverageReport,
    Evidence,
    Fact,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from tests.eval.text_numbers import unsupported

ZONE = "America/Indiana/Indianapolis"
QUERY = "How many people between 2 and 3 pm on March 12?"
WINDOW = Interval(datetime(2018, 3, 12, 18, tzinfo=UTC), datetime(2018, 3, 12, 19, tzinfo=UTC))
BEGIN = datetime(2018, 3, 12, 18, 31, 5, 250_000, tzinfo=UTC)
FACTS = (
    Fact("events", 1843, "events", text="1,843"),
    Fact("events_by_camera", 37, "events", "G330", text="37"),
    Fact("events_by_hour", 12, "events", "2018-03-12T14"),
    Fact("first_start", BEGIN.timestamp(), "unix_seconds", "x#1", text="2:31 pm"),
    Fact("longest", 272.4, "seconds", "x#1", text="4 min 32 s"),
    Fact("coverage", 0.0713, "share", text="7 %"),
    Fact("change", -18.2, "percent", text="18 %"),
    Fact("difference", -410, "events", text="410"),
)


def complaints(text: str, facts: tuple[Fact, ...] = FACTS, limit: int = 0) -> list[str]:
    answer = Answer(
        response=text,
        response_type=ResponseType.ANSWER,
        confidence_score=1.0,
        interpretation=Interpretation(
            QuestionType.COUNT,
            WINDOW,
            time_zone=ZONE,
            recurring=RecurringMask((DailyRange(22 * 60, 6 * 60),)),
            limit=limit,
            assumptions=("a moment is ±10 min",),
            rendered="person events, Mon 12 Mar 2018, 14:00–15:00, over 5 minutes",
        ),
        evidence=(
            Evidence("x#1", BEGIN, "G330", "person_sits_down", 1.0, "person sits down at door 9"),
        ),
        facts=facts,
        coverage=CoverageReport(
            0.07,
            900,
            3600,
            1,
            0,
            (
                Interval(
                    datetime(2018, 3, 12, 18, 30, tzinfo=UTC),
                    datetime(2018, 3, 12, 18, 45, tzinfo=UTC),
                ),
            ),
        ),
    )
    return unsupported(answer, QUERY, {"G330", "G299", "Dock 4"})


@pytest.mark.parametrize(
    "text",
    [
        "1,843 person events.",
        "1,843 on Monday 12 March 2018, 2:00 to 3:00 pm; G330 had 37, G299 none.",
        "1,843 between 2 and 3 pm on Mar 12 (14:00–15:00).",
        "First at 2:31 pm, at 14:31:05 to be exact, on 2018-03-12.",
        "The longest took 4 min 32 s.",
        "Only 7 % was recorded: 14:30–14:45 on Mon 12 Mar.",
        "That is 410 fewer (18 %).",
        "Dock 4 was not asked about, between 22:00 and 06:00.",
        "Person sits down at door 9 [1].",
        "1. G330\n2) is not shown".replace("2) is", "that is"),
        "From 10 pm to 6 am; a moment is ±10 min; over 5 minutes.",
        "The window ends at 2018-03-12T15:00:00-04:00.",
    ],
)
def test_what_a_fact_a_name_or_a_time_says_is_grounded(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("1,844 person events.", "1,844"),
        ("843 person events.", "843"),
        ("11,843 person events.", "11,843"),
        ("1,843.5 person events.", "1,843.5"),
        ("1,843 on 13 March.", "13 March"),
        ("1,843 on Tue 13.", "Tue 13"),
        ("1,843 on 12 March 2019.", "12 March 2019"),
        ("1,843 until 4 pm.", "4 pm"),
        ("1,843 at 2:32 pm.", "2:32 pm"),
        ("1,843 at 2:31 am.", "2:31 am"),
        ("1,843 on G331.", "G331"),
        ("1,843, over 6 minutes.", "6"),
        ("1,843, of 5 cameras.", "5"),
        ("[2] shows it.", "2"),
        ("Dock 5 was busy.", "5"),
        ("From 14:00 to 16:00.", "14:00 to 16:00"),
        ("Before 2018-03-14.", "2018-03-14"),
        ("The top 3 are these.", "3"),
    ],
)
def test_what_nothing_says_is_named(text: str, passage: str) -> None:
    found = complaints(text)
    assert len(found) == 1
    assert f" '{passage}" in found[0]


def test_the_size_of_a_ranking_that_was_asked_for_may_be_said() -> None:
    assert complaints("The top 3 are these.", limit=3) == []


@pytest.mark.parametrize(
    "fact",
    [
        Fact("events", 1843, "events", text="1,842"),
        Fact("events", 2, "events", text="one"),
        Fact("longest", 272.4, "seconds", text="4 min 35 s"),
        Fact("longest", 272.4, "seconds", text="5:32"),
        Fact("coverage", 0.07, "share", text="8 %"),
        Fact("change", 18.6, "percent", text="18 %"),
        Fact("first_start", BEGIN.timestamp(), "unix_seconds", text="2:33 pm"),
        Fact("recorded", 5400, "seconds", text="2.5 h"),
    ],
)
def test_a_fact_whose_text_says_something_else_is_named(fact: Fact) -> None:
    found = complaints(f"It says {fact.text} here.", (fact,))
    assert len(found) == 1
    assert found[0].startswith(f"fact {fact.name}")


@pytest.mark.parametrize(
    "fact",
    [
        Fact("events", 0, "events", text="no"),
        Fact("events", 2, "events", text="two"),
        Fact("longest", 272.4, "seconds", text="272.4 seconds"),
        Fact("longest", 272.4, "seconds", text="4:32"),
        Fact("longest", 272.4, "seconds", text="4.5 minutes"),
        Fact("coverage", 0.0713, "share", text="7.1 %"),
        Fact("coverage", 0.004, "share", text="less than 1 %"),
        Fact("recorded", 5400, "seconds", text="1.5 h"),
        Fact("recorded", 5400, "seconds", text="1 h 30 min"),
        Fact("difference", -1410, "events", text="1,410"),
        Fact("first_start", BEGIN.timestamp(), "unix_seconds", text="Mon 12 Mar, 2:31:05 pm"),
    ],
)
def test_a_fact_may_be_said_in_the_precision_of_its_text(fact: Fact) -> None:
    assert complaints(f"It says {fact.text} here.", (fact,)) == []
