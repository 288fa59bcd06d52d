"""The chain over a provider that does what real ones do on bad days."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from pydantic import BaseModel, Field

from enhanced_prompt_service.agent.models import (
    CallLimits,
    CircuitOptions,
    CircuitState,
    FailureKind,
    Finished,
    NoModelLeft,
    Withdrawn,
    stream,
    structured,
)
from enhanced_prompt_service.domain.errors import InvalidArgument, Reason
from tests.support.openai_server import OpenAIServer, Turn

from .conftest import MakeChain

GOOD = Turn(text="All is quiet at the gate.")
FAILURES: dict[str, tuple[Turn, FailureKind]] = {
    "429": (Turn(status=429), FailureKind.RATE_LIMITED),
    "429 with Retry-After": (
        Turn(status=429, headers={"Retry-After": "7"}),
        FailureKind.RATE_LIMITED,
    ),
    "500": (Turn(status=500), FailureKind.SERVER),
    "401": (Turn(status=401), FailureKind.REFUSED),
    "no headers": (Turn(hang="headers"), FailureKind.FIRST_TOKEN),
    "no token": (Turn(hang="first", text="x"), FailureKind.FIRST_TOKEN),
    "cut before a token": (Turn(text="a b c", cut=0), FailureKind.UNREACHABLE),
    "ends with nothing": (Turn(), FailureKind.EMPTY),
    "filtered": (Turn(finish="content_filter"), FailureKind.FILTERED),
    "hangs after a token": (Turn(text="Nothing at all", hang=1), FailureKind.IDLE),
    "cut after a token": (Turn(text="Nothing at all", cut=2), FailureKind.UNREACHABLE),
    "ends too soon": (Turn(text="Nothing at all", ends_early=True), FailureKind.CUT),
    "drips": (Turn(pieces=("drip ",) * 400, pause_s=0.05), FailureKind.TOO_LONG),
}
SHOWN = {"hangs after a token", "cut after a token", "ends too soon", "drips"}


@dataclass
class Watched:
    """A sink that shows what a user would see."""

    shown: str = ""
    thoughts: str = ""
    withdrawn: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, shown: str) -> None:
        """Wait for a text."""
        while self.shown != shown:
            self.more.clear()
            await self.more.wait()

    def text(self, delta: str) -> None:
        """More."""
        self.shown += delta
        self.more.set()

    def thinking(self, text: str) -> None:
        """More."""
        self.thoughts += text

    def withdraw(self, failed_model: str, next_model: str) -> None:
        """Away with it."""
        self.shown = ""
        self.withdrawn.append((failed_model, next_model))


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


ASKED = [HumanMessage("What happened at the gate?")]


async def test_a_plain_answer_arrives_piece_by_piece_with_the_providers_own_counts(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="All is quiet.", cached=4))
    run = make_chain("a").begin()
    seen = Watched()
    reply = await run.respond(ASKED, seen)
    assert reply.text == seen.shown == "All is quiet."
    assert reply.finish == "stop"
    ((put_in, put_out, cached, thought),) = provider.sent_usage
    (used,) = run.calls
    assert (used.input_tokens, used.output_tokens) == (put_in, put_out)
    assert (used.cached_tokens, used.reasoning_tokens) == (cached, thought)
    assert used.source == "provider"
    assert used.cost is None  # nobody knows the price of a model at this address


@pytest.mark.parametrize("how", FAILURES)
async def test_a_link_that_fails_is_passed_over_and_one_text_is_seen(
    how: str, provider: OpenAIServer, make_chain: MakeChain
) -> None:
    turn, kind = FAILURES[how]
    provider.script("a", turn)
    provider.script("b", GOOD)
    run = make_chain("a", "b").begin()
    seen = Watched()
    reply = await run.respond(ASKED, seen)
    assert reply.model == "openai:b"
    assert seen.shown == reply.text == GOOD.text
    (passed,) = run.passed
    assert (passed.model, passed.kind) == ("openai:a", kind)
    assert passed.withdrawn == (how in SHOWN)
    assert seen.withdrawn == ([("openai:a", "openai:b")] if how in SHOWN else [])


@pytest.mark.parametrize("how", FAILURES)
async def test_with_two_failing_links_before_it_the_third_one_answers(
    how: str, provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", FAILURES[how][0])
    provider.script("b", FAILURES[how][0])
    provider.script("c", GOOD)
    limits = CallLimits(first_token_s=0.7, idle_s=0.7, call_s=1.4)
    run = make_chain("a", "b", "c", limits=limits).begin()
    seen = Watched()
    await run.respond(ASKED, seen)
    assert seen.shown == GOOD.text
    assert [one.model for one in run.passed] == ["openai:a", "openai:b"]
    # Bounded by the time-outs, not by the provider; the factor is for a machine that is busy.
    assert all(one.after_ms <= 10 * 1000 * limits.call_s for one in run.passed)
    assert run.link == "openai:c"


async def test_the_provider_said_no_before_any_work_was_done_so_nothing_was_used(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(status=429))
    provider.script("b", GOOD)
    run = make_chain("a", "b").begin()
    await run.respond(ASKED, Watched())
    assert [one.model for one in run.calls] == ["openai:b"]


async def test_a_call_that_was_cut_is_estimated(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(pieces=("abcd", "efgh", "ijkl"), cut=2))
    run = make_chain("a", "grounded").begin()
    with pytest.raises(NoModelLeft) as failed:
        await run.respond(ASKED, Watched())
    assert failed.value.grounded
    (used,) = run.calls
    assert used.source == "estimated"
    assert used.output_tokens == 2
    assert used.cached_tokens is None
    assert used.cost is None


async def test_counts_that_the_provider_left_out_are_estimated(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="twelve chars", usage=False))
    run = make_chain("a").begin()
    await run.respond(ASKED, Watched())
    assert [(one.source, one.output_tokens) for one in run.calls] == [("estimated", 3)]


async def test_when_every_model_failed_and_there_is_no_engine_the_caller_may_try_again(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(status=429, headers={"Retry-After": "7"}))
    run = make_chain("a").begin()
    with pytest.raises(NoModelLeft) as failed:
        await run.respond(ASKED, Watched())
    assert failed.value.reason is Reason.MODEL_UNAVAILABLE
    assert not failed.value.grounded
    assert failed.value.retry_after_s == pytest.approx(7, abs=2)
    assert "429" in failed.value.message


async def test_reasoning_is_shown_as_such_and_goes_back_between_tool_calls(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script(
        "a",
        Turn(reasoning=("Let me ", "look."), calls=(("count", '{"n": 1}'),)),
        Turn(text="One."),
    )
    run = make_chain("a", kind="deepseek").begin()
    seen = Watched()
    reply = await run.respond(ASKED, seen, tools=[Count])
    assert seen.thoughts == "Let me look."
    assert seen.shown == ""
    answered = ToolMessage("1", tool_call_id=reply.tool_calls[0].call_id)
    await run.respond([*ASKED, reply.message, answered], seen, tools=[Count])
    assert provider.requests[1]["messages"][1]["reasoning_content"] == "Let me look."
    assert run.calls[0].reasoning_tokens == provider.sent_usage[0][3] > 0


class Count(BaseModel):
    """Counts."""

    n: int = Field(ge=0)


async def test_several_tool_calls_come_whole_and_broken_arguments_are_told_apart(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    calls = (("Count", '{"n": 1}'), ("Count", '{"n": '), ("Count", "[1]"), ("Count", ""))
    provider.script("a", Turn(text="Wait.", calls=calls), GOOD)
    run = make_chain("a").begin()
    reply = await run.respond(ASKED, Watched(), tools=[Count])
    assert [one.arguments for one in reply.tool_calls] == [{"n": 1}, None, None, {}]
    assert [one.raw for one in reply.tool_calls] == [raw for _, raw in calls]
    # The message can be sent back: the server would refuse it if a call were broken.
    results = [ToolMessage("?", tool_call_id=one.call_id) for one in reply.tool_calls]
    await run.respond([*ASKED, reply.message, *results], Watched(), tools=[Count])


async def test_a_later_step_that_fails_takes_back_the_earlier_text_and_keeps_the_tools_results(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="Looking.", calls=(("Count", "{}"),)), Turn(status=500))
    provider.script("b", GOOD)
    run = make_chain("a", "b").begin()
    seen = Watched()
    first = await run.respond(ASKED, seen, tools=[Count])
    assert seen.shown == "Looking."
    result = ToolMessage("7 events", tool_call_id=first.tool_calls[0].call_id)
    reply = await run.respond([*ASKED, first.message, result], seen, tools=[Count])
    assert seen.withdrawn == [("openai:a", "openai:b")]
    assert seen.shown == reply.text == GOOD.text
    sent = provider.requests[-1]["messages"]
    assert sent[2]["content"] == "7 events"
    assert not sent[1].get("content")


async def test_cancelling_closes_the_providers_connection_and_counts_what_was_used(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="one two three", hang=2))
    chain = make_chain("a", limits=CallLimits(30, 30, 60))
    run = chain.begin()
    seen = Watched()
    task = asyncio.create_task(run.respond(ASKED, seen))
    await seen.until("one two ")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await provider.until(lambda: len(provider.gone) == 1)
    (used,) = run.calls
    assert (used.source, used.output_tokens) == ("estimated", 2)
    assert chain.states()[0].running_calls == 0
    assert chain.states()[0].circuit is CircuitState.CLOSED


async def test_a_reader_that_leaves_a_stream_closes_the_providers_connection(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="one two three", hang=1))
    async with aclosing(stream(make_chain("a", limits=CallLimits(30, 30, 60)), ASKED)) as events:
        async for _ in events:
            break
    await provider.until(lambda: len(provider.gone) == 1)


async def test_a_stream_ends_with_the_whole_text(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="No no no", cut=2))
    provider.script("b", GOOD)
    async with aclosing(stream(make_chain("a", "b"), [("user", "Write.")])) as events:
        found = [one async for one in events]
    assert Withdrawn("openai:a", "openai:b") in found
    last = found[-1]
    assert isinstance(last, Finished)
    assert (last.text, last.model) == (GOOD.text, "openai:b")
    assert len(last.usage.calls) == 2


async def test_wishes_of_one_call_reach_the_provider_and_no_other_call(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", GOOD)
    chain = make_chain("a")
    wishes = {"temperature": 0.25, "output_tokens": 33}
    async with aclosing(stream(chain, [("user", "Write.")], **wishes)) as events:
        assert [one async for one in events]
    await chain.begin().respond(ASKED, Watched())
    first, second = provider.requests
    assert first["temperature"] == 0.25
    assert 33 in (first.get("max_tokens"), first.get("max_completion_tokens"))
    assert "temperature" not in second
    assert 33 not in (second.get("max_tokens"), second.get("max_completion_tokens"))


async def test_after_failures_in_a_row_a_link_is_not_asked_until_it_was_tried_again(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(status=500))
    provider.script("b", GOOD)
    circuit, clock = CircuitOptions(threshold=2, open_s=10), Clock()
    chain = make_chain("a", "b", circuit=circuit, monotonic=clock)
    for _ in range(4):
        await chain.begin().respond(ASKED, Watched())
    assert [one["model"] for one in provider.requests].count("a") == 2
    state = chain.states()[0]
    assert state.circuit is CircuitState.OPEN
    assert state.last_error == "500, server error"
    provider.script("a", GOOD)
    clock.now += 10
    assert chain.states()[0].circuit is CircuitState.HALF_OPEN
    reply = await chain.begin().respond(ASKED, Watched())
    assert reply.model == "openai:a"
    assert chain.states()[0].circuit is CircuitState.CLOSED


async def test_a_rate_limit_with_retry_after_opens_the_circuit_for_so_long(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(status=429, headers={"Retry-After": "60"}))
    provider.script("b", GOOD)
    chain = make_chain("a", "b")
    await chain.begin().respond(ASKED, Watched())
    state = chain.states()[0]
    assert state.circuit is CircuitState.OPEN
    assert state.retry_in_s == pytest.approx(60, abs=5)
    run = chain.begin()
    await run.respond(ASKED, Watched())
    assert run.passed[0].kind is FailureKind.CIRCUIT_OPEN
    assert len([one for one in provider.requests if one["model"] == "a"]) == 1


async def test_calls_beyond_the_limit_wait_and_then_pass_on(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(text="one two", hang=1))
    provider.script("b", GOOD)
    limits = CallLimits(first_token_s=1.0, idle_s=30, call_s=60)
    chain = make_chain("a", "b", circuit=CircuitOptions(calls=1), limits=limits)
    holding = asyncio.create_task(chain.begin().respond(ASKED, Watched()))
    await provider.until(lambda: len(provider.requests) == 1)
    run = chain.begin()
    reply = await run.respond(ASKED, Watched())
    assert reply.model == "openai:b"
    assert run.passed[0].kind is FailureKind.BUSY
    assert chain.states()[0].running_calls == 1
    holding.cancel()
    await asyncio.wait({holding})


async def test_a_chosen_model_begins_the_way_and_an_unknown_one_is_refused_by_name(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("b", GOOD)
    chain = make_chain("a", "b", "grounded")
    reply = await chain.begin("openai:b").respond(ASKED, Watched())
    assert reply.model == "openai:b"
    assert not chain.begin("grounded").asks_model
    with pytest.raises(InvalidArgument) as refused:
        chain.begin("openai:z")
    assert refused.value.reason is Reason.MODEL_NOT_CONFIGURED
    assert refused.value.violations[0].field == "model"
    assert "openai:a, openai:b, grounded" in refused.value.message


class Intent(BaseModel):
    """What a question is after."""

    name: str = Field(min_length=1)
    sure: float = Field(ge=0, le=1)


async def test_a_typed_value_comes_from_the_arguments_of_a_tool(
    provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", Turn(calls=(("Intent", '{"name": "count", "sure": 0.9}'),)))
    found = await structured(make_chain("a"), [("user", "How many?")], Intent)
    assert found.value == Intent(name="count", sure=0.9)
    assert found.model == "openai:a"
    assert len(found.usage.calls) == 1


@pytest.mark.parametrize(
    "bad",
    [
        Turn(calls=(("Intent", '{"name": "count", "sure": 7}'),)),
        Turn(calls=(("Intent", '{"name": '),)),
        Turn(text="I would say that it counts."),
    ],
)
async def test_a_malformed_value_is_asked_for_again_once_and_then_elsewhere(
    bad: Turn, provider: OpenAIServer, make_chain: MakeChain
) -> None:
    provider.script("a", bad)
    provider.script("b", bad, Turn(text='Here: {"name": "count", "sure": 1}'))
    found = await structured(make_chain("a", "b"), [("user", "How many?")], Intent)
    assert found.value.name == "count"
    assert [one["model"] for one in provider.requests] == ["a", "a", "b", "b"]
    assert [one.kind for one in found.passed] == [FailureKind.MALFORMED]


async def test_a_key_goes_only_where_it_was_meant_to_go(
    provider: OpenAIServer, make_chain: MakeChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-others")
    provider.script("a", Turn(status=500))
    run = make_chain("a").begin()
    with pytest.raises(NoModelLeft) as failed:
        await run.respond(ASKED, Watched())
    assert "sk-not-for-others" not in provider.authorizations[0]
    assert "Bearer" not in str(failed.value)
