"""HistoryService: conversations, read back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from enhanced_prompt.v1 import history_service_pb2 as pb

from ...domain.conversations import ConversationSummary
from ...domain.errors import Reason, ServiceError
from ...domain.identity import Caller
from ...domain.stores import ConversationStore
from ...domain.times import Interval
from ..call import Call
from ..convert.answers import prompt_response
from ..convert.conversations import conversation_message, summary_message
from ..convert.times import interval
from ._pages import DEFAULT_PAGE


class HistoryService:
    """GetConversation and ListConversations. `now` is real time."""

    def __init__(self, conversations: ConversationStore, *, now: Callable[[], datetime]) -> None:
        self._conversations = conversations
        self._now = now

    async def GetConversation(  # noqa: N802
        self, request: pb.GetConversationRequest, call: Call
    ) -> pb.GetConversationResponse:
        """A conversation of the caller's own."""
        _own(request.user_id, call.caller)
        found = await self._conversations.get_conversation(call.caller, request.conversation_id)
        response = pb.GetConversationResponse(conversation=conversation_message(found, self._now()))
        if request.include_responses:
            response.responses.extend(prompt_response(one) for one in found.responses)
        return response

    async def ListConversations(  # noqa: N802
        self, request: pb.ListConversationsRequest, call: Call
    ) -> pb.ListConversationsResponse:
        """The caller's own, newest activity first.

        With an `active_range` a page may hold fewer than asked for, and still have a next one.
        """
        _own(request.user_id, call.caller)
        active = None
        if request.HasField("active_range"):
            active = interval(request.active_range, "active_range")
        token = request.page_token
        while True:
            page = await self._conversations.list_conversations(
                call.caller, page_size=request.page_size or DEFAULT_PAGE, page_token=token
            )
            token = page.next_page_token
            found = [one for one in page.items if _active(one, active)]
            if active is not None and page.items and page.items[-1].last_activity < active.start:
                token = ""  # all that follow were active even earlier
            if found or not token:
                return pb.ListConversationsResponse(
                    conversations=[summary_message(one) for one in found], next_page_token=token
                )


def _active(found: ConversationSummary, within: Interval | None) -> bool:
    return within is None or within.contains(found.last_activity)


def _own(user_id: str, caller: Caller) -> None:
    """Raises where somebody else's conversations are asked for: that needs the right to audit."""
    if user_id and user_id != caller.user:
        raise ServiceError(
            "reading other users' conversations needs the right to audit",
            reason=Reason.PERMISSION_DENIED,
            metadata={"permission": "audit"},
        )
