"""Consent over TCP, on both databases: who is asked, who is refused, what is stored meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from enhanced_prompt.v1 import (
    chat_pb2,
    consent_service_pb2,
    consent_service_pb2_grpc,
    history_service_pb2,
    insight_service_pb2,
    insight_service_pb2_grpc,
    prompt_service_pb2,
)
from enhanced_prompt.v1.consent_service_pb2 import ConsentState
from enhanced_prompt_service.app import App
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_audit import written
from tests.integration.test_identity import Metadata, bearer, calling, mia, new_api_key, tokens
from tests.integration.test_limits import frame
from tests.rpc.kit import details, reason, refused, status

POLICY = "2026-05"


class Consent:
    """The consent of callers of one server."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: Any = consent_service_pb2_grpc.ConsentServiceStub(channel)
        self.insights: Any = insight_service_pb2_grpc.InsightServiceStub(channel)

    async def get(self, metadata: Metadata = ()) -> Any:
        request = consent_service_pb2.GetConsentRequest()
        return (await self._stub.GetConsent(request, metadata=metadata)).consent

    async def give(self, metadata: Metadata = (), policy: str = POLICY) -> Any:
        request = consent_service_pb2.GiveConsentRequest(policy_version=policy)
        return (await self._stub.GiveConsent(request, metadata=metadata)).consent

    async def withdraw(self, metadata: Metadata = ()) -> Any:
        request = consent_service_pb2.WithdrawConsentRequest()
        return (await self._stub.WithdrawConsent(request, metadata=metadata)).consent


@asynccontextmanager
async def consenting(app: App) -> AsyncIterator[Consent]:
    async with grpc.aio.insecure_channel(app.address) as channel:
        yield Consent(channel)


def speaking() -> HeldAgent:
    agent = HeldAgent()
    agent.allow(1000)
    return agent


async def is_refused(call: Awaitable[Any]) -> None:
    error = await refused(call)
    assert (error.code(), reason(error)) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "CONSENT_REQUIRED",
    )
    (said,) = details(status(error), ErrorInfo)
    assert said.metadata["policy_version"] == POLICY


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """What another replica did is seen within seconds; nothing says when."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_nothing_is_answered_before_consent_and_what_is_stored_stays_ones_own_after(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(speaking(), consent_policy=POLICY, **tokens(tmp_path)) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        await is_refused(stubs.answer(mia(), conversation_id="talk"))
        found = await consent.get(mia())
        assert (found.required, found.policy_version) == (True, POLICY)
        assert found.state == ConsentState.CONSENT_STATE_NOT_GIVEN
        assert (await consent.give(mia())).state == ConsentState.CONSENT_STATE_GIVEN
        await stubs.answer(mia(), conversation_id="talk")
        await is_refused(stubs.answer(mia(sub="noah")))
        await is_refused(stubs.answer(mia(tenant="beta")))

        withdrawn = await consent.withdraw(mia())
        assert withdrawn.state == ConsentState.CONSENT_STATE_WITHDRAWN
        assert [one.state for one in withdrawn.changes] == [
            ConsentState.CONSENT_STATE_WITHDRAWN,
            ConsentState.CONSENT_STATE_GIVEN,
        ]
        await is_refused(stubs.answer(mia(), conversation_id="talk"))
        ask = stubs.prompts.Ask(prompt_service_pb2.AskRequest(query="one"), metadata=mia())
        await is_refused(ask.read())
        listed = await stubs.history.ListConversations(
            history_service_pb2.ListConversationsRequest(), metadata=mia()
        )
        assert [one.conversation_id for one in listed.conversations] == ["talk"]
        export = stubs.history.ExportConversations(
            history_service_pb2.ExportConversationsRequest(), metadata=mia()
        )
        exported = [one async for one in export]
        assert any(one.WhichOneof("frame") == "exported" for one in exported)
        await stubs.history.DeleteConversation(
            history_service_pb2.DeleteConversationRequest(conversation_id="talk"), metadata=mia()
        )
        await consent.give(mia())
        await stubs.answer(mia())


async def test_an_open_chat_takes_no_prompt_and_no_tool_after_a_withdrawal(
    start: Start, tmp_path: Path
) -> None:
    agent = HeldAgent()
    async with (
        start(agent, consent_policy=POLICY, **tokens(tmp_path)) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        call = stubs.prompts.Chat(metadata=mia())

        async def send(**one: Any) -> None:
            await call.write(chat_pb2.ChatRequest(**one))

        async def is_rejected(message_id: str) -> None:
            rejected = await frame(call, "rejected")
            assert rejected.message_id == message_id
            assert rejected.status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
            assert POLICY in rejected.status.message

        await send(setup=chat_pb2.ChatSetup())  # opening it stores nothing
        await frame(call, "ready")
        await send(prompt=chat_pb2.ChatPrompt(message_id="early", query="one"))
        await is_rejected("early")
        await consent.give(mia())
        await send(prompt=chat_pb2.ChatPrompt(message_id="m1", query="one"))
        assert (await frame(call, "accepted")).turn_id
        await send(prompt=chat_pb2.ChatPrompt(message_id="m2", query="one"))
        await frame(call, "accepted")  # it waits for the first
        await consent.withdraw(mia())
        await send(prompt=chat_pb2.ChatPrompt(message_id="m3", query="one"))
        await is_rejected("m3")
        await send(classify=chat_pb2.ChatClassify(message_id="c1", query="who came?"))
        await is_rejected("c1")
        agent.allow(1)  # what began under consent is answered to its end
        turn = await frame(call, "turn")
        while turn.WhichOneof("payload") != "completed":
            turn = await frame(call, "turn")
        await is_rejected("m2")  # what waited does not begin
        assert agent.runs == 1
        await send(ping=chat_pb2.ChatPing())
        assert await frame(call, "pong")
        await consent.give(mia())
        agent.allow(1)
        await send(prompt=chat_pb2.ChatPrompt(message_id="m4", query="one"))
        assert (await frame(call, "accepted")).message_id == "m4"


async def test_another_replica_sees_giving_at_once_and_a_withdrawal_within_seconds(
    start: Start, tmp_path: Path
) -> None:
    settings = {"consent_policy": POLICY, **tokens(tmp_path)}
    async with (
        start(speaking(), home=tmp_path / "one", **settings) as one,
        start(speaking(), home=tmp_path / "other", **settings) as other,
        calling(other) as stubs,
        consenting(one) as consent,
    ):
        await is_refused(stubs.answer(mia()))
        await consent.give(mia())
        await stubs.answer(mia())
        await consent.withdraw(mia())

        async def seen() -> bool:
            try:
                await stubs.answer(mia())
            except grpc.aio.AioRpcError as error:
                return reason(error) == "CONSENT_REQUIRED"
            return False

        await until(seen)


async def test_services_are_not_asked_and_the_anonymous_are_always_refused(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(
            speaking(),
            consent_policy=POLICY,
            api_keys=True,
            anonymous_tenant="acme",
            **tokens(tmp_path),
        ) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        _, key = await new_api_key(app)
        await stubs.answer(bearer(key))
        await is_refused(stubs.answer(()))
        await stubs.cameras(())
        error = await refused(consent.give(()))
        assert reason(error) == "CREDENTIALS_MISSING"


async def test_a_guest_consents_in_each_tenant_for_itself(start: Start, tmp_path: Path) -> None:
    guest = (*mia(tenants=["beta"]), ("x-tenant", "beta"))
    async with (
        start(speaking(), consent_policy=POLICY, **tokens(tmp_path)) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        await consent.give(mia())
        await is_refused(stubs.answer(guest))
        await consent.give(guest)
        await stubs.answer(guest)
        await is_refused(stubs.answer(mia(tenant="beta")))  # the tenant's own user of that name


async def test_giving_withdrawing_and_refusals_are_written_down(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(speaking(), consent_policy=POLICY, **tokens(tmp_path)) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        await is_refused(stubs.answer(mia()))
        await consent.give(mia())
        await consent.withdraw(mia())
        await consent.get(mia())  # looking is not
        wrong = await refused(consent.give(mia(), "2019-01"))
        assert (wrong.code(), reason(wrong)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_FORMAT",
        )
        found = [
            (one.user, one.action, one.outcome, one.reason, one.subject)
            for one in reversed(await written(app, 4))
        ]
        assert found == [
            ("mia", "PromptService.Answer", "FAILED_PRECONDITION", "CONSENT_REQUIRED", ""),
            ("mia", "ConsentService.GiveConsent", "OK", "", POLICY),
            ("mia", "ConsentService.WithdrawConsent", "OK", "", POLICY),
            ("mia", "ConsentService.GiveConsent", "INVALID_ARGUMENT", "INVALID_FORMAT", "2019-01"),
        ]


async def test_what_may_be_stored_is_asked_about_when_it_comes_to_it(
    start: Start, tmp_path: Path
) -> None:
    ada = mia(sub="ada", role="admin")
    async with (
        start(consent_policy=POLICY, **tokens(tmp_path)) as app,
        consenting(app) as consent,
    ):

        def subscribe(**fields: Any) -> Any:
            request = insight_service_pb2.SubscribeInsightsRequest(**fields)
            return consent.insights.SubscribeInsights(request, metadata=ada)

        def standing(**fields: Any) -> Any:
            request = insight_service_pb2.CreateStandingQuestionRequest(**fields)
            request.standing_question.query = "tell me when somebody is at the gate after 22:00"
            return consent.insights.CreateStandingQuestion(request, metadata=ada)

        await is_refused(subscribe(subscription_id="mine").read())
        await is_refused(standing())
        stream = subscribe()
        assert await stream.read()
        stream.cancel()
        error = await refused(standing(validate_only=True))
        assert reason(error) == "QUESTION_NOT_UNDERSTOOD"  # there is no gate; nobody asks for more


async def test_without_a_policy_consent_is_recorded_and_not_asked_for(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(speaking(), **tokens(tmp_path)) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        found = await consent.get(mia())
        assert (found.required, found.policy_version) == (False, "")
        await stubs.answer(mia())
        given = await consent.give(mia(), "ours-7")
        assert (given.required, given.policy_version) == (False, "ours-7")
        await consent.withdraw(mia())
        await stubs.answer(mia())


async def test_without_identity_the_one_user_is_asked_too(start: Start) -> None:
    async with (
        start(speaking(), consent_policy=POLICY) as app,
        calling(app) as stubs,
        consenting(app) as consent,
    ):
        await is_refused(stubs.answer(()))
        await consent.give()
        await stubs.answer(())


def test_a_policy_that_cannot_be_sent_back_is_refused_at_the_start(tmp_path: Path) -> None:
    from enhanced_prompt_service.config import Settings

    for wrong in ("May 2026", "x" * 129, "v1\n"):
        with pytest.raises(ValueError, match="consent_policy"):
            Settings(home=tmp_path, consent_policy=wrong)
