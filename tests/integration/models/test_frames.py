"""What readers see, and what is stored, when models answer: well, badly, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from enhanced_prompt.v1 import answers_pb2, turns_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnState
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer, Turn

from .kit import GATE, HASTY, arguments, ask, kinds, metadata, served, shown

QUESTION = "How many people were at the gate today?"
COUNT = ("count_events", arguments(places=["gate camera"], kinds=["people"], time="today"))
SEARCH = ("search_events", arguments(places=["Gate camera"], time="today", limit=3))
SEVEN = Turn(text="There were 7 person events at the gate today [1].")
SENT = (
    ("answers at once", (Turn(text="I can look at cameras for you."),)),
    ("looks once", (Turn(calls=(COUNT,)), SEVEN)),
    ("looks twice at once", (Turn(calls=(COUNT, SEARCH)), SEVEN)),
    ("says so before it looks", (Turn(text="One moment.", calls=(COUNT,)), SEVEN)),
    ("drips", (Turn(calls=(COUNT,)), Turn(text=SEVEN.text, pause_s=0.02))),
)
FAILS: dict[str, Turn] = {
    "cut stream": Turn(text="There were 9 of them", cut=2),
    "429 with Retry-After": Turn(status=429, headers={"Retry-After": "5"}),
    "500": Turn(status=500),
    "hangs before the first token": Turn(hang="first", text="x"),
    "hangs after the first token": Turn(text="There were 9 of them", hang=1),
    "drips for ever": Turn(pieces=("x ",) * 200, pause_s=0.1),
}


async def stored(app: App, frames: list[turns_pb2.TurnFrame]) -> Any:
    return await app.stores.turns.get_turn(Caller(), frames[0].turn_id)


def sum_of(usage: answers_pb2.Usage) -> tuple[int, int, int, int]:
    one = usage.sum
    return one.input_tokens, one.output_tokens, one.cached_tokens, one.reasoning_tokens


@pytest.mark.parametrize(("name", "turns"), SENT, ids=[name for name, _ in SENT])
async def test_what_was_streamed_is_the_answer_and_is_stored_with_the_providers_own_counts(
    name: str, turns: tuple[Turn, ...], start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", *turns)
    async with served(start, provider, "a", "grounded") as app:
        frames = await ask(app, QUESTION)
        row = await stored(app, frames)
    response = frames[-1].completed.response
    assert shown(frames) == response.response == row.response.answer.response
    assert row.state is TurnState.COMPLETED
    assert frames[0].started.model == "openai:a"
    assert metadata(response)["ai_model"] == "openai:a"
    told = tuple(sum(one[at] for one in provider.sent_usage) for at in range(4))
    assert sum_of(response.usage) == told
    assert len(row.usage.calls) == len(turns) == len(response.usage.calls)
    assert {one.source for one in response.usage.calls} == {answers_pb2.USAGE_SOURCE_PROVIDER}


async def test_tools_show_as_they_run_and_evidence_comes_before_the_text_on_it(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(calls=(COUNT, SEARCH)), SEVEN)
    async with served(start, provider, "a") as app:
        frames = await ask(app, QUESTION)
    found = kinds(frames)
    assert found[:2] == ["started", "agent_started"]
    assert found.count("tool_started") == found.count("tool_finished") == 2
    assert found.index("evidence") < found.index("text_delta")
    started = [one.tool_started for one in frames if one.HasField("tool_started")]
    assert {one.tool for one in started} == {"count_events", "search_events"}
    assert all(len(one.arguments) <= 100 for one in started)
    finished = [one.tool_finished for one in frames if one.HasField("tool_finished")]
    assert all(one.ok and len(one.result) <= 200 for one in finished)
    assert {one.call_id for one in started} == {one.call_id for one in finished}
    response = frames[-1].completed.response
    assert response.total_matches == 7
    assert response.evidence_count == 7
    assert {one.camera_id for one in response.evidence} == {GATE}
    (cited,) = response.citations
    assert cited.event_id == response.evidence[0].event_id
    text = response.response[cited.start : cited.end]
    assert text.strip() == "There were 7 person events at the gate today"
    assert {(one.name, one.value, one.text) for one in response.facts} >= {("events", 7.0, "7")}
    assert response.interpretation.cameras == [GATE]
    assert response.interpretation.question_type == answers_pb2.QUESTION_TYPE_RECAP
    assert response.coverage.share == pytest.approx(1, rel=0.01)
    assert response.follow_up_questions
    assert response.confidence_score == pytest.approx(0.95 * 0.9)
    assert "unsupported_claims" not in metadata(response)


async def test_malformed_arguments_are_the_models_to_mend(
    start: Start, provider: OpenAIServer
) -> None:
    bad = (
        ("count_events", '{"places": ["gate'),
        ("count_events", '{"places": "gate"}'),
        ("count_events", '{"tenant": "other"}'),
        ("count_events", arguments(places=["the moon"])),
        ("delete_events", "{}"),
    )
    provider.script("a", Turn(calls=bad), Turn(calls=(COUNT,)), SEVEN)
    async with served(start, provider, "a") as app:
        frames = await ask(app, QUESTION)
    finished = [one.tool_finished for one in frames if one.HasField("tool_finished")]
    assert [one.ok for one in finished] == [False] * len(bad) + [True]
    told = [one["content"] for one in provider.requests[1]["messages"] if one["role"] == "tool"]
    assert "not a JSON object" in told[0]
    assert "places" in told[1]
    assert "tenant" in told[2]
    assert "Gate camera" in told[3]
    assert "search_events" in told[4]
    assert shown(frames) == SEVEN.text


@pytest.mark.parametrize("how", FAILS)
async def test_where_the_only_model_fails_the_engine_answers_and_the_way_there_is_noted(
    how: str, start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", FAILS[how])
    async with served(start, provider, "a", "grounded", **HASTY) as app:
        frames = await ask(app, QUESTION)
        row = await stored(app, frames)
    response = frames[-1].completed.response
    assert shown(frames) == response.response == row.response.answer.response
    assert response.response.startswith("7 ")
    assert "of them" not in response.response
    noted = metadata(response)
    assert noted["ai_model"] == "grounded"
    assert [one["model"] for one in noted["models_passed"]] == ["openai:a"]
    withdrawn = [one.text_withdrawn for one in frames if one.HasField("text_withdrawn")]
    said = bool(FAILS[how].said()) and FAILS[how].hang != "first"
    assert len(withdrawn) == said
    for one in withdrawn:
        assert (one.failed_model, one.next_model) == ("openai:a", "grounded")


@pytest.mark.parametrize("how", FAILS)
async def test_where_the_first_two_fail_in_the_middle_of_their_work_the_third_answers_coherently(
    how: str, start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="Looking.", calls=(COUNT,)), FAILS[how])
    provider.script("b", FAILS[how])
    provider.script("c", SEVEN)
    async with served(start, provider, "a", "b", "c", **HASTY) as app:
        frames = await ask(app, QUESTION)
        row = await stored(app, frames)
    response = frames[-1].completed.response
    assert shown(frames) == response.response == row.response.answer.response == SEVEN.text
    assert metadata(response)["ai_model"] == "openai:c"
    assert len(metadata(response)["models_passed"]) == 2
    # What the first one looked up serves the third one.
    assert response.evidence_count == 7
    assert response.total_matches == 7
    assert frames[-1].sequence == len(frames)


async def test_reasoning_shows_as_thinking_and_is_no_part_of_the_answer(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("r", Turn(reasoning=("I should ", "count. "), calls=(COUNT,)), SEVEN)
    async with served(start, provider, f"deepseek:r@{provider.address}") as app:
        frames = await ask(app, QUESTION)
        plain = await ask(app, QUESTION, detail=turns_pb2.DETAIL_ANSWER)
    thought = "".join(one.thinking.text for one in frames if one.HasField("thinking"))
    assert thought == "I should count. "
    response = frames[-1].completed.response
    assert response.response == SEVEN.text
    assert response.usage.calls[0].reasoning_tokens == provider.sent_usage[0][3] > 0
    assert not [one for one in plain if one.HasField("thinking")]


async def test_counts_that_nobody_sent_are_estimates_and_unknown_ones_stay_unknown(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="Nothing to say.", usage=False))
    async with served(start, provider, "a") as app:
        frames = await ask(app, QUESTION)
    (used,) = frames[-1].completed.response.usage.calls
    assert used.source == answers_pb2.USAGE_SOURCE_ESTIMATED
    assert used.output_tokens == 4
    assert not used.HasField("cached_tokens")
    assert not used.HasField("cost")


async def test_with_no_engine_behind_it_a_failed_chain_fails_the_turn_retryably(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="Half an answer", cut=2))
    async with served(start, provider, "a") as app:
        frames = await ask(app, QUESTION)
        row = await stored(app, frames)
    failed = frames[-1].failed
    assert failed.retryable
    assert b"MODEL_UNAVAILABLE" in failed.status.SerializeToString()
    assert shown(frames) == ""
    (used,) = failed.usage.calls
    assert used.source == answers_pb2.USAGE_SOURCE_ESTIMATED
    assert row.state is TurnState.FAILED
    assert len(row.usage.calls) == 1


async def test_a_model_that_never_comes_to_an_answer_is_passed_over_within_its_budget(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(calls=(COUNT,)))
    async with served(start, provider, "a", "grounded", model_steps=3) as app:
        frames = await ask(app, QUESTION)
    assert len(provider.requests) == 3
    assert provider.requests[-1]["messages"][-1]["content"].startswith("No more lookups")
    response = frames[-1].completed.response
    assert metadata(response)["ai_model"] == "grounded"
    assert len(response.usage.calls) == 3


async def test_tokens_are_a_budget_too(start: Start, provider: OpenAIServer) -> None:
    provider.script("a", Turn(calls=(COUNT,)), SEVEN)
    async with served(start, provider, "a", model_tokens=1000) as app:
        frames = await ask(app, "x" * 6000)
    assert provider.requests[-1]["messages"][-1]["content"].startswith("No more lookups")
    assert shown(frames) == SEVEN.text


async def test_a_chosen_model_answers_and_one_that_is_not_configured_is_refused_by_name(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("b", SEVEN)
    async with served(start, provider, "a", "b", "grounded") as app:
        frames = await ask(app, QUESTION, model="openai:b")
        assert frames[0].started.model == "openai:b"
        assert metadata(frames[-1].completed.response)["ai_model"] == "openai:b"
        frames = await ask(app, QUESTION, model="grounded")
        assert frames[0].started.model == "grounded"
        assert not frames[-1].completed.response.usage.calls
        with pytest.raises(Exception, match="'openai:z' is not configured") as refused:
            await ask(app, QUESTION, model="openai:z")
        assert refused.value.code().name == "INVALID_ARGUMENT"


async def test_the_filter_and_the_moment_of_a_question_bind_its_tools(
    start: Start, provider: OpenAIServer
) -> None:
    wide = ("search_events", arguments(limit=20))
    provider.script("a", Turn(calls=(wide,)), Turn(text="Done."))
    async with served(start, provider, "a") as app:
        narrow = turns_pb2.QuestionFilter(cameras=["DOCK-1"])
        frames = await ask(app, QUESTION, filter=narrow)
        response = frames[-1].completed.response
        assert {one.camera_id for one in response.evidence} == {"DOCK-1"}
        past = pytest.importorskip("google.protobuf.timestamp_pb2").Timestamp(seconds=1000)
        provider.script("a", Turn(calls=(wide,)), Turn(text="Done."))
        frames = await ask(app, QUESTION, as_of=past)
        assert frames[-1].completed.response.total_matches == 0


async def test_a_follow_up_goes_on_with_the_engine_where_a_model_answered_before(
    start: Start, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(calls=(COUNT,)), SEVEN)
    async with served(start, provider, "a", "grounded") as app:
        await ask(app, QUESTION, conversation_id="c")
        frames = await ask(app, "and at the dock?", conversation_id="c", model="grounded")
        assert shown(frames).startswith("3 events at Dock camera")
        provider.script("a", Turn(text="It was about the gate."))
        await ask(app, "What did I ask first?", conversation_id="c")
    sent = [one["content"] for one in provider.requests[-1]["messages"]]
    assert sent[1:3] == [QUESTION, SEVEN.text]
