"""Insights: the same calls for both clients."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from datetime import datetime, timedelta
from typing import Unpack

from . import _methods as methods
from ._insights import (
    InsightFlow,
    InsightSelection,
    InsightUpdate,
    StatusName,
    VerdictName,
    acknowledge_request,
    list_insights_request,
    mute_request,
    subscribe_request,
)
from ._standing_calls import AsyncStandingCalls, StandingCalls
from .errors import EnhancedPromptError
from .v1.insight_service_pb2 import (
    CommitSubscriptionRequest,
    GetInsightRequest,
    MuteInsightsResponse,
    PublishInsightRequest,
    PublishInsightResponse,
)
from .v1.insights_pb2 import Insight


class InsightCalls(StandingCalls):
    """Blocking calls."""

    def insights(
        self,
        *,
        resume_token: str = "",
        since: datetime | None = None,
        subscription_id: str = "",
        first_only: bool = False,
        on_token: Callable[[str], object] | None = None,
        **chosen: Unpack[InsightSelection],
    ) -> Iterator[InsightUpdate]:
        """What is unusual, as it is told: the log of insights from a place on, for ever.

        Begins at a token, at a real time, at the cursor that the server keeps under a name, or
        now. `first_only` gives the first entry of each insight that passes the filter. Cuts and
        restarts of the service are survived: the next stream goes on where this one was.

        `on_token` is given the place up to which everything was dealt with, whenever the next
        entry is asked for, and while nothing happens: keep it, and begin there the next time.
        Whoever commits each `resume_token` together with what was done has each entry exactly once.

        Raises CursorOutOfRange (its metadata has `earliest_resume_token`) or SubscriberTooSlow
        where the place is not kept any more, and ConnectionFailed where no server was ever there.
        """
        request = subscribe_request(
            chosen,
            resume_token=resume_token,
            since=since,
            subscription_id=subscription_id,
            first_only=first_only,
        )
        flow = InsightFlow(request, self.options.retry, self.options.reattach)
        while True:
            failure: EnhancedPromptError | None = None
            try:
                with closing(
                    self._transport.stream(methods.SUBSCRIBE_INSIGHTS, flow.request, deadline=None)
                ) as stream:
                    for message in stream:
                        update = flow.take(message)
                        if update is not None:
                            yield update
                        if on_token is not None and flow.settle(message.resume_token):
                            on_token(message.resume_token)
            except EnhancedPromptError as error:
                failure = error
            time.sleep(flow.wait(failure, random.random()))

    def list_insights(
        self,
        *,
        status: StatusName | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 0,
        **chosen: Unpack[InsightSelection],
    ) -> Iterator[Insight]:
        """All insights whose window overlaps a range of site time, newest first, by pages."""
        return self._pages(
            methods.LIST_INSIGHTS,
            list_insights_request(
                chosen, status=status, since=since, until=until, page_size=page_size
            ),
            lambda page: page.insights,
        )

    def get_insight(self, insight_id: str) -> Insight:
        """One insight as it is now. Raises InsightNotFound."""
        found = self._unary(methods.GET_INSIGHT, GetInsightRequest(insight_id=insight_id))
        return found.insight

    def acknowledge_insights(
        self, insight_ids: Iterable[str], *, verdict: VerdictName | None = None, note: str = ""
    ) -> list[Insight]:
        """Note that somebody saw insights, and what they thought of them; all or none.

        Raises InsightNotFound.
        """
        noted = self._unary(
            methods.ACKNOWLEDGE_INSIGHTS, acknowledge_request(insight_ids, verdict, note)
        )
        return list(noted.insights)

    def mute_insights(
        self, dedupe_key: str, duration: timedelta | None, *, note: str = ""
    ) -> MuteInsightsResponse:
        """Silence a dedupe_key for a time, at most 90 days; None lifts the mute."""
        return self._unary(methods.MUTE_INSIGHTS, mute_request(dedupe_key, duration, note))

    def publish_insight(self, request: PublishInsightRequest) -> PublishInsightResponse:
        """Add what another detector noticed; the same dedupe_key merges into an open insight.

        Without a request_id it gets one, so that it can be repeated without harm.
        """
        sent = PublishInsightRequest()
        sent.CopyFrom(request)
        sent.request_id = request.request_id or uuid.uuid4().hex
        return self._unary(methods.PUBLISH_INSIGHT, sent)

    def commit_subscription(self, subscription_id: str, resume_token: str) -> str:
        """Move the cursor that the server keeps under a name, never back; returns where it is."""
        moved = self._unary(
            methods.COMMIT_SUBSCRIPTION,
            CommitSubscriptionRequest(subscription_id=subscription_id, resume_token=resume_token),
        )
        return moved.resume_token


class AsyncInsightCalls(AsyncStandingCalls):
    """The same for asyncio."""

    async def insights(
        self,
        *,
        resume_token: str = "",
        since: datetime | None = None,
        subscription_id: str = "",
        first_only: bool = False,
        on_token: Callable[[str], Awaitable[object] | None] | None = None,
        **chosen: Unpack[InsightSelection],
    ) -> AsyncIterator[InsightUpdate]:
        """What is unusual, as it is told: the log of insights from a place on, for ever.

        Begins at a token, at a real time, at the cursor that the server keeps under a name, or
        now. `first_only` gives the first entry of each insight that passes the filter. Cuts and
        restarts of the service are survived: the next stream goes on where this one was.

        `on_token` is given the place up to which everything was dealt with, whenever the next
        entry is asked for, and while nothing happens: keep it, and begin there the next time.
        Whoever commits each `resume_token` together with what was done has each entry exactly once.

        Raises CursorOutOfRange (its metadata has `earliest_resume_token`) or SubscriberTooSlow
        where the place is not kept any more, and ConnectionFailed where no server was ever there.
        """
        request = subscribe_request(
            chosen,
            resume_token=resume_token,
            since=since,
            subscription_id=subscription_id,
            first_only=first_only,
        )
        flow = InsightFlow(request, self.options.retry, self.options.reattach)
        while True:
            failure: EnhancedPromptError | None = None
            try:
                async with aclosing(
                    self._transport.stream(methods.SUBSCRIBE_INSIGHTS, flow.request, deadline=None)
                ) as stream:
                    async for message in stream:
                        update = flow.take(message)
                        if update is not None:
                            yield update
                        if on_token is not None and flow.settle(message.resume_token):
                            told = on_token(message.resume_token)
                            if told is not None:
                                await told
            except EnhancedPromptError as error:
                failure = error
            await asyncio.sleep(flow.wait(failure, random.random()))

    def list_insights(
        self,
        *,
        status: StatusName | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 0,
        **chosen: Unpack[InsightSelection],
    ) -> AsyncIterator[Insight]:
        """All insights whose window overlaps a range of site time, newest first, by pages."""
        return self._pages(
            methods.LIST_INSIGHTS,
            list_insights_request(
                chosen, status=status, since=since, until=until, page_size=page_size
            ),
            lambda page: page.insights,
        )

    async def get_insight(self, insight_id: str) -> Insight:
        """One insight as it is now. Raises InsightNotFound."""
        found = await self._unary(methods.GET_INSIGHT, GetInsightRequest(insight_id=insight_id))
        return found.insight

    async def acknowledge_insights(
        self, insight_ids: Iterable[str], *, verdict: VerdictName | None = None, note: str = ""
    ) -> list[Insight]:
        """Note that somebody saw insights, and what they thought of them; all or none.

        Raises InsightNotFound.
        """
        noted = await self._unary(
            methods.ACKNOWLEDGE_INSIGHTS, acknowledge_request(insight_ids, verdict, note)
        )
        return list(noted.insights)

    async def mute_insights(
        self, dedupe_key: str, duration: timedelta | None, *, note: str = ""
    ) -> MuteInsightsResponse:
        """Silence a dedupe_key for a time, at most 90 days; None lifts the mute."""
        return await self._unary(methods.MUTE_INSIGHTS, mute_request(dedupe_key, duration, note))

    async def publish_insight(self, request: PublishInsightRequest) -> PublishInsightResponse:
        """Add what another detector noticed; the same dedupe_key merges into an open insight.

        Without a request_id it gets one, so that it can be repeated without harm.
        """
        sent = PublishInsightRequest()
        sent.CopyFrom(request)
        sent.request_id = request.request_id or uuid.uuid4().hex
        return await self._unary(methods.PUBLISH_INSIGHT, sent)

    async def commit_subscription(self, subscription_id: str, resume_token: str) -> str:
        """Move the cursor that the server keeps under a name, never back; returns where it is."""
        moved = await self._unary(
            methods.COMMIT_SUBSCRIPTION,
            CommitSubscriptionRequest(subscription_id=subscription_id, resume_token=resume_token),
        )
        return moved.resume_token
