"""GetUsage of MetricsService: what models used, and what it cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt.v1 import answers_pb2
from enhanced_prompt.v1 import metrics_service_pb2 as pb

from ...domain.errors import InvalidArgument, Reason, ServiceError
from ...domain.identity import Caller
from ...domain.times import Interval
from ...domain.usage import UsageAsked, UsageKey, UsageStore, UsageSum
from ..convert.times import interval
from ._pages import fitting

DEFAULT_PERIOD = timedelta(days=30)
LONGEST_PERIOD = timedelta(days=366)
DEFAULT_ROWS = 100
_KEYS = {
    pb.USAGE_GROUP_BY_USER: UsageKey.USER,
    pb.USAGE_GROUP_BY_MODEL: UsageKey.MODEL,
    pb.USAGE_GROUP_BY_DAY: UsageKey.DAY,
}


class UsageReports:
    """Sums of model calls: the caller's own; of others for who may audit.

    `now` is real time, `time_zone` the tenant's IANA zone.
    """

    def __init__(
        self,
        store: UsageStore,
        *,
        now: Callable[[], datetime],
        time_zone: str,
        may_audit: Callable[[Caller], bool] = lambda caller: False,
    ) -> None:
        self._store = store
        self._now = now
        self._time_zone = time_zone
        self._may_audit = may_audit

    async def get_usage(self, request: pb.GetUsageRequest, caller: Caller) -> pb.GetUsageResponse:
        """A page of sums. Raises InvalidArgument, and PERMISSION_DENIED for others' usage."""
        asked = UsageAsked(
            period=self._period(request),
            by=_keys(request),
            zone=ZoneInfo(request.time_zone or self._time_zone),
            user_id=self._user(request, caller),
            whole_tenant=request.whole_tenant,
        )

        async def fetch(size: int) -> pb.GetUsageResponse:
            page = await self._store.sums(
                caller, asked, page_size=size, page_token=request.page_token
            )
            return pb.GetUsageResponse(
                rows=[_row(one) for one in page.rows],
                total=_row(page.total),
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size or DEFAULT_ROWS, fetch)

    def _period(self, request: pb.GetUsageRequest) -> Interval:
        now = self._now()
        if not request.HasField("time_range"):
            return Interval(now - DEFAULT_PERIOD, now)
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
        return Interval(start, end)

    def _user(self, request: pb.GetUsageRequest, caller: Caller) -> str:
        if request.whole_tenant and request.user_id:
            raise InvalidArgument.of("user_id", "must be empty with whole_tenant")
        others = request.whole_tenant or request.user_id not in ("", caller.user)
        if others and not self._may_audit(caller):
            raise ServiceError(
                "reading other users' usage needs the right to audit",
                reason=Reason.PERMISSION_DENIED,
                metadata={"permission": "audit"},
            )
        return request.user_id or caller.user


def _keys(request: pb.GetUsageRequest) -> frozenset[UsageKey]:
    for at, one in enumerate(request.group_by):
        if one not in _KEYS:
            raise InvalidArgument.of(f"group_by[{at}]", "must be USER, MODEL or DAY")
    return frozenset(_KEYS[one] for one in request.group_by) or frozenset(UsageKey)


def _row(found: UsageSum) -> pb.UsageRow:
    source = answers_pb2.USAGE_SOURCE_PROVIDER
    if found.estimated:
        source = answers_pb2.USAGE_SOURCE_ESTIMATED
    return pb.UsageRow(
        user_id=found.user_id,
        model=found.model,
        day=found.day,
        turns=found.turns,
        calls=found.calls,
        usage=answers_pb2.ModelUsage(
            model=found.model,
            source=source if found.calls else answers_pb2.USAGE_SOURCE_UNSPECIFIED,
            input_tokens=found.input_tokens,
            output_tokens=found.output_tokens,
            cached_tokens=found.cached_tokens,
            reasoning_tokens=found.reasoning_tokens,
            cost=found.cost,
            currency="" if found.cost is None else "USD",
        ),
        calls_without_counts=found.without_counts,
        calls_without_cost=found.without_cost,
    )
