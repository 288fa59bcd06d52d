"""Answers as a whole, over a store in plain Python: exact, grounded, honest about footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enhanced_prompt_service.agent.grounded import GroundedEngine, text_pieces
from enhanced_prompt_service.agent.grounded.answer import compose
from enhanced_prompt_service.agent.grounded.retrieve import retrieve
from enhanced_prompt_service.agent.grounded.understand import understand
from enhanced_prompt_service.domain.answers import (
    Answer,
    Fact,
    PromptResponse,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.events import Event, Selection
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import QuestionFilter, TurnRequest
from enhanced_prompt_service.storage import Database, open_stores
from tests.eval.text_numbers import unsupported

from .fakes import MemoryStore
from .mill import CALLER, HARBOUR, MILL, NOW, VIENNA, make_index, make_store

QUESTIONS = (
    "What happened at the mill yesterday?",
    "Summarise last week",
    "How many people were at the north gate on Monday?",
    "how many trucks came to the pier in the last 3 days",
    "Did a truck arrive at the mill today?",
    "Did anyone carry a ladder at the canteen on Tuesday night?",
    "Any smoke in the furnace door zone this week?",
    "When did the gate first open at the mill yesterday?",
    "When was the last dog at the pier?",
    "when did people clock in at the canteen on Sunday",
    "Which camera was busiest this week?",
    "top 3 cameras by vehicles last week",
    "three quietest cameras at the mill yesterday",
    "Which cameras were quiet on Tuesday night?",
    "Which cameras at the mill saw no dogs between 9 and 9:20 am yesterday?",
    "Which hour had most trucks yesterday?",
    "Which day last week was busiest at the pier?",
    "Which zone had most events last week?",
    "most common type of event at the canteen",
    "how many cameras saw a truck yesterday",
    "Was Monday busier than Sunday at the mill?",
    "Is today quieter than yesterday at the pier?",
    "Compare the north gate, the south gate and the canteen last week",
    "Were there more people than vehicles at the mill yesterday?",
    "cars or trucks: which more at the pier last week? compare them",
    "people per hour at the mill yesterday",
    "events per day at the pier last week",
    "trucks by weekday",
    "dogs by hour of the day at the pier",
    "Did anyone walk for over 5 minutes yesterday?",
    "How long was the longest walk at the pier this week?",
    "average length of truck departures at the mill",
    "find someone carrying a ladder at the south gate",
    "orange truck at the south gate",
    "green car pulling a trailer at the pier this week",
    "Anyone at the mill between 22:00 and 06:00 in the last 7 days?",
    "How many trucks every morning this week at the mill?",
    "What was going on at 2:14 pm yesterday at the pier?",
    "Show the clip from 11:47",
    "show me the last 4 events at the crane",
    "Which cameras are offline?",
    "Is the crane camera recording?",
    "Is the ferry ramp recording?",
    "What cameras do I have?",
    "What can you detect at the pier?",
    "which sites do you cover?",
    "what zones are there",
    "when was footage recorded at the mill on Tuesday?",
    "Were there any elephants at the mill today?",
    "What happened at the gate yesterday?",
    "camera 14 today",
    "tell me a joke",
    "What happened at the mill on Tuesday night?",
    "events between 2 am and 5 am on May 15 at the boiler house",
)
NAMES = {
    name
    for site in (MILL, HARBOUR)
    for name in (site.site_id, site.name, *(c.camera_id for c in site.cameras),
                 *(c.name for c in site.cameras))
}  # fmt: skip


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return make_store()


STORE = make_store()
INDEX = make_index()


def answered(
    text: str, *, narrowing: QuestionFilter | None = None, history: Sequence[PromptResponse] = ()
) -> Answer:
    query = understand(text, history=history, now=NOW, index=INDEX, narrowing=narrowing)
    return compose(query, retrieve(query, STORE.reader()))


def matching(**wanted: object) -> list[Event]:
    """The oracle: events of a selection, seen up to now."""
    return STORE.reader().matching(Selection(as_of=NOW, **wanted))  # pyright: ignore[reportArgumentType]


def facts(answer: Answer, name: str) -> list[Fact]:
    return [one for one in answer.facts if one.name == name]


def value(answer: Answer, name: str) -> float:
    [found] = [one for one in facts(answer, name) if not one.group]
    return found.value


def day(number: int) -> Interval:
    start = datetime(2024, 5, number, tzinfo=VIENNA)
    return Interval(start, start + timedelta(days=1))


# ---- what holds for all -------------------------------------------------------------------------


@pytest.mark.parametrize("text", QUESTIONS)
def test_every_number_is_a_fact_or_repeats_what_was_asked(text: str) -> None:
    answer = answered(text)
    assert unsupported(answer, text, NAMES) == []


@pytest.mark.parametrize("text", QUESTIONS)
def test_facts_stand_in_the_text_as_they_say(text: str) -> None:
    answer = answered(text)
    for fact in answer.facts:
        assert fact.text in answer.response
    keys = [(fact.name, fact.group) for fact in answer.facts]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("text", QUESTIONS)
def test_citations_point_at_evidence_and_into_the_text(text: str) -> None:
    answer = answered(text)
    shown = {one.event_id for one in answer.evidence}
    assert len(shown) == len(answer.evidence)
    for one in answer.citations:
        assert one.event_id in shown
        assert 0 <= one.start < one.end <= len(answer.response)
        assert answer.response[one.start : one.end].strip()


@pytest.mark.parametrize("text", QUESTIONS)
def test_follow_up_questions_are_understood(text: str) -> None:
    for question in answered(text).follow_up_questions:
        again = answered(question)
        assert again.response_type is ResponseType.ANSWER, question
        assert again.interpretation.question_type is not QuestionType.REFUSE


@pytest.mark.parametrize("text", QUESTIONS)
def test_pieces_of_a_text_are_the_text(text: str) -> None:
    response = answered(text).response
    assert "".join(text_pieces(response)) == response
    assert len(list(text_pieces(response))) > 2


@pytest.mark.parametrize("text", QUESTIONS)
def test_an_answer_is_the_same_each_time(text: str) -> None:
    assert answered(text) == answered(text)


@pytest.mark.parametrize("text", QUESTIONS)
def test_the_total_is_the_oracles(text: str) -> None:
    query = understand(text, history=(), now=NOW, index=INDEX)
    answer = compose(query, retrieve(query, STORE.reader()))
    if query.settled or query.question_type is QuestionType.HEALTH:
        return
    if answer.response_type is not ResponseType.ANSWER:
        return
    found = STORE.reader().matching(query.selection())
    assert answer.total_matches == len(found)
    if found:
        assert value(answer, "events") == len(found)
        assert value(answer, "participants") == sum(one.participants for one in found)
    ids = {one.event_id for one in found}
    ongoing = {one.event_id for one in answer.evidence} - ids
    if ongoing:
        assert query.question_type in (QuestionType.EXISTENCE, QuestionType.MOMENT)


NARROW = st.builds(
    QuestionFilter,
    cameras=st.sampled_from([(), ("m-01",), ("m-02", "p-11")]),
    sites=st.sampled_from([(), ("mill",)]),
    event_types=st.sampled_from([(), ("person_walks",), ("vehicle_arrives", "gate_opens")]),
    min_confidence=st.sampled_from([None, 0.7]),
)


@settings(max_examples=120, deadline=None)
@given(text=st.sampled_from(QUESTIONS), narrowing=NARROW)
def test_an_answer_never_counts_what_a_filter_excludes(
    text: str, narrowing: QuestionFilter
) -> None:
    answer = answered(text, narrowing=narrowing)
    assert unsupported(answer, text, NAMES) == []
    allowed = matching(
        cameras=frozenset(narrowing.cameras) or None,
        sites=frozenset(narrowing.sites) or None,
        event_types=frozenset(narrowing.event_types) or None,
        min_confidence=narrowing.min_confidence,
    )
    assert answer.total_matches <= len(allowed)
    assert {one.event_id for one in answer.evidence} <= {one.event_id for one in allowed}
    groups = [f for f in answer.facts if f.name == "events_by_camera" and f.value]
    if narrowing.cameras:
        assert {one.group for one in groups} <= set(narrowing.cameras)


# ---- footage ------------------------------------------------------------------------------------

DARK_QUESTIONS = (
    "What happened at the mill on Tuesday night?",
    "Did anyone carry a ladder at the canteen on Tuesday night?",
    "How many people were at the mill between 11 pm on May 14 and 2 am on May 15?",
    "Which cameras at the mill were quiet on Tuesday night?",
    "people per hour at the mill on Tuesday night",
    "When was the last truck at the north gate on Tuesday night?",
    "What was going on at the boiler house at 1 am on May 15?",
    "longest walk at the mill on Tuesday night",
)


@pytest.mark.parametrize("text", DARK_QUESTIONS)
def test_no_footage_is_not_quiet(text: str) -> None:
    answer = answered(text)
    assert answer.response_type is ResponseType.ANSWER
    assert answer.total_matches == 0
    assert answer.coverage is not None
    assert answer.coverage.share == 0
    assert "quiet" not in answer.response.lower()
    assert "Nothing was recorded" in answer.response
    assert answer.follow_up_questions


def test_quiet_is_said_only_of_what_was_recorded_as_a_whole() -> None:
    store = replace(STORE, events=[])
    query = understand("What happened at the mill on Monday?", history=(), now=NOW, index=INDEX)
    answer = compose(query, retrieve(query, store.reader()))
    assert "quiet" in answer.response
    assert answer.confidence_score == 1
    assert answer.metadata["confidence_parts"] == {
        "understanding": 1.0,
        "names": 1.0,
        "coverage": 1.0,
        "evidence": 1.0,
    }


def test_a_part_of_a_window_lowers_the_confidence_of_none() -> None:
    store = replace(STORE, events=[])
    query = understand("Any dogs at the mill on Tuesday?", history=(), now=NOW, index=INDEX)
    answer = compose(query, retrieve(query, store.reader()))
    assert answer.coverage is not None
    assert answer.coverage.share == pytest.approx(22 / 24)
    assert answer.confidence_score == pytest.approx(22 / 24, abs=1e-3)
    assert "not recorded" in answer.response


def test_coverage_that_nobody_reported_is_neither_all_nor_none() -> None:
    store = replace(STORE, events=[])
    query = understand("Any dogs at the ferry ramp yesterday?", history=(), now=NOW, index=INDEX)
    answer = compose(query, retrieve(query, store.reader()))
    assert answer.coverage is not None
    assert answer.coverage.share is None
    assert answer.coverage.cameras_unknown == 1
    assert "not known" in answer.response


def test_totals_over_part_of_a_window_say_so_and_are_not_cut() -> None:
    answer = answered("How many people were at the mill on Tuesday?")
    assert answer.total_matches
    assert re_recorded(answer)
    assert answer.confidence_score > 0.5


def re_recorded(answer: Answer) -> bool:
    return "camera-hours recorded" in answer.response


# ---- one by one ---------------------------------------------------------------------------------


def test_a_ranking_stands_in_its_order() -> None:
    answer = answered("Which camera was busiest last week at the mill?")
    counts = [one.value for one in facts(answer, "events_by_camera")]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == answer.total_matches


def test_quiet_cameras_are_those_that_recorded_and_saw_nothing() -> None:
    answer = answered("Which cameras saw no dogs between 9 and 9:20 am yesterday?")
    zeros = {one.group for one in facts(answer, "events_by_camera") if not one.value}
    dogs = matching(
        windows=(understood_window("between 9 and 9:20 am yesterday"),),
        event_types=frozenset({"dog_barks"}),
    )
    seen = {one.camera_id for one in dogs}
    assert zeros == {"m-01", "m-02", "m-03", "m-04", "p-11", "p-12"} - seen


def understood_window(text: str) -> Interval:
    query = understand(f"What happened {text}?", history=(), now=NOW, index=INDEX)
    assert query.time_range is not None
    return query.time_range


def test_a_comparison_has_both_sides_and_their_difference() -> None:
    answer = answered("Was Monday busier than Sunday at the mill?")
    one = len(matching(windows=(day(13),), sites=frozenset({"mill"})))
    two = len(matching(windows=(day(12),), sites=frozenset({"mill"})))
    assert value(answer, "events") == one
    assert value(answer, "events_compared") == two
    assert value(answer, "difference") == one - two
    assert value(answer, "change") == pytest.approx(100 * (one - two) / two)
    assert answer.response.startswith("Yes" if one > two else "No")


def test_a_trend_adds_up() -> None:
    answer = answered("people per hour at the mill yesterday")
    assert sum(one.value for one in facts(answer, "events_by_hour")) == answer.total_matches


def test_a_night_counts_for_the_day_it_began_on() -> None:
    answer = answered("Anyone at the mill between 22:00 and 06:00 in the last 7 days?")
    people = matching(
        windows=(Interval(NOW - timedelta(days=7), NOW),),
        sites=frozenset({"mill"}),
        event_types=frozenset({"person_walks", "person_clocks_in", "person_carries_ladder"}),
    )
    counts: dict[str, int] = {}
    for one in people:
        local = one.start_time.astimezone(VIENNA)
        if local.hour >= 22 or local.hour < 6:
            began = local.date() - timedelta(days=1) if local.hour < 6 else local.date()
            counts[began.isoformat()] = counts.get(began.isoformat(), 0) + 1
    got = {one.group: one.value for one in facts(answer, "events_by_date") if one.value}
    assert got == counts


def test_the_longest_is_the_longest() -> None:
    answer = answered("How long was the longest walk at the pier this week?")
    start = understood_window("at the pier this week")
    walks = matching(
        windows=(start,), sites=frozenset({"pier9"}), event_types=frozenset({"person_walks"})
    )
    lengths = [(e.end_time - e.start_time).total_seconds() for e in walks if e.end_time]
    [longest] = facts(answer, "longest")
    assert longest.value == max(lengths)


def test_over_five_minutes_is_more_than_five() -> None:
    over = answered("Did anyone walk for over 5 minutes last week?")
    least = answered("walks of at least 5 minutes last week")
    assert least.total_matches > over.total_matches > 0
    assert value(over, "threshold") == 300


def test_a_search_that_no_event_has_all_words_of_matches_nothing() -> None:
    answer = answered("orange gate pulling at the south gate")
    assert answer.total_matches == 0
    assert not answer.evidence


def test_a_word_that_occurs_nowhere_is_asked_about() -> None:
    answer = answered("Were there any elephants at the mill today?")
    assert answer.response_type is ResponseType.CLARIFICATION
    assert "elephants" in answer.response
    assert answer.follow_up_questions


def test_a_clip_is_linked_only_where_the_site_says_how() -> None:
    mill = answered("What happened at the mill yesterday?")
    pier = answered("What happened at the pier yesterday?")
    assert all(one.clip_url.startswith("https://clips.example/") for one in mill.evidence)
    assert all(one.clip_url == "" for one in pier.evidence)


def test_a_description_is_composed_where_the_source_gave_none() -> None:
    for one in answered("When did the gate first open at the mill yesterday?").evidence:
        local = one.timestamp.astimezone(VIENNA)
        assert one.description.startswith("Gate opens at ")
        assert one.description.endswith(f"{local:%H:%M:%S}")


def test_nothing_beyond_the_questions_present_is_seen() -> None:
    last = max(one.start_time for one in STORE.events)
    assert last > NOW
    answer = answered("How many events in total at all sites?")
    assert answer.total_matches == len(matching())


def test_the_second_event_of_an_answer_can_be_asked_about() -> None:
    first = answered("What happened at the mill yesterday?")
    turn = PromptResponse("t", "m", NOW, "c", "u", "What happened at the mill yesterday?",
                          1, 0, first)  # fmt: skip
    more = answered("tell me more about the second one", history=[turn])
    assert [one.event_id for one in more.evidence] == [first.evidence[1].event_id]


# ---- the engine itself --------------------------------------------------------------------------


async def test_an_index_is_built_once_for_a_version(store: MemoryStore) -> None:
    engine = GroundedEngine(store, store, "UTC")
    await engine.prewarm(CALLER)
    first = await engine.index(CALLER)
    assert await engine.index(CALLER) is first
    store.version = "2"
    assert await engine.index(CALLER) is not first
    store.version = "1"


async def test_an_answer_takes_one_snapshot(store: MemoryStore) -> None:
    engine = GroundedEngine(store, store, "UTC")
    before = store.snapshots
    await engine.answer(CALLER, TurnRequest("What happened at the mill yesterday?"), [], NOW)
    assert store.snapshots == before + 1


async def test_a_clarification_asks_the_store_nothing(store: MemoryStore) -> None:
    engine = GroundedEngine(store, store, "UTC")
    before = store.snapshots
    await engine.answer(CALLER, TurnRequest("What happened at the gate?"), [], NOW)
    assert store.snapshots == before


async def test_as_of_is_the_questions_present(store: MemoryStore) -> None:
    engine = GroundedEngine(store, store, "UTC")
    past = NOW - timedelta(days=3)
    request = TurnRequest("How many events today at the mill?", as_of=past)
    answer = await engine.answer(CALLER, request, [], NOW)
    assert answer.interpretation.time_range is not None
    assert answer.interpretation.time_range.end == past


async def test_a_real_database_gives_the_same_answers(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'events.db'}")
    await database.migrate()
    stores = await open_stores(database, default_zone="UTC")
    for site in STORE.sites:
        await stores.catalogue.put_site(CALLER, site)
    await stores.events.ingest(CALLER, STORE.events)
    await stores.events.ingest_coverage(CALLER, STORE.spans)
    real = GroundedEngine(stores.events, stores.catalogue, "UTC")
    plain = GroundedEngine(STORE, STORE, "UTC")
    for text in QUESTIONS:
        got = await real.answer(CALLER, TurnRequest(text), [], NOW)
        wanted = await plain.answer(CALLER, TurnRequest(text), [], NOW)
        if not got.interpretation.text:  # how a text ranks is the database's own
            assert got.response == wanted.response
        assert got.facts == wanted.facts
        assert got.total_matches == wanted.total_matches
        assert got.coverage == wanted.coverage
    await database.close()
