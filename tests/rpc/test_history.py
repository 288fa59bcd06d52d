"""HistoryService over real storage."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import grpc

from enhanced_prompt.v1 import answers_pb2, prompt_service_pb2
from enhanced_prompt.v1 import history_service_pb2 as pb
from enhanced_prompt_service.turns import Turn

from . import kit
from .stack import NOW, Stack, running


async def ask(stack: Stack, query: str, conversation_id: str, request_id: str = "") -> None:
    await stack.prompts.Answer(
        prompt_service_pb2.AnswerRequest(
            query=query, conversation_id=conversation_id, request_id=request_id
        )
    )


async def all_pages(call: Any, request: Any, items: str) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await call(request)
        found += getattr(page, items)
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_messages_come_in_pages_in_both_orders(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await ask(stack, "how many cars?", "c", "r-1")
        await ask(stack, "and vans?", "c", "r-2")
        call = stack.history.ListMessages
        oldest = await all_pages(
            call, pb.ListMessagesRequest(conversation_id="c", page_size=3), "messages"
        )
        newest = await all_pages(
            call,
            pb.ListMessagesRequest(conversation_id="c", page_size=3, newest_first=True),
            "messages",
        )
        missing = await kit.refused(call(pb.ListMessagesRequest(conversation_id="nobody")))
        await kit.gone()
    assert [one.content for one in oldest] == [
        *("how many cars?", "two cars", "and vans?", "two cars")
    ]
    assert [one.message_id for one in oldest] == ["r-1", "r-1", "r-2", "r-2"]
    assert newest == oldest[::-1]
    assert kit.reason(missing) == "CONVERSATION_NOT_FOUND"


async def test_responses_are_listed_newest_first_and_by_conversation_and_type(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        for number, talk in enumerate(("a", "b", "a")):
            await ask(stack, f"question {number}?", talk)
        call = stack.history.ListPromptResponses
        found = await all_pages(call, pb.ListPromptResponsesRequest(page_size=2), "responses")
        of_a = await all_pages(
            call,
            pb.ListPromptResponsesRequest(
                conversation_id="a", response_type=answers_pb2.RESPONSE_TYPE_ANSWER
            ),
            "responses",
        )
        asked_back = await call(
            pb.ListPromptResponsesRequest(response_type=answers_pb2.RESPONSE_TYPE_CLARIFICATION)
        )
        await kit.gone()
    assert {one.query for one in found} == {f"question {number}?" for number in range(3)}
    assert {one.query for one in of_a} == {"question 0?", "question 2?"}
    assert not asked_back.responses


async def test_another_users_messages_and_responses_need_the_right_to_audit(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        await ask(stack, "mine", "c")
        for call, request in (
            (stack.history.GetConversation, pb.GetConversationRequest(conversation_id="c")),
            (stack.history.ListMessages, pb.ListMessagesRequest(conversation_id="c")),
            (stack.history.ListPromptResponses, pb.ListPromptResponsesRequest()),
        ):
            request.user_id = "ana"
            error = await kit.refused(call(request))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        await kit.gone()


async def test_who_may_audit_reads_another_users_history_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path, may_audit=lambda _: True) as stack:
        await ask(stack, "mine", "c")
        request = pb.ListMessagesRequest(conversation_id="c", user_id="ana")
        missing = await kit.refused(stack.history.ListMessages(request))
        listed = await stack.history.ListPromptResponses(
            pb.ListPromptResponsesRequest(user_id="ana")
        )
        await kit.gone()
    assert kit.reason(missing) == "CONVERSATION_NOT_FOUND"
    assert not listed.responses


async def test_messages_are_searched_with_highlights(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        await ask(stack, "how many red cars?", "c")
        await ask(stack, "and vans?", "c")
        found = await all_pages(
            stack.history.SearchMessages,
            pb.SearchMessagesRequest(query="car", page_size=2),
            "matches",
        )
        asked = await stack.history.SearchMessages(
            pb.SearchMessagesRequest(query="car", role=pb.MESSAGE_ROLE_USER)
        )
        foreign = await kit.refused(
            stack.history.SearchMessages(pb.SearchMessagesRequest(query="car", user_id="ana"))
        )
        await kit.gone()
    assert len(found) == 3
    (match,) = asked.matches
    assert match.message.content == "how many red cars?"
    assert [(one.start, one.end) for one in match.highlights] == [(13, 17)]
    assert match.conversation.conversation_id == "c"
    assert match.score > 0
    assert kit.reason(foreign) == "PERMISSION_DENIED"


async def test_a_deleted_conversation_is_gone_and_deleting_it_again_says_the_same(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as stack:
        await ask(stack, "one", "c")
        await ask(stack, "two", "c")
        request = pb.DeleteConversationRequest(conversation_id="c")
        first = await stack.history.DeleteConversation(request)
        again = await stack.history.DeleteConversation(request)
        gone = await kit.refused(
            stack.history.GetConversation(pb.GetConversationRequest(conversation_id="c"))
        )
        unknown = await kit.refused(
            stack.history.DeleteConversation(pb.DeleteConversationRequest(conversation_id="d"))
        )
        assert stack.turns.log_bytes == 0
        await kit.gone()
    assert (first.deleted_turns, again.deleted_turns) == (2, 2)
    assert kit.reason(gone) == kit.reason(unknown) == "CONVERSATION_NOT_FOUND"


async def test_a_turn_that_runs_while_its_conversation_is_deleted_is_stopped_and_stays_deleted(
    tmp_path: Path,
) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def play(turn: Turn) -> None:
        turn.writer.text("half of ")
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with running(tmp_path) as stack:
        stack.agent.play = play
        request = prompt_service_pb2.AskRequest(query="q", conversation_id="c", request_id="r-1")
        stream = stack.prompts.Ask(request)

        async def read() -> grpc.aio.AioRpcError:
            try:
                async for _ in stream:
                    pass
            except grpc.aio.AioRpcError as error:
                return error
            raise AssertionError("the stream ended well")

        reader = asyncio.create_task(read())
        await started.wait()
        deleted = await stack.history.DeleteConversation(
            pb.DeleteConversationRequest(conversation_id="c")
        )
        await stopped.wait()
        error = await reader
        stack.agent.play = None
        again = await kit.refused(
            stack.prompts.Answer(
                prompt_service_pb2.AnswerRequest(query="q", conversation_id="c", request_id="r-1")
            )
        )
        listed = await stack.history.ListConversations(pb.ListConversationsRequest())
        assert stack.turns.running == 0
        await kit.gone()
    assert deleted.deleted_turns == 1
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert kit.reason(error) == kit.reason(again) == "CONVERSATION_NOT_FOUND"
    assert not listed.conversations


async def test_an_export_is_resumed_from_any_message_and_says_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        for name in ("a", "b", "c"):
            await ask(stack, f"about {name}", name)
        request = pb.ExportConversationsRequest(include_responses=True)
        whole = [one async for one in stack.history.ExportConversations(request)]
        request.resume_token = whole[0].resume_token
        rest = [one async for one in stack.history.ExportConversations(request)]
        request.include_responses = False
        request.resume_token = "nothing"
        refused = await kit.refused(stack.history.ExportConversations(request).read())
        await kit.gone()
    *exported, last = whole
    assert [one.exported.conversation.conversation_id for one in exported] == ["a", "b", "c"]
    assert [one.exported.responses[0].query for one in exported] == [
        "about a",
        "about b",
        "about c",
    ]
    assert exported[0].exported.conversation.messages[1].content == "two cars"
    assert (last.completed.conversations, last.resume_token) == (3, exported[-1].resume_token)
    assert [one.exported.conversation.conversation_id for one in rest[:-1]] == ["b", "c"]
    assert rest[-1].completed.conversations == 2
    assert kit.reason(refused) == "RESUME_TOKEN_INVALID"


async def test_the_whole_tenant_is_exported_to_who_may_audit_only(tmp_path: Path) -> None:
    request = pb.ExportConversationsRequest(whole_tenant=True)
    async with running(tmp_path) as stack:
        await ask(stack, "q", "a")
        error = await kit.refused(stack.history.ExportConversations(request).read())
        await kit.gone()
    assert kit.reason(error) == "PERMISSION_DENIED"
    async with running(tmp_path, may_audit=lambda _: True) as stack:
        whole = [one async for one in stack.history.ExportConversations(request)]
        request.user_id = "ana"
        error = await kit.refused(stack.history.ExportConversations(request).read())
        await kit.gone()
    assert whole[-1].completed.conversations == 1
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_analytics_sum_up_the_last_day_in_local_hours_by_default(tmp_path: Path) -> None:
    async with running(tmp_path, may_audit=lambda caller: caller.user == "auditor") as stack:
        await ask(stack, "q", "a")
        request = pb.GetPromptAnalyticsRequest()
        request.time_range.start_time.FromDatetime(NOW - timedelta(hours=3))
        request.time_range.end_time.FromDatetime(NOW + timedelta(hours=1))
        found = await stack.history.GetPromptAnalytics(request)
        day = await stack.history.GetPromptAnalytics(pb.GetPromptAnalyticsRequest())
        request.time_range.start_time.FromDatetime(NOW - timedelta(days=366))
        long = await kit.refused(stack.history.GetPromptAnalytics(request))
        whole = await kit.refused(
            stack.history.GetPromptAnalytics(pb.GetPromptAnalyticsRequest(whole_tenant=True))
        )
        await kit.gone()
    assert (found.totals.responses, found.totals.answers, found.totals.users) == (1, 1, 1)
    assert not found.previous_totals.HasField("average_confidence")
    assert [one.totals.responses for one in found.points] == [0, 0, 0, 1, 0]
    assert [(one.name, one.count) for one in found.top_topics] == [("count", 1)]
    assert day.time_range.end_time.ToDatetime(tzinfo=UTC) == NOW
    assert len(day.points) == 25
    assert kit.reason(long) == "LIMIT_EXCEEDED"
    assert kit.reason(whole) == "PERMISSION_DENIED"
