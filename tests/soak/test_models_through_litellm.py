"""A provider's good and bad days again, with LiteLLM's proxy between this service and the provider.

The proxy changes some of them; then what is asserted is what this service makes of what it was
given: one coherent answer, frames in order, a stored turn that equals them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from enhanced_prompt.v1 import answers_pb2, prompt_service_pb2_grpc, turns_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import TurnState
from tests.integration.conftest import Start, start  # noqa: F401 - a fixture
from tests.integration.models.conftest import database_url  # noqa: F401 - a fixture
from tests.integration.models.kit import arguments, ask, kinds, metadata, served, shown
from tests.support.litellm_proxy import UPSTREAM_KEY, Proxy, litellm_proxy
from tests.support.openai_server import OpenAIServer, Turn, openai_server

pytestmark = [
    pytest.mark.soak,
    pytest.mark.soak_only,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTION = "How many people were at the gate today?"
COUNT = ("count_events", arguments(places=["gate camera"], kinds=["people"], time="today"))
SEARCH = ("search_events", arguments(places=["Gate camera"], time="today", limit=3))
SEVEN = Turn(text="There were 7 person events at the gate today [1].")
SENT = {
    "answers at once": (Turn(text="I can look at cameras for you.", cached=4),),
    "looks once": (Turn(calls=(COUNT,)), SEVEN),
    "looks several times at once": (Turn(calls=(COUNT, SEARCH, COUNT)), SEVEN),
    "says so before it looks": (Turn(text="One moment.", calls=(COUNT,)), SEVEN),
    "drips": (Turn(calls=(COUNT,)), Turn(text=SEVEN.text, pause_s=0.2)),
}
WRONG = "There were 9 of them, I would say"
FAILS: dict[str, tuple[Turn, set[str]]] = {
    # The proxy makes a 500 of a connection that ended before it passed anything on, and afterwards
    # an event in the stream that holds an error.
    "cut before the first token": (Turn(text=WRONG, cut=0), {"server_error", "error"}),
    "cut after the first token": (Turn(text=WRONG, cut=2, pause_s=1.0), {"error"}),
    "429 with Retry-After": (Turn(status=429, headers={"Retry-After": "5"}), {"rate_limited"}),
    "500": (Turn(status=500), {"server_error"}),
    "hangs before it answers": (Turn(hang="headers"), {"first_token_timeout"}),
    "hangs before the first token": (Turn(hang="first", text=WRONG), {"first_token_timeout"}),
    "hangs after the first token": (Turn(text=WRONG, hang=1), {"idle_timeout"}),
    "drips for ever": (Turn(pieces=("9 ",) * 400, pause_s=0.1), {"call_timeout"}),
    "says nothing": (Turn(), {"empty"}),
    "is held back": (Turn(text=WRONG, finish="content_filter"), {"filtered"}),
}
SHOWN = {
    "cut after the first token",
    "hangs after the first token",
    "drips for ever",
    "is held back",
}
LIMITS: dict[str, Any] = {"model_first_token_s": 5, "model_idle_s": 5, "model_call_s": 8}
PATIENT: dict[str, Any] = dict.fromkeys(LIMITS, 60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[OpenAIServer]:
    """The provider behind the proxy. It looks closely at what the proxy sends, too."""
    async with openai_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(upstream: OpenAIServer) -> AsyncIterator[Proxy]:
    """One proxy for all tests: it takes long to start."""
    async with litellm_proxy(upstream, "a", "b", "c") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def provider(
    upstream: OpenAIServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenAIServer]:
    """The provider, as if nobody had asked it before."""
    await proxy.run()
    monkeypatch.setenv(proxy.variable, proxy.key)
    for seen in (upstream.requests, upstream.authorizations, upstream.sent_usage, upstream.gone):
        seen.clear()
    yield upstream
    proxy.check()


class Through:
    """The application, whose chain goes through the proxy."""

    def __init__(self, start: Start, provider: OpenAIServer, proxy: Proxy) -> None:  # noqa: F811
        self._start, self._provider, self._proxy = start, provider, proxy

    def __call__(
        self, *models: str, kind: str = "openai", **settings: Any
    ) -> AbstractAsyncContextManager[App]:
        """With links to models of the provider, or to the engine."""
        links = [one if one == "grounded" else self._proxy.link(one, kind) for one in models]
        return served(self._start, self._provider, *links, **(LIMITS | settings))


@pytest.fixture
def through(start: Start, provider: OpenAIServer, proxy: Proxy) -> Through:  # noqa: F811
    """Starts the application."""
    return Through(start, provider, proxy)


async def asked(app: App, provider: OpenAIServer) -> tuple[list[turns_pb2.TurnFrame], Any]:
    """A question's frames and its stored turn, with what holds of them however it went."""
    frames = await ask(app, QUESTION)
    row = await app.stores.turns.get_turn(Caller(), frames[0].turn_id)
    assert row is not None
    assert [one.sequence for one in frames] == list(range(1, len(frames) + 1))
    closing = [one for one in kinds(frames) if one in ("completed", "failed", "cancelled")]
    assert closing == [frames[-1].WhichOneof("payload")]
    for one in frames:  # the proxy quotes the provider, and that one quotes the key
        assert UPSTREAM_KEY.encode() not in one.SerializeToString()
    assert set(provider.authorizations) == {f"Bearer {UPSTREAM_KEY}"}
    return frames, row


def answer_of(frames: list[turns_pb2.TurnFrame], row: Any) -> Any:
    """The one answer that was shown, given and stored."""
    response = frames[-1].completed.response
    assert shown(frames) == response.response == row.response.answer.response
    assert row.state is TurnState.COMPLETED
    return response


def counts(one: answers_pb2.ModelUsage) -> tuple[int, int, int, int]:
    """In, out, cached, reasoning."""
    return one.input_tokens, one.output_tokens, one.cached_tokens, one.reasoning_tokens


def told(provider: OpenAIServer) -> tuple[int, ...]:
    """What the provider says that it sent, in sum."""
    return tuple(sum(one[at] for one in provider.sent_usage) for at in range(4))


@pytest.mark.parametrize("how", SENT)
async def test_what_was_streamed_is_the_answer_with_the_counts_of_the_provider_behind_the_proxy(
    how: str, through: Through, provider: OpenAIServer
) -> None:
    provider.script("a", *SENT[how])
    async with through("a", "grounded", **PATIENT) as app:
        frames, row = await asked(app, provider)
    response = answer_of(frames, row)
    said = [one.text for one in SENT[how] if one.text]
    assert response.response == "\n\n".join(said)
    assert metadata(response)["ai_model"] == "openai:a"
    assert "models_passed" not in metadata(response)
    assert counts(response.usage.sum) == told(provider)
    assert len(row.usage.calls) == len(SENT[how]) == len(response.usage.calls)
    assert {one.source for one in response.usage.calls} == {answers_pb2.USAGE_SOURCE_PROVIDER}
    looks = len(SENT[how][0].calls)
    assert kinds(frames).count("tool_started") == looks
    finished = [one.tool_finished.ok for one in frames if one.HasField("tool_finished")]
    assert finished == [True] * looks
    if looks:
        assert response.evidence_count == 7
        assert kinds(frames).index("evidence") < len(frames) - 1
        assert len(response.citations) == 1


async def test_malformed_arguments_are_the_models_to_mend(
    through: Through, provider: OpenAIServer
) -> None:
    bad = (
        ("count_events", '{"places": ["gate'),
        ("count_events", '{"places": "gate"}'),
        ("count_events", "[1]"),
        ("delete_events", "{}"),
    )
    provider.script("a", Turn(calls=bad), Turn(calls=(COUNT,)), SEVEN)
    async with through("a", **PATIENT) as app:
        frames, row = await asked(app, provider)
    finished = [one.tool_finished.ok for one in frames if one.HasField("tool_finished")]
    assert finished == [False] * len(bad) + [True]
    results = [one["content"] for one in provider.requests[1]["messages"] if one["role"] == "tool"]
    assert "not a JSON object" in results[0]
    assert "places" in results[1]
    assert "not a JSON object" in results[2]
    assert "search_events" in results[3]
    response = answer_of(frames, row)
    assert response.response == SEVEN.text
    assert counts(response.usage.sum) == told(provider)


@pytest.mark.parametrize("how", FAILS)
async def test_where_the_only_model_fails_the_engine_answers_and_the_way_there_is_noted(
    how: str, through: Through, provider: OpenAIServer
) -> None:
    turn, reasons = FAILS[how]
    provider.script("a", turn)
    async with through("a", "grounded") as app:
        frames, row = await asked(app, provider)
    assert len(provider.requests) == 1, "the proxy asked again"
    response = answer_of(frames, row)
    assert response.response.startswith("7 ")
    assert "9" not in response.response
    assert metadata(response)["ai_model"] == "grounded"
    (passed,) = metadata(response)["models_passed"]
    assert passed["model"] == "openai:a"
    assert passed["reason"] in reasons
    withdrawn = [one.text_withdrawn for one in frames if one.HasField("text_withdrawn")]
    assert [(one.failed_model, one.next_model) for one in withdrawn] == (
        [("openai:a", "grounded")] if how in SHOWN else []
    )


@pytest.mark.parametrize("how", FAILS)
async def test_where_the_first_two_fail_in_the_middle_of_their_work_the_third_answers_coherently(
    how: str, through: Through, provider: OpenAIServer
) -> None:
    turn, reasons = FAILS[how]
    provider.script("a", Turn(text="Looking.", calls=(COUNT,)), turn)
    provider.script("b", turn)
    provider.script("c", SEVEN)
    async with through("a", "b", "c", "grounded") as app:
        frames, row = await asked(app, provider)
    response = answer_of(frames, row)
    assert response.response == SEVEN.text
    assert metadata(response)["ai_model"] == "openai:c"
    passed = metadata(response)["models_passed"]
    assert [one["model"] for one in passed] == ["openai:a", "openai:b"]
    assert {one["reason"] for one in passed} <= reasons
    assert response.evidence_count == response.total_matches == 7
    counted = [
        counts(one)
        for one in response.usage.calls
        if one.source == answers_pb2.USAGE_SOURCE_PROVIDER
    ]
    assert counted == provider.sent_usage


async def test_reasoning_passes_the_proxy_both_ways(
    through: Through, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(reasoning=("I should ", "count. "), calls=(COUNT,)), SEVEN)
    async with through("a", kind="deepseek", **PATIENT) as app:
        frames, row = await asked(app, provider)
    thought = "".join(one.thinking.text for one in frames if one.HasField("thinking"))
    assert thought == "I should count. "
    response = answer_of(frames, row)
    assert response.response == SEVEN.text
    assert counts(response.usage.sum) == told(provider)
    assert response.usage.calls[0].reasoning_tokens == provider.sent_usage[0][3] > 0
    (before,) = [one for one in provider.requests[1]["messages"] if one["role"] == "assistant"]
    assert before["reasoning_content"] == "I should count. "


async def test_counts_that_the_provider_left_out_are_the_proxys(
    through: Through, provider: OpenAIServer
) -> None:
    """The proxy counts by itself where the provider did not, and does not say so."""
    provider.script("a", Turn(text="Nothing to say.", usage=False))
    async with through("a", **PATIENT) as app:
        frames, row = await asked(app, provider)
    (used,) = answer_of(frames, row).usage.calls
    assert used.source == answers_pb2.USAGE_SOURCE_PROVIDER
    assert used.input_tokens > 0
    assert used.output_tokens > 0
    assert not used.HasField("cached_tokens")
    assert not used.HasField("cost")


async def test_how_long_the_provider_wants_to_be_left_alone_is_lost_in_the_proxy(
    through: Through, provider: OpenAIServer
) -> None:
    """Its header has another name then; a circuit opens after failures alone."""
    provider.script("a", FAILS["429 with Retry-After"][0])
    async with through("a", "grounded", **PATIENT) as app:
        frames, row = await asked(app, provider)
    (passed,) = metadata(answer_of(frames, row))["models_passed"]
    assert passed["detail"] == "429, rate limited"


async def test_a_stream_that_ends_too_soon_is_whole_to_the_proxy_and_so_to_us(
    through: Through, provider: OpenAIServer
) -> None:
    """The proxy writes the end that the provider left out: asked directly, it is a cut."""
    provider.script("a", Turn(text="There were 7", ends_early=True))
    async with through("a", "grounded", **PATIENT) as app:
        frames, row = await asked(app, provider)
    response = answer_of(frames, row)
    assert response.response == "There were 7"
    assert metadata(response)["ai_model"] == "openai:a"


@pytest.mark.parametrize("how", ["cut after the first token", "500", "429 with Retry-After"])
async def test_with_no_engine_behind_it_the_turn_fails_retryably(
    how: str, through: Through, provider: OpenAIServer
) -> None:
    provider.script("a", FAILS[how][0])
    async with through("a") as app:
        frames, row = await asked(app, provider)
    failed = frames[-1].failed
    assert failed.retryable
    assert b"MODEL_UNAVAILABLE" in failed.status.SerializeToString()
    assert shown(frames) == ""
    assert row.state is TurnState.FAILED
    assert len(failed.usage.calls) == len(row.usage.calls) == (how in SHOWN)


async def test_cancelling_a_turn_closes_the_providers_connection_behind_the_proxy(
    through: Through, provider: OpenAIServer
) -> None:
    provider.script("a", Turn(text="one two three", hang=2))
    async with (
        through("a", "grounded", **PATIENT) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        reading = stub.Ask(pb.AskRequest(query=QUESTION))
        text, turn_id, frame = "", "", turns_pb2.TurnFrame()
        while text != "one two ":
            frame = (await reading.read()).turn
            turn_id = frame.turn_id
            text += frame.text_delta.text
        await stub.CancelTurn(pb.CancelTurnRequest(turn_id=turn_id))
        while (one := await reading.read()) is not grpc.aio.EOF:
            frame = one.turn
        response = frame.cancelled.response
        assert response.response == "one two "
        assert [one.source for one in response.usage.calls] == [answers_pb2.USAGE_SOURCE_ESTIMATED]
        await provider.until(lambda: len(provider.gone) == 1)
        row = await app.stores.turns.get_turn(Caller(), turn_id)
    assert row is not None
    assert row.state is TurnState.CANCELLED
