"""Limits over TCP: who is refused, what they are told, and that others are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo

from enhanced_prompt.v1 import chat_pb2, prompt_service_pb2
from enhanced_prompt_service.rpc.server import contract_services
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_identity import calling, mia, tokens
from tests.rpc.kit import details, gone, reason, refused, status
from tests.support.redis import redis_server


async def test_the_question_over_the_limit_is_told_when_to_come_again(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with (
        start(agent, limit_questions=5, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        for _ in range(5):
            await stubs.answer(mia())
        error = await refused(stubs.answer(mia()))
        assert (error.code(), reason(error)) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "RATE_LIMITED",
        )
        (retry,) = details(status(error), RetryInfo)
        assert 0 < retry.retry_delay.ToTimedelta().total_seconds() <= 120
        (quota,) = details(status(error), QuotaFailure)
        assert quota.violations[0].subject == "user"
        assert quota.violations[0].description == "5 questions a minute"
        assert int(dict(error.trailing_metadata())["retry-after"]) >= 1
        # Other calls of the same user, and the questions of others, have budgets of their own.
        await stubs.cameras(mia())
        await stubs.answer(mia(sub="noah"))
        await stubs.answer(mia(tenant="beta"))


async def test_a_tenant_has_a_limit_for_all_its_users(start: Start, tmp_path: Path) -> None:
    async with (
        start(HeldAgent(), limit_tenant_calls=3, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        for user in ("mia", "noah", "olga"):
            await stubs.cameras(mia(sub=user))
        error = await refused(stubs.cameras(mia(sub="pete")))
        (quota,) = details(status(error), QuotaFailure)
        assert quota.violations[0].subject == "tenant"
        await stubs.cameras(mia(tenant="beta"))


async def test_prompts_of_a_chat_are_questions_and_its_end_is_not(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with (
        start(agent, limit_questions=1, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        call = stubs.prompts.Chat(metadata=mia())
        await call.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        for number in range(2):
            prompt = chat_pb2.ChatPrompt(message_id=f"m{number}", query="one")
            await call.write(chat_pb2.ChatRequest(prompt=prompt))
        rejected = await frame(call, "rejected")
        assert rejected.message_id == "m1"
        assert rejected.status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        await call.write(chat_pb2.ChatRequest(ping=chat_pb2.ChatPing()))
        assert await frame(call, "pong")


async def frame(call: Any, kind: str) -> Any:
    """The next frame of a kind."""
    while (message := await call.read()).WhichOneof("frame") != kind:
        pass
    return getattr(message, kind)


async def test_streams_and_turns_of_one_user_are_bounded_and_come_back(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    async with (
        start(agent, limit_streams=2, limit_turns=3, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):

        def ask(metadata: Any) -> Any:
            return stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one"), metadata=metadata)

        open_calls = [ask(mia()) for _ in range(2)]
        for call in open_calls:
            await call.read()
        error = await refused(ask(mia()).read())
        assert "2 streams" in str(error.details())
        other = ask(mia(sub="noah"))
        await other.read()
        for call in open_calls:
            call.cancel()
        await gone(
            lambda: [task for task, one in app.server.live.under_way() if one.caller.user == "mia"]
        )
        # Their turns go on: one more may begin, and then three run.
        third = ask(mia())
        await third.read()
        error = await refused(ask(mia()).read())
        assert "3 turns" in str(error.details())
        agent.allow(100)
        while await other.read() is not grpc.aio.EOF:
            pass
        while await third.read() is not grpc.aio.EOF:
            pass
        await stubs.answer(mia())


async def test_a_full_process_sheds_questions_and_serves_the_rest(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    async with (
        start(agent, limit_all_turns=1, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        call = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one"), metadata=mia())
        await call.read()
        error = await refused(stubs.answer(mia(tenant="beta")))
        (quota,) = details(status(error), QuotaFailure)
        assert quota.violations[0].subject == "server"
        await stubs.cameras(mia(tenant="beta"))
        agent.allow(100)
        while await call.read() is not grpc.aio.EOF:
            pass
        await stubs.answer(mia(tenant="beta"))


async def test_the_anonymous_have_limits_of_their_own(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with (
        start(agent, anonymous_tenant="open", limit_anonymous_questions=1) as app,
        calling(app) as stubs,
    ):
        await stubs.answer(())
        assert reason(await refused(stubs.answer(()))) == "RATE_LIMITED"


async def test_without_identity_nobody_counts(start: Start) -> None:
    agent = HeldAgent()
    agent.allow(100)
    async with start(agent, limit_questions=1) as app, calling(app) as stubs:
        for _ in range(3):
            await stubs.answer(())


@pytest.mark.redis
async def test_replicas_count_together(start: Start, tmp_path: Path) -> None:
    agents = HeldAgent(), HeldAgent()
    with redis_server() as redis:
        shared = {"limit_questions": 3, "redis_url": redis.url, **tokens(tmp_path)}
        async with (
            start(agents[0], **shared) as one,
            start(agents[1], **shared) as two,
            calling(one) as first,
            calling(two) as second,
        ):
            for agent in agents:
                agent.allow(100)
            await first.answer(mia())
            await second.answer(mia())
            await first.answer(mia())
            for stubs in (first, second):
                assert reason(await refused(stubs.answer(mia()))) == "RATE_LIMITED"
            await second.answer(mia(sub="noah"))


async def test_metadata_beyond_its_limit_is_refused_and_the_server_goes_on(
    start: Start, tmp_path: Path
) -> None:
    async with start(HeldAgent(), **tokens(tmp_path)) as app, calling(app) as stubs:
        await stubs.cameras((*mia(), ("x-note", "x" * 1024)))
        error = await refused(stubs.cameras((*mia(), ("x-note", "x" * 40 * 1024))))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await stubs.cameras(mia())


async def test_with_memory_short_nothing_new_begins_and_what_runs_can_be_read_and_stopped(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = False
    monkeypatch.setattr("enhanced_prompt_service.app.callers.Headroom.tight", lambda self: tight)
    agent = HeldAgent()
    async with (
        start(agent, limit_memory_bytes=2**40, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        ask = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one"), metadata=mia())
        started = await ask.read()
        chat = stubs.prompts.Chat(metadata=mia())
        await chat.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
        await frame(chat, "ready")
        tight = True
        for call in (stubs.answer(mia()), stubs.prompts.Chat(metadata=mia()).read()):
            error = await refused(call)
            assert (error.code(), reason(error)) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "RATE_LIMITED",
            )
            (quota,) = details(status(error), QuotaFailure)
            assert quota.violations[0].subject == "server"
            assert dict(error.trailing_metadata())["retry-after"] == "5"
        prompt = chat_pb2.ChatPrompt(message_id="m1", query="one")
        await chat.write(chat_pb2.ChatRequest(prompt=prompt))
        assert (await frame(chat, "rejected")).message_id == "m1"
        await stubs.cameras(mia())
        cancel = prompt_service_pb2.CancelTurnRequest(turn_id=started.turn.turn_id)
        await stubs.prompts.CancelTurn(cancel, metadata=mia())
        tight = False
        agent.allow(10)
        await stubs.answer(mia())


async def test_a_process_larger_than_it_may_be_says_so_and_refuses(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(HeldAgent(), limit_memory_bytes=1, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        error = await refused(stubs.answer(mia()))
        assert "memory" in str(error.details())


async def test_streams_and_other_calls_have_budgets_apart(start: Start, tmp_path: Path) -> None:
    async with (
        start(HeldAgent(), limit_calls=2, **tokens(tmp_path)) as app,
        calling(app) as stubs,
    ):
        for _ in range(2):
            await stubs.cameras(mia())
        await refused(stubs.cameras(mia()))
        for _ in range(2):
            chat = stubs.prompts.Chat(metadata=mia())
            await chat.write(chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()))
            await frame(chat, "ready")
            chat.cancel()
        error = await refused(stubs.prompts.Chat(metadata=mia()).read())
        (quota,) = details(status(error), QuotaFailure)
        assert quota.violations[0].description == "2 streams a minute"


def nested(levels: int) -> bytes:
    """A google.protobuf.Struct in which structs lie so deep, as bytes: no library would make it."""

    def field(number: int, data: bytes) -> bytes:
        size, length = len(data), b""
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    found = b""
    for _ in range(levels):
        found = field(1, field(1, b"a") + field(2, field(5, found)))
    return found


@pytest.mark.parametrize(
    "method", ["PromptService/OptimizePrompt", "InsightService/PublishInsight", "PromptService/Ask"]
)
async def test_a_message_that_is_nested_too_deep_is_none(start: Start, method: str) -> None:
    path = f"/enhanced_prompt.v1.{method}"
    fields = {
        field.message_type.full_name: field.number
        for service in contract_services()
        if service.name == method.partition("/")[0]
        for field in service.methods_by_name[method.partition("/")[2]].input_type.fields
        if field.message_type is not None
    }
    # Where there is no struct in it, what nobody knows may be as deep as it likes.
    number = fields.get("google.protobuf.Struct", 500)
    head = bytes([(number << 3 | 2) & 0x7F | 0x80, number << 3 >> 7])
    async with (
        start() as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        for levels in (40, 1_000, 50_000):
            data = nested(levels)
            size = b""
            rest = len(data)
            while rest > 0x7F:
                size += bytes([rest & 0x7F | 0x80])
                rest >>= 7
            message = head + size + bytes([rest]) + data
            call: Any = channel.unary_unary(path)(message, timeout=60)
            if method.endswith("Ask"):
                call = channel.unary_stream(path)(message, timeout=60).read()
            error = await refused(call)
            expected = "MALFORMED_MESSAGE" if number != 500 else "REQUIRED_FIELD_MISSING"
            assert (error.code(), reason(error)) == (
                grpc.StatusCode.INVALID_ARGUMENT,
                expected,
            ), levels
