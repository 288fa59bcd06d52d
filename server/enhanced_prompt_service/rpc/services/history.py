"""HistoryService: conversations, read back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from enhanced_prompt.v1 import history_service_pb2 as pb

from ...domain.analytics import bucket_for
from ...domain.answers import ResponseType
from ...domain.conversations import (
    ConversationSummary,
    ExportFilter,
    Gone,
    MessageSearch,
    ResponseFilter,
    Role,
)
from ...domain.errors import InvalidArgument, Reason, ServiceError
from ...domain.identity import Caller
from ...domain.stores import ConversationStore
from ...domain.times import Interval
from ..call import Call
from ..convert.analytics import BUCKETS, analytics_message
from ..convert.answers import RESPONSE_TYPES, prompt_response
from ..convert.conversations import (
    ROLES,
    conversation_message,
    match_message,
    message,
    summary_message,
)
from ..convert.times import interval
from ._export import OnExport, write_export
from ._pages import DEFAULT_PAGE, fitting

_OF_USER = "of_user"  # whose conversations an auditor reads, for the audit log
DEFAULT_PERIOD = timedelta(days=1)
LONGEST_PERIOD = timedelta(days=366)
TYPES: dict[int, ResponseType | None] = {0: None} | {
    number: kind for kind, number in RESPONSE_TYPES.items()
}

WROTE: dict[int, Role | None] = {0: None} | {number: role for role, number in ROLES.items()}


class HistoryService:
    """What the caller asked and was told. `now` is real time.

    `forget` stops what still runs in deleted conversations and drops what is left of them.
    `may_audit` says who may read what other users of the tenant asked. A stream that was idle for
    `heartbeat_s` seconds gets a heartbeat. `on_export` hears of what is exported. `time_zone` is
    the tenant's IANA zone.
    """

    def __init__(
        self,
        conversations: ConversationStore,
        *,
        now: Callable[[], datetime],
        forget: Callable[[Sequence[Gone]], Awaitable[None]],
        may_audit: Callable[[Caller], bool] = lambda _: False,
        heartbeat_s: float = 15.0,
        time_zone: str = "UTC",
        on_export: OnExport | None = None,
    ) -> None:
        self._conversations = conversations
        self._now = now
        self._forget = forget
        self._may_audit = may_audit
        self._heartbeat_s = heartbeat_s
        self._time_zone = time_zone
        self._on_export = on_export

    async def GetConversation(  # noqa: N802
        self, request: pb.GetConversationRequest, call: Call
    ) -> pb.GetConversationResponse:
        """A conversation of the caller's own."""
        owner = self._owner(request.user_id, call)
        found = await self._conversations.get_conversation(owner, request.conversation_id)
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
        owner = self._owner(request.user_id, call)
        active = _range(request, "active_range")
        token = request.page_token
        while True:
            page = await self._conversations.list_conversations(
                owner, page_size=request.page_size or DEFAULT_PAGE, page_token=token
            )
            token = page.next_page_token
            found = [one for one in page.items if _active(one, active)]
            if active is not None and page.items and page.items[-1].last_activity < active.start:
                token = ""  # all that follow were active even earlier
            if found or not token:
                return pb.ListConversationsResponse(
                    conversations=[summary_message(one) for one in found], next_page_token=token
                )

    async def ListMessages(  # noqa: N802
        self, request: pb.ListMessagesRequest, call: Call
    ) -> pb.ListMessagesResponse:
        """Messages of one conversation, a page at a time."""
        owner = self._owner(request.user_id, call)

        async def fetch(size: int) -> pb.ListMessagesResponse:
            page = await self._conversations.list_messages(
                owner,
                request.conversation_id,
                newest_first=request.newest_first,
                page_size=size,
                page_token=request.page_token,
            )
            return pb.ListMessagesResponse(
                messages=[message(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)

    async def SearchMessages(  # noqa: N802
        self, request: pb.SearchMessagesRequest, call: Call
    ) -> pb.SearchMessagesResponse:
        """Messages by their words, best first, a page at a time."""
        owner = self._owner(request.user_id, call)
        asked = MessageSearch(
            request.query,
            request.conversation_id,
            WROTE[request.role],
            _range(request, "time_range"),
        )

        async def fetch(size: int) -> pb.SearchMessagesResponse:
            page = await self._conversations.search_messages(
                owner, asked, page_size=size, page_token=request.page_token
            )
            return pb.SearchMessagesResponse(
                matches=[match_message(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)

    async def ListPromptResponses(  # noqa: N802
        self, request: pb.ListPromptResponsesRequest, call: Call
    ) -> pb.ListPromptResponsesResponse:
        """Stored responses, newest first, a page at a time."""
        owner = self._owner(request.user_id, call)
        chosen = ResponseFilter(
            request.conversation_id, _range(request, "time_range"), TYPES[request.response_type]
        )

        async def fetch(size: int) -> pb.ListPromptResponsesResponse:
            page = await self._conversations.list_responses(
                owner, chosen, page_size=size, page_token=request.page_token
            )
            return pb.ListPromptResponsesResponse(
                responses=[prompt_response(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)

    async def GetPromptAnalytics(  # noqa: N802
        self, request: pb.GetPromptAnalyticsRequest, call: Call
    ) -> pb.GetPromptAnalyticsResponse:
        """Sums of a period, by default of the last 24 hours, beside those of the one before."""
        owner = self._whole(request, call)
        now = self._now()
        period = Interval(now - DEFAULT_PERIOD, now)
        if request.HasField("time_range"):
            given = request.time_range
            found = interval(given, "time_range")
            end = found.end if given.HasField("end_time") else now
            start = found.start if given.HasField("start_time") else end - DEFAULT_PERIOD
            if not timedelta() < end - start <= LONGEST_PERIOD:
                raise InvalidArgument.of(
                    "time_range",
                    "must be longer than nothing, and 366 days at most",
                    reason=Reason.LIMIT_EXCEEDED,
                )
            period = Interval(start, end)
        summed = await self._conversations.prompt_analytics(
            owner,
            period,
            BUCKETS[request.bucket] or bucket_for(period),
            ZoneInfo(request.time_zone or self._time_zone),
            whole_tenant=request.whole_tenant,
        )
        return analytics_message(summed)

    async def DeleteConversation(  # noqa: N802
        self, request: pb.DeleteConversationRequest, call: Call
    ) -> pb.DeleteConversationResponse:
        """Delete one of the caller's own for good; a turn that still runs is stopped.

        The rows go first. Whoever repeats the call after an error gets the same answer.
        """
        call.noted["conversation_id"] = request.conversation_id
        deleted = await self._conversations.delete_conversation(
            call.caller, request.conversation_id, self._now()
        )
        await self._forget((deleted.gone,))
        return pb.DeleteConversationResponse(deleted_turns=deleted.turns)

    async def ExportConversations(  # noqa: N802
        self, request: pb.ExportConversationsRequest, call: Call
    ) -> None:
        """Stream whole conversations, oldest activity first, each with the place behind it."""
        owner = self._whole(request, call)
        await write_export(
            call,
            self._conversations,
            owner,
            ExportFilter(_range(request, "active_range"), request.whole_tenant),
            resume_token=request.resume_token,
            include_responses=request.include_responses,
            heartbeat_s=self._heartbeat_s,
            now=self._now,
            on_export=self._on_export,
        )

    def _whole(self, request: Any, call: Call) -> Caller:
        """Like `_owner`, for requests that may mean the whole tenant."""
        if not request.whole_tenant:
            return self._owner(request.user_id, call)
        if request.user_id:
            raise InvalidArgument.of("user_id", "must be empty with whole_tenant")
        self._check_audit(call.caller)
        call.noted[_OF_USER] = "*"
        return call.caller

    def _owner(self, user_id: str, call: Call) -> Caller:
        """Whose history is meant. Raises where it is another's and the caller may not audit."""
        caller = call.caller
        if not user_id or user_id == caller.user:
            return caller
        self._check_audit(caller)
        call.noted[_OF_USER] = user_id
        return replace(caller, user=user_id)

    def _check_audit(self, caller: Caller) -> None:
        if not self._may_audit(caller):
            raise ServiceError(
                "reading other users' conversations needs the right to audit",
                reason=Reason.PERMISSION_DENIED,
                metadata={"permission": "audit"},
            )


def _active(found: ConversationSummary, within: Interval | None) -> bool:
    return within is None or within.contains(found.last_activity)


def _range(request: Any, name: str) -> Interval | None:
    return interval(getattr(request, name), name) if request.HasField(name) else None
