"""The client for asyncio. Its twin is `_client`: what the two share lies below them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Sequence,
)
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Self, Unpack

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from . import _methods as methods
from ._aio import AsyncTransport
from ._async_chat import AsyncChat
from ._async_turn import AsyncTurnStream
from ._consent import AsyncConsentCalls
from ._export import ExportFlow
from ._health import HealthStatus
from ._ingest import Batches, IngestOutcome, OnSent, batch_outcome, batch_request
from ._insight_calls import AsyncInsightCalls
from ._metrics import AsyncMetricsCalls
from ._options import DEFAULT_TARGET, ClientOptions
from ._prompts import AsyncPromptCalls
from ._requests import (
    AnswerOptions,
    AskOptions,
    BucketName,
    ChatOptions,
    EventQuery,
    GroupByName,
    OrderName,
    ResponseTypeName,
    RoleName,
    answer_request,
    ask_request,
    chat_setup,
    count_events_request,
    list_cameras_request,
    list_conversations_request,
    list_coverage_request,
    list_events_request,
    list_prompt_responses_request,
    prompt_analytics_request,
    search_messages_request,
    time_range,
)
from ._templates import AsyncTemplateCalls
from ._turn import TurnFlow
from .errors import CallCancelled, EnhancedPromptError
from .v1.answers_pb2 import PromptResponse
from .v1.event_service_pb2 import CameraCoverage, CameraStatus, CountEventsResponse, GetEventRequest
from .v1.events_pb2 import Coverage, Event
from .v1.history_service_pb2 import (
    ConversationMessage,
    ConversationSummary,
    DeleteConversationRequest,
    ExportConversationsRequest,
    ExportConversationsResponse,
    GetConversationRequest,
    GetConversationResponse,
    GetPromptAnalyticsResponse,
    ListMessagesRequest,
    MessageMatch,
)
from .v1.metrics_service_pb2 import GetSystemHealthRequest, SystemHealth
from .v1.prompt_service_pb2 import CancelTurnRequest, PrewarmRequest, PrewarmResponse
from .v1.site_service_pb2 import GetSiteRequest, ListSitesRequest, PutSiteRequest, Site
from .v1.turns_pb2 import Turn


class AsyncClient(
    AsyncTemplateCalls, AsyncPromptCalls, AsyncInsightCalls, AsyncConsentCalls, AsyncMetricsCalls
):
    """Talks to one service, over one connection, from one event loop.

        async with AsyncClient() as client:
            async with client.ask("what happened in camera 3 today?") as turn:
                async for piece in turn.text():
                    print(piece, end="", flush=True)
            print(turn.response.total_matches)

    `target` is host:port or any gRPC name; `credentials` make the connection TLS. Connecting is
    lazy: a service that is not there shows at the first call, as ConnectionFailed. All methods
    raise the errors of `enhanced_prompt`'s tree, and reads that failed with UNAVAILABLE are
    repeated as `options.retry` says before they do.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        self.target = target
        self.options = options or ClientOptions()
        self._transport = AsyncTransport(target, self.options, credentials)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls and the connection. Idempotent."""
        await self._transport.close()

    # ---- questions ------------------------------------------------------------------------------

    def ask(self, query: str, **options: Unpack[AskOptions]) -> AsyncTurnStream:
        """Ask a question and stream its turn, which begins when the stream is first read."""
        request_id = options.get("request_id") or uuid.uuid4().hex
        flow = TurnFlow(
            ask_request(query, request_id, options),
            deadline=options.get("timeout", self.options.timeouts.turn),
            retry=self.options.retry,
            reattach=self.options.reattach,
        )
        return AsyncTurnStream(self._transport, flow)

    def chat(self, **options: Unpack[ChatOptions]) -> AsyncChat:
        """A conversation on one stream: `send` questions to it and read their turns.

        Nothing is opened before the first question.
        """
        return AsyncChat(self._transport, chat_setup(options))

    async def answer(self, query: str, **options: Unpack[AnswerOptions]) -> PromptResponse:
        """Ask a question and return its answer whole.

        Raises CallCancelled where somebody cancelled the turn, and the turn's error where it
        failed.
        """
        request_id = options.get("request_id") or uuid.uuid4().hex
        answered = await self._transport.unary(
            methods.ANSWER,
            answer_request(query, request_id, options),
            deadline=options.get("timeout", self.options.timeouts.turn),
        )
        if answered.turn.HasField("cancelled"):
            raise CallCancelled(f"turn {answered.turn.turn_id} was cancelled")
        return answered.turn.completed.response

    async def cancel_turn(self, turn_id: str) -> Turn:
        """Stop a turn, and keep what was said so far; returns it as it is stored then.

        On a turn that has ended it changes nothing. Raises TurnNotFound.
        """
        found = await self._unary(methods.CANCEL_TURN, CancelTurnRequest(turn_id=turn_id))
        return found.turn

    async def prewarm(
        self, *, conversation_id: str = "", model: str = "", wait: bool = True
    ) -> PrewarmResponse:
        """Make the next question fast, and say what is ready; without `wait`, return at once."""
        return await self._transport.unary(
            methods.PREWARM,
            PrewarmRequest(conversation_id=conversation_id, model=model, wait=wait),
            deadline=self.options.timeouts.prewarm,
        )

    # ---- history --------------------------------------------------------------------------------

    async def get_conversation(
        self, conversation_id: str, *, include_responses: bool = False
    ) -> GetConversationResponse:
        """A conversation with its messages, and with its whole answers where asked for.

        Raises ConversationNotFound.
        """
        return await self._unary(
            methods.GET_CONVERSATION,
            GetConversationRequest(
                conversation_id=conversation_id, include_responses=include_responses
            ),
        )

    def list_conversations(
        self,
        *,
        active_since: datetime | None = None,
        active_until: datetime | None = None,
        page_size: int = 0,
    ) -> AsyncIterator[ConversationSummary]:
        """All conversations, newest activity first, fetched a page at a time as they are read."""
        return self._pages(
            methods.LIST_CONVERSATIONS,
            list_conversations_request(active_since, active_until, page_size),
            lambda page: page.conversations,
        )

    def list_messages(
        self, conversation_id: str, *, newest_first: bool = False, page_size: int = 0
    ) -> AsyncIterator[ConversationMessage]:
        """All messages of a conversation, oldest first by default, fetched a page at a time.

        Raises ConversationNotFound.
        """
        return self._pages(
            methods.LIST_MESSAGES,
            ListMessagesRequest(
                conversation_id=conversation_id, newest_first=newest_first, page_size=page_size
            ),
            lambda page: page.messages,
        )

    def search_messages(
        self,
        query: str,
        *,
        conversation_id: str = "",
        role: RoleName | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 0,
    ) -> AsyncIterator[MessageMatch]:
        """Messages with every word of the query, stemmed, best match first, a page at a time."""
        return self._pages(
            methods.SEARCH_MESSAGES,
            search_messages_request(query, conversation_id, role, since, until, page_size),
            lambda page: page.matches,
        )

    def list_prompt_responses(
        self,
        *,
        conversation_id: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        response_type: ResponseTypeName | None = None,
        page_size: int = 0,
    ) -> AsyncIterator[PromptResponse]:
        """All stored answers that ended in a range of time, newest first, a page at a time."""
        return self._pages(
            methods.LIST_PROMPT_RESPONSES,
            list_prompt_responses_request(conversation_id, since, until, response_type, page_size),
            lambda page: page.responses,
        )

    async def get_prompt_analytics(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bucket: BucketName | None = None,
        time_zone: str = "",
        whole_tenant: bool = False,
    ) -> GetPromptAnalyticsResponse:
        """Totals, averages and a series of a period, beside those of the one before it.

        Default: the last 24 hours. `time_zone` is the IANA zone that hours and days are cut in.
        """
        return await self._unary(
            methods.GET_PROMPT_ANALYTICS,
            prompt_analytics_request(since, until, bucket, time_zone, whole_tenant),
        )

    async def delete_conversation(self, conversation_id: str) -> int:
        """Delete a conversation for good; returns how many turns it had.

        A turn of it that still runs is stopped and stores nothing. Raises ConversationNotFound.
        """
        deleted = await self._unary(
            methods.DELETE_CONVERSATION, DeleteConversationRequest(conversation_id=conversation_id)
        )
        return deleted.deleted_turns

    async def export_conversations(
        self,
        *,
        resume_token: str = "",
        active_since: datetime | None = None,
        active_until: datetime | None = None,
        include_responses: bool = False,
        whole_tenant: bool = False,
    ) -> AsyncIterator[ExportConversationsResponse]:
        """Whole conversations in order of last activity, oldest first, each as `exported`.

        Each message has the `resume_token` behind it: kept with what was done with the message, it
        lets a later call go on there. Cuts are survived as `options.retry` says. One that goes on
        during the export comes again. Raises StreamCut where it can't be brought to its end.
        """
        flow = ExportFlow(
            ExportConversationsRequest(
                resume_token=resume_token,
                active_range=time_range(active_since, active_until),
                include_responses=include_responses,
                whole_tenant=whole_tenant,
            ),
            self.options.retry,
        )
        while not flow.done:
            failure: EnhancedPromptError | None = None
            try:
                async with aclosing(
                    self._transport.stream(
                        methods.EXPORT_CONVERSATIONS, flow.request, deadline=None
                    )
                ) as stream:
                    async for message in stream:
                        if flow.take(message):
                            yield message
            except EnhancedPromptError as error:
                failure = error
            if not flow.done:
                await asyncio.sleep(flow.wait(failure))

    # ---- events ---------------------------------------------------------------------------------

    async def ingest_events(
        self, events: AsyncIterable[Event] | Iterable[Event], *, on_sent: OnSent | None = None
    ) -> IngestOutcome:
        """Send events on one stream, and return what became of them.

        Bad events are rejected one by one, the others kept. Batches are stored as they come: after
        an error, send all again (what is known is a duplicate), or use `ingest_batch`, which says
        after each batch what was stored.
        """
        return await self._ingest(events, on_sent)

    async def ingest_coverage(
        self, spans: AsyncIterable[Coverage] | Iterable[Coverage], *, on_sent: OnSent | None = None
    ) -> IngestOutcome:
        """Send spans of coverage on one stream, and return what became of them."""
        return await self._ingest(spans, on_sent)

    async def ingest_batch(self, items: Sequence[Event] | Sequence[Coverage]) -> IngestOutcome:
        """Send at most 1,000 events or spans in one call, which is repeated like a read."""
        return batch_outcome(await self._unary(methods.BATCH_INGEST_EVENTS, batch_request(items)))

    def list_events(
        self,
        *,
        order: OrderName | None = None,
        page_size: int = 0,
        **query: Unpack[EventQuery],
    ) -> AsyncIterator[Event]:
        """All events that match, newest first by default, fetched a page at a time."""
        return self._pages(
            methods.LIST_EVENTS,
            list_events_request(query, order, page_size),
            lambda page: page.events,
        )

    async def get_event(self, event_id: str) -> Event:
        """One event. Raises EventNotFound."""
        found = await self._unary(methods.GET_EVENT, GetEventRequest(event_id=event_id))
        return found.event

    async def count_events(
        self,
        *,
        group_by: Sequence[GroupByName] = (),
        limit: int = 0,
        **query: Unpack[EventQuery],
    ) -> CountEventsResponse:
        """Exact counts of all events that match, in total and by up to 3 keys."""
        return await self._unary(methods.COUNT_EVENTS, count_events_request(query, group_by, limit))

    def list_cameras(
        self, *, sites: Sequence[str] = (), as_of: datetime | None = None, page_size: int = 0
    ) -> AsyncIterator[CameraStatus]:
        """All cameras, with their state and what they have seen, by site and id."""
        return self._pages(
            methods.LIST_CAMERAS,
            list_cameras_request(sites, as_of, page_size),
            lambda page: page.cameras,
        )

    def list_coverage(
        self,
        since: datetime,
        until: datetime,
        *,
        cameras: Sequence[str] = (),
        sites: Sequence[str] = (),
        page_size: int = 0,
    ) -> AsyncIterator[CameraCoverage]:
        """When cameras recorded between two instants, at most 366 days apart, by site and id."""
        return self._pages(
            methods.LIST_COVERAGE,
            list_coverage_request(since, until, cameras, sites, page_size),
            lambda page: page.cameras,
        )

    # ---- sites ----------------------------------------------------------------------------------

    async def put_site(self, site: Site) -> Site:
        """Create a site or replace it as a whole; returns it as stored, with its new etag.

        Raises EtagMismatch where `site.etag` is set and not the stored one. With an etag the call
        is never repeated: the second one could not tell its own write from somebody else's.
        """
        stored = await self._transport.unary(
            methods.PUT_SITE,
            PutSiteRequest(site=site),
            deadline=self.options.timeouts.unary,
            repeatable=not site.etag,
        )
        return stored.site

    async def get_site(self, site_id: str) -> Site:
        """One declared site. Raises SiteNotFound."""
        return (await self._unary(methods.GET_SITE, GetSiteRequest(site_id=site_id))).site

    def list_sites(self, *, page_size: int = 0) -> AsyncIterator[Site]:
        """All declared sites, by id."""
        return self._pages(
            methods.LIST_SITES, ListSitesRequest(page_size=page_size), lambda page: page.sites
        )

    # ---- health ---------------------------------------------------------------------------------

    async def health(self, service: str = "") -> HealthStatus:
        """Whether a service takes calls; "" is the server as a whole.

        `service` is a full name such as "enhanced_prompt.v1.PromptService"; one that the server
        does not have raises NotFound.
        """
        answer = await self._transport.unary(
            methods.HEALTH,
            StringValue(value=service),
            deadline=self.options.timeouts.health,
            repeatable=False,
        )
        return HealthStatus(answer.value)

    async def get_system_health(self) -> SystemHealth:
        """The state of the service and of all that it depends on. Times are UTC."""
        answer = await self._transport.unary(
            methods.GET_SYSTEM_HEALTH,
            GetSystemHealthRequest(),
            deadline=self.options.timeouts.health,
        )
        return answer.health

    # ---- below ----------------------------------------------------------------------------------

    async def _ingest(
        self,
        items: AsyncIterable[Event | Coverage] | Iterable[Event | Coverage],
        on_sent: OnSent | None,
    ) -> IngestOutcome:
        batches = Batches(self.options.ingest_batch)
        upload = self._transport.upload(
            methods.INGEST_EVENTS, deadline=self.options.timeouts.ingest
        )
        try:
            if isinstance(items, AsyncIterable):
                async for item in items:
                    for message in batches.add(item):
                        await upload.send(message)
                        if on_sent is not None:
                            on_sent(batches.sent)
            else:
                for item in items:
                    for message in batches.add(item):
                        await upload.send(message)
                        if on_sent is not None:
                            on_sent(batches.sent)
            for message in batches.flush():
                await upload.send(message)
                if on_sent is not None:
                    on_sent(batches.sent)
            return batches.outcome(await upload.finish())
        finally:
            await upload.close()
