"""InsightService: what is unusual, told before anybody asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration

from enhanced_prompt.v1 import insight_service_pb2 as pb
from enhanced_prompt.v1 import insights_pb2

from ...domain.answers import Evidence
from ...domain.catalogue import Catalogue
from ...domain.errors import InvalidArgument, NotFound, OutOfRange, PermissionDenied, Reason
from ...domain.events import Event
from ...domain.evidence import evidence_of
from ...domain.identity import Caller
from ...domain.insights import InsightStore, judged, period
from ...domain.stores import CatalogueStore, EventReader, EventStore
from ...insights.feed import BeyondLog, Feeds, Subscription, TooSlow
from ..call import Call
from ..convert.insights import (
    SEVERITY_OF,
    STATUS_OF,
    TYPE_OF,
    VERDICT_OF,
    draft,
    insight_filter,
    insight_message,
    window_of,
)
from ..convert.times import instant, interval, timestamp
from ..leaving import LeavingOptions
from ..resume_tokens import ResumeTokens
from ._pages import MOST_BYTES, fitting
from ._standing import Standing, StandingCalls
from ._subscribe import encoder, write_subscription

LONGEST_MUTE = timedelta(days=90)

__all__ = ["InsightService", "Standing", "encoder"]


class InsightService(StandingCalls):
    """The insights of the caller's tenant. `now` is real time.

    `feeds` give subscribers what is told, `tokens` name places in the log. A stream that was idle
    for `heartbeat_s` seconds gets a heartbeat. `time_zone` is the tenant's IANA zone.
    """

    def __init__(
        self,
        insights: InsightStore,
        feeds: Feeds,
        tokens: ResumeTokens,
        events: EventStore,
        catalogue: CatalogueStore,
        *,
        now: Callable[[], datetime],
        heartbeat_s: float = 15.0,
        leaving: LeavingOptions | None = None,
        time_zone: str = "UTC",
        standing: Standing | None = None,
    ) -> None:
        self._insights = insights
        self._feeds = feeds
        self._tokens = tokens
        self._events = events
        self._catalogue = catalogue
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._leaving = leaving or LeavingOptions()
        self._time_zone = time_zone
        self._standing = standing

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open now."""
        return self._feeds.subscribers

    # ---- the log --------------------------------------------------------------------------------

    async def SubscribeInsights(  # noqa: N802
        self, request: pb.SubscribeInsightsRequest, call: Call
    ) -> None:
        """Stream the log from a place on, until the caller goes or has to go on elsewhere."""
        if call.consented is not None and request.WhichOneof("start") == "subscription_id":
            await call.consented()  # a cursor is kept
        async with self._subscription(request, call.caller) as subscription:
            await write_subscription(
                call,
                subscription,
                self._tokens,
                heartbeat_s=self._heartbeat_s,
                now=self._now,
                leaving=self._leaving,
            )

    async def CommitSubscription(  # noqa: N802
        self, request: pb.CommitSubscriptionRequest, call: Call
    ) -> pb.CommitSubscriptionResponse:
        """Move the cursor of a subscription on."""
        caller = call.caller
        position = self._tokens.open(caller.tenant, request.resume_token)
        try:
            found = await self._insights.commit(
                caller, request.subscription_id, position, now=self._now()
            )
        except OutOfRange as error:
            raise await self._beyond(caller, error.message) from error
        return pb.CommitSubscriptionResponse(resume_token=self._tokens.seal_for(caller, found))

    @asynccontextmanager
    async def _subscription(
        self, request: pb.SubscribeInsightsRequest, caller: Caller
    ) -> AsyncGenerator[Subscription]:
        try:
            async with self._feeds.subscribe(
                caller,
                await self._start(request, caller),
                insight_filter(request.filter),
                first=request.changes == pb.INSIGHT_CHANGES_FIRST,
            ) as subscription:
                yield subscription
        except TooSlow as error:
            error.metadata["resume_token"] = self._tokens.seal_for(caller, error.position)
            raise
        except BeyondLog as error:
            raise await self._beyond(caller, error.message) from error

    async def _start(self, request: pb.SubscribeInsightsRequest, caller: Caller) -> int | None:
        """The place to begin at, None for now."""
        match request.WhichOneof("start"):
            case "resume_token" if request.resume_token:
                return self._tokens.open(caller.tenant, request.resume_token)
            case "start_time":
                at = instant(request.start_time, "start_time")
                try:
                    return await self._insights.before(caller, at)
                except OutOfRange as error:
                    raise await self._beyond(caller, error.message) from error
            case "subscription_id":
                return await self._insights.subscribe(
                    caller, request.subscription_id, now=self._now()
                )
            case _:
                return None

    async def _beyond(self, caller: Caller, message: str) -> OutOfRange:
        ends = await self._insights.ends(caller)
        earliest = self._tokens.seal_for(caller, ends.oldest)
        return OutOfRange(message, metadata={"earliest_resume_token": earliest})

    # ---- insights as they are now ---------------------------------------------------------------

    async def ListInsights(  # noqa: N802
        self, request: pb.ListInsightsRequest, call: Call
    ) -> pb.ListInsightsResponse:
        """Insights, newest first, a page at a time."""
        caller = call.caller
        window = None
        if request.HasField("window_range"):
            window = interval(request.window_range, "window_range")

        async def fetch(size: int) -> pb.ListInsightsResponse:
            page = await self._insights.page(
                caller,
                insight_filter(request.filter),
                now=self._now(),
                status=STATUS_OF[request.status],
                window=window,
                page_size=size,
                page_token=request.page_token,
            )
            return pb.ListInsightsResponse(
                insights=[insight_message(one) for one in page.items],
                next_page_token=page.next_page_token,
                resume_token=self._tokens.seal_for(caller, page.position),
            )

        return await fitting(request.page_size, fetch)

    async def GetInsight(  # noqa: N802
        self, request: pb.GetInsightRequest, call: Call
    ) -> pb.GetInsightResponse:
        """One insight."""
        found = await self._insights.get(call.caller, request.insight_id, now=self._now())
        return pb.GetInsightResponse(insight=insight_message(found))

    async def AcknowledgeInsights(  # noqa: N802
        self, request: pb.AcknowledgeInsightsRequest, call: Call
    ) -> pb.AcknowledgeInsightsResponse:
        """An operator's note on insights, all or none."""
        found = await self._insights.acknowledge(
            call.caller,
            request.insight_ids,
            verdict=VERDICT_OF[request.verdict],
            note=request.note,
            now=self._now(),
        )
        response = pb.AcknowledgeInsightsResponse(insights=[insight_message(one) for one in found])
        if response.ByteSize() > MOST_BYTES:  # the note counts: what it is about is there to get
            _shorten(response.insights)
        return response

    async def MuteInsights(  # noqa: N802
        self, request: pb.MuteInsightsRequest, call: Call
    ) -> pb.MuteInsightsResponse:
        """Silence a dedupe_key, or lift its mute."""
        _needs_sight_of_all(call.caller)
        duration, now = _duration(request.duration), self._now()
        muted = await self._insights.mute(
            call.caller,
            request.dedupe_key,
            until=now + duration if duration else None,
            note=request.note,
            now=now,
        )
        return pb.MuteInsightsResponse(
            muted_until=None if muted.until is None else timestamp(muted.until),
            insights=muted.insights,
        )

    async def PublishInsight(  # noqa: N802
        self, request: pb.PublishInsightRequest, call: Call
    ) -> pb.PublishInsightResponse:
        """Add what another detector noticed."""
        caller = call.caller
        _needs_sight_of_all(caller)
        if not request.insight_type:
            raise InvalidArgument.of(
                "insight_type", "is required", reason=Reason.REQUIRED_FIELD_MISSING
            )
        window = window_of(request)
        known = await self._catalogue.catalogue(caller)
        restricted = _restricted(known, request.zones)
        noticed = draft(
            request,
            window=window,
            severity=SEVERITY_OF.get(request.severity)
            or judged(request.score, restricted=restricted),
            restricted=restricted,
            dedupe_key=request.dedupe_key or _key(request),
            analysis_period=request.analysis_period
            or period(window, self._zone(known, request.sites, request.affected_cameras)),
            found=await self._evidence(caller, known, request.event_ids),
        )
        published = await self._insights.publish(
            caller,
            noticed,
            now=self._now(),
            request_id=request.request_id,
            request_hash=_hash(request),
        )
        return pb.PublishInsightResponse(
            insight=insight_message(published.insight), merged=published.merged
        )

    async def _evidence(
        self, caller: Caller, known: Catalogue, event_ids: Sequence[str]
    ) -> tuple[Evidence, ...]:
        if not event_ids:
            return ()

        def find(reader: EventReader) -> list[Event | None]:
            return [_get(reader, one) for one in event_ids]

        sites = {site.site_id: site for site in known.sites}
        found: dict[str, Evidence] = {}
        for index, event in enumerate(await self._events.snapshot(caller, find)):
            if event is None:
                raise InvalidArgument.of(f"event_ids[{index}]", "no such event is stored")
            found[event.event_id] = evidence_of(event, sites.get(event.site))
        return tuple(sorted(found.values(), key=lambda one: (one.timestamp, one.event_id)))

    def _zone(self, known: Catalogue, sites: Sequence[str], cameras: Sequence[str]) -> ZoneInfo:
        zones = {site.site_id: site.time_zone for site in known.sites}
        homes = known.camera_sites()
        candidates = [*sites, *(site for one in cameras for site in homes.get(one, ()))]
        return ZoneInfo(next((zones[one] for one in candidates if one in zones), self._time_zone))


def _needs_sight_of_all(caller: Caller) -> None:
    """A dedupe_key may be that of an insight about any camera: who may not see them all could
    silence what others are told, or be shown what it merges into."""
    if not caller.sees_all:
        raise PermissionDenied("this needs the sight of every camera", "cameras")


def _get(reader: EventReader, event_id: str) -> Event | None:
    try:
        return reader.get(event_id)
    except NotFound:
        return None


def _restricted(known: Catalogue, zones: Sequence[str]) -> bool:
    wanted = frozenset(zones)
    return any(
        zone.restricted for site in known.sites for zone in site.zones if zone.zone_id in wanted
    )


def _key(request: pb.PublishInsightRequest) -> str:
    """The same for the same thing: type, cameras, zones and title."""
    kind = TYPE_OF[request.insight_type].value
    parts = [sorted(request.affected_cameras), sorted(request.zones), request.title]
    return f"{kind}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def _hash(request: pb.PublishInsightRequest) -> str:
    same = pb.PublishInsightRequest()
    same.CopyFrom(request)
    same.ClearField("request_id")
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()


def _duration(message: Duration) -> timedelta:
    duration = timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    if not timedelta() <= duration <= LONGEST_MUTE:
        raise InvalidArgument.of(
            "duration", "must lie in 0 to 90 days", reason=Reason.LIMIT_EXCEEDED
        )
    return duration


def _shorten(found: Sequence[insights_pb2.Insight]) -> None:
    for one in found:
        for name in ("evidence", "baseline", "metadata"):
            one.ClearField(name)
