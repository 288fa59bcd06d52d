"""SubscribeInsights: the one writer of a subscription's stream (design 3, rules 18 to 23)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from enhanced_prompt.v1 import common_pb2
from enhanced_prompt.v1 import insight_service_pb2 as pb

from ...domain.identity import Caller
from ...domain.insights import Revision
from ...insights.feed import Mark, Subscription, Taken
from ..call import Call
from ..convert.insights import revision_message
from ..convert.times import timestamp
from ..leaving import Leaving, LeavingOptions
from ..resume_tokens import ResumeTokens


def encoder(tokens: ResumeTokens) -> Callable[[str, Revision], bytes]:
    """Serialises an entry once for all subscribers of a tenant: they stand at the same place."""

    def encode(tenant: str, revision: Revision) -> bytes:
        return pb.SubscribeInsightsResponse(
            revision=revision_message(revision),
            resume_token=tokens.seal(tenant, revision.position),
        ).SerializeToString()

    return encode


def limited_entry(tokens: ResumeTokens, caller: Caller, revision: Revision) -> bytes:
    """The same entry for somebody who may see only some cameras.

    Its position is left out and its token is new: in both, gaps and changes would tell of entries
    about cameras that are not theirs to see (docs/decisions/insight-log.md).
    """
    message = revision_message(revision)
    message.ClearField("position")
    return pb.SubscribeInsightsResponse(
        revision=message, resume_token=tokens.seal_for(caller, revision.position)
    ).SerializeToString()


async def write_subscription(
    call: Call,
    subscription: Subscription,
    tokens: ResumeTokens,
    *,
    heartbeat_s: float,
    now: Callable[[], datetime],
    leaving: LeavingOptions,
) -> None:
    """Write entries as they come, `caught_up` at the end of history, and a heartbeat whenever the
    stream is idle so long.

    At its age, and when the server drains, the stream says where to go on and ends at once: every
    message carries the place to go on from, and there is nothing to be finished here.
    """
    caller = call.caller
    delivered = 0
    with Leaving(call, leaving, subscription.nudge) as leave:
        while not leave.due:
            taken = await subscription.take(heartbeat_s)
            if isinstance(taken, Taken):
                await call.write(
                    taken.encoded
                    if caller.sees_all
                    else limited_entry(tokens, caller, taken.revision)
                )
                delivered += 1
            elif not leave.due:
                message = pb.SubscribeInsightsResponse(
                    resume_token=tokens.seal_for(caller, subscription.position)
                )
                if taken is Mark.CAUGHT_UP:
                    message.caught_up.delivered = delivered
                else:
                    message.heartbeat.CopyFrom(common_pb2.Heartbeat(time=timestamp(now())))
                await call.write(message.SerializeToString())
        token = tokens.seal_for(caller, subscription.position)
        farewell = pb.SubscribeInsightsResponse(resume_token=token)
        farewell.go_away.CopyFrom(leave.farewell(token))
        await call.write(farewell.SerializeToString())
