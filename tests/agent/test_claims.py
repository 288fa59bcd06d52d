"""What a model says, held against what was found: no truth is marked, nothing made up passes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.agent.claims import Checked, check
from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.tools import Looked
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.storage import Stores
from tests.integration.models.kit import DOCK, GATE, NOW, ZONE, event, site

QUESTION = "How many people were at the gate today?"
Check = Callable[..., Awaitable[Checked]]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An SQLite file."""
    return f"sqlite:///{tmp_path / 'eps.db'}"


@pytest.fixture
async def checked(stores: Stores) -> Check:
    """Checks a text against what the engine finds for questions: 7 events at the gate, 3 at the
    dock, a minute apart, the last ones at 15:00 local time, 30 s each."""
    caller = Caller()
    await stores.catalogue.put_site(caller, site("Gate camera 12"))
    many = [event(n) for n in range(7)] + [event(n, camera=DOCK, label="dog") for n in range(3)]
    await stores.events.ingest(caller, many)
    engine = GroundedEngine(stores.events, stores.catalogue, ZONE)

    async def run(text: str, *questions: str) -> Checked:
        looked: list[Looked] = []
        for one in questions or (QUESTION,):
            query = await engine.understand(caller, TurnRequest(one), (), NOW)
            findings = await engine.retrieve(caller, query)
            looked.append(Looked("x", query, findings, engine.compose(query, findings)))
        index = await engine.index(caller)
        return check(
            text,
            evidence=[one for found in looked for one in found.answer.evidence],
            looked=looked,
            said_before=[QUESTION],
            names=[n for one in index.names.entities.values() for n in (one.id, one.name)],
            zone=ZoneInfo(ZONE),
            now=NOW,
        )

    return run


@pytest.mark.parametrize(
    "text",
    [
        "There were 7 person events [1].",
        "Seven events, the last at 3 pm and the first at 14:54 [1, 7].",
        "Between 14:54:00 and 15:00:00 on 15 March 2018 there were 7.",
        "On Thursday, March 15th, Gate camera 12 (GATE-1) saw 7 events.",
        "2018-03-15: 7 events of 30 s each, confidence 0.9 (90%).",
        "1. First [1]\n2. Second [2]\n3) Third [3]",
        "See [the docs](http://x/7) and (as said) [sic!].",
        "Each took 30 seconds. It is 16:00 now.",
        "Nobody can say. I see none.",
    ],
)
async def test_what_was_found_may_be_said_in_many_ways(text: str, checked: Check) -> None:
    assert (await checked(text)).unsupported == ()


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("There were 8 events.", "number 8"),
        ("There were 1,007 events.", "number 1,007"),
        ("There were eight events.", "number eight"),
        ("That is 12% more.", "number 12"),
        ("It was 7.5 on average.", "number 7.5"),
        ("The first was at 14:53.", "time 14:53"),
        ("The first was at 2:53 pm.", "time 2:53 pm"),
        ("The last was at 15:00:01.", "time 15:00:01"),
        ("It was on 16 March.", "date 16 March"),
        ("It was on March 15, 2017.", "date March 15, 2017"),
        ("It was on 2018-03-14.", "date 2018-03-14"),
        ("It took 2 min 10 s.", "length 2 min 10 s"),
        ("A man [8].", "event [8]"),
        ("A man [0].", "event [0]"),
        ("A man [gate-1-99].", "event [gate-1-99]"),
        ("A man [1, 99].", "event [99]"),
        ("Camera 13 saw it.", "number 13"),
    ],
)
async def test_what_was_not_found_is_named(text: str, claim: str, checked: Check) -> None:
    assert claim in (await checked(text)).unsupported


async def test_a_citation_covers_its_sentence_and_an_event_may_be_named_by_its_id(
    checked: Check,
) -> None:
    text = "Busy. A man walked by [1]. He came back [gate-1-3, 2]."
    found = await checked(text)
    assert [(text[one.start : one.end].strip(), one.event_id) for one in found.citations] == [
        ("A man walked by", "gate-1-6"),
        ("He came back", "gate-1-3"),
        ("He came back", "gate-1-5"),
    ]


async def test_facts_carry_the_words_that_state_them_and_stay_exact(checked: Check) -> None:
    found = await checked("Seven events.")
    stated = [one for one in found.facts if one.text]
    assert [(one.name, one.value, one.text) for one in stated] == [("events", 7.0, "Seven")]
    assert len(found.facts) > 1


async def test_facts_of_several_look_ups_may_all_be_stated(checked: Check) -> None:
    text = "7 at the gate, 3 at the dock."
    assert "number 3" in (await checked(text)).unsupported
    both = await checked(text, QUESTION, "How many events were at the dock today?")
    assert both.unsupported == ()


@pytest.mark.parametrize(
    "question",
    [
        QUESTION,
        "What happened today?",
        "Which camera was busiest today?",
        "Events per hour today",
        "How long was the longest event at the gate today?",
        "Was it busier today than yesterday?",
        "When was the gate first used today?",
        "Which cameras are offline?",
        "What happened at 14:55 today?",
        "Anyone between 14:00 and 16:00 in the last 7 days?",
        "Did anything happen at the dock on 3 March?",
    ],
)
async def test_the_engines_own_words_hold(question: str, checked: Check, stores: Stores) -> None:
    engine = GroundedEngine(stores.events, stores.catalogue, ZONE)
    answer = await engine.answer(Caller(), TurnRequest(question), (), NOW)
    assert answer.response
    assert (await checked(answer.response, question)).unsupported == ()


def test_the_site_of_these_tests_is_what_they_say() -> None:
    assert event(0).start_time == NOW - timedelta(hours=1)
    assert (GATE, DOCK) == ("GATE-1", "DOCK-1")
