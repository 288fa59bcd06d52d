"""MetricsService: how the service is doing, and what models used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from enhanced_prompt.v1 import common_pb2
from enhanced_prompt.v1 import metrics_service_pb2 as pb

from ...domain.identity import Caller
from ...domain.metrics import Looker, LooksAtMetrics, MetricsSubscription
from ..call import Call
from ..convert.metrics import selection, snapshot_message, system_health_message, told_message
from ..convert.times import timestamp
from ..leaving import Leaving, LeavingOptions
from .usage import UsageReports


class MetricsService:
    """All of it. `now` is real time; a stream that was idle for `heartbeat_s` seconds gets a
    heartbeat. `may_audit` says who is told whose requests they were."""

    def __init__(
        self,
        live: LooksAtMetrics,
        usage: UsageReports,
        *,
        now: Callable[[], datetime],
        may_audit: Callable[[Caller], bool] = lambda _: False,
        heartbeat_s: float = 15.0,
        leaving: LeavingOptions | None = None,
    ) -> None:
        self._live = live
        self._usage = usage
        self._now = now
        self._may_audit = may_audit
        self._heartbeat_s = heartbeat_s
        self._leaving = leaving or LeavingOptions()

    async def GetMetrics(  # noqa: N802
        self, request: pb.GetMetricsRequest, call: Call
    ) -> pb.GetMetricsResponse:
        """Everything now. Answers also while the database or the bus is away."""
        looker = looker_of(call.caller, self._may_audit)
        found = await self._live.snapshot(looker, selection(request.models, request.max_recent))
        return pb.GetMetricsResponse(snapshot=snapshot_message(found, looker))

    async def SubscribeMetrics(  # noqa: N802
        self, request: pb.SubscribeMetricsRequest, call: Call
    ) -> None:
        """Stream what changes, until the caller goes or has to go on elsewhere."""
        looker = looker_of(call.caller, self._may_audit)
        wanted = selection(request.models, request.max_recent, request.kinds)
        async with self._live.subscribe(looker, wanted) as subscription:
            await self._write(call, subscription, looker)

    async def _write(self, call: Call, subscription: MetricsSubscription, looker: Looker) -> None:
        with Leaving(call, self._leaving, subscription.nudge) as leave:
            while not leave.due:
                message = await subscription.take(self._heartbeat_s)
                if message is not None:
                    await call.write(told_message(message, looker).SerializeToString())
                elif not leave.due:
                    now = timestamp(self._now())
                    beat = pb.SubscribeMetricsResponse(
                        heartbeat=common_pb2.Heartbeat(time=now), time=now
                    )
                    await call.write(beat.SerializeToString())
            farewell = leave.farewell("")
            farewell.ClearField("cursor")  # a new call begins with a new snapshot
            last = pb.SubscribeMetricsResponse(
                go_away=farewell,
                time=timestamp(self._now()),
                sequence=subscription.next_sequence(),
            )
            await call.write(last.SerializeToString())

    async def GetSystemHealth(  # noqa: N802
        self, request: pb.GetSystemHealthRequest, call: Call
    ) -> pb.GetSystemHealthResponse:
        """The state of now, of all replicas. Answers also while the database is away."""
        del request, call
        return pb.GetSystemHealthResponse(
            health=system_health_message(await self._live.system_health())
        )

    async def GetUsage(self, request: pb.GetUsageRequest, call: Call) -> pb.GetUsageResponse:  # noqa: N802
        """Tokens and cost by user, model and day."""
        return await self._usage.get_usage(request, call.caller)


def looker_of(caller: Caller, may_audit: Callable[[Caller], bool]) -> Looker:
    """Whose rows a caller sees: its tenant's where it sees every camera, for an error's text may
    speak of any of them; else its own. `may_audit` says who is told whose they are."""
    return Looker(
        tenant=caller.tenant,
        user=None if caller.sees_all else caller.user,
        names_users=may_audit(caller),
    )
