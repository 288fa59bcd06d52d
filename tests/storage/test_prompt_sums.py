"""Sums of the turns that ended in a period."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from enhanced_prompt_service.domain.analytics import Bucket, PromptAnalytics
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnError, TurnState
from enhanced_prompt_service.storage import Stores

from .makers import ME, NOON, at, begin, response

ANA = Caller(ME.tenant, "ana")
HOUR = timedelta(hours=1)


async def end(
    stores: Stores,
    turn_id: str,
    minute: float,
    state: TurnState = TurnState.COMPLETED,
    caller: Caller = ME,
) -> None:
    turn = await begin(stores, turn_id, caller, conversation_id=turn_id, now=at(minute - 1))
    failed = state is TurnState.FAILED
    await stores.turns.finish(
        caller,
        turn_id=turn_id,
        attempt=1,
        state=state,
        now=at(minute),
        response=None if failed else response(turn, processing_time_ms=int(minute) + 100),
        error=TurnError("TURN_FAILED", "no", retryable=False) if failed else None,
    )


async def sums(stores: Stores, caller: Caller = ME, *, whole: bool = False) -> PromptAnalytics:
    period = Interval(NOON, NOON + 2 * HOUR)
    return await stores.conversations.prompt_analytics(
        caller, period, Bucket.HOUR, ZoneInfo("UTC"), whole_tenant=whole
    )


async def test_a_period_is_summed_up_beside_the_one_before_it(stores: Stores) -> None:
    for number, minute in enumerate((-121, -120, -1, 0, 59, 60, 119, 120)):
        await end(stores, f"t{number}", minute)
    await end(stores, "failed", 30, TurnState.FAILED)
    await end(stores, "cancelled", 31, TurnState.CANCELLED)
    await begin(stores, "running", conversation_id="running", now=at(5))
    found = await sums(stores)
    totals = found.totals
    assert (totals.responses, totals.failed_turns, totals.cancelled_turns) == (4, 1, 1)
    assert (totals.conversations, totals.users, totals.evidence_items) == (4, 1, 4)
    assert totals.average_confidence == 0.9
    assert totals.average_processing_time_ms == (100 + 159 + 160 + 219) / 4
    assert totals.p95_processing_time_ms == 219
    assert (found.previous.responses, found.previous.failed_turns) == (2, 0)
    assert [(when, one.responses, one.failed_turns) for when, one in found.points] == [
        (Interval(NOON, NOON + HOUR), 2, 1),
        (Interval(NOON + HOUR, NOON + 2 * HOUR), 2, 0),
    ]
    assert found.top_cameras == (("G1", 4),)
    assert found.top_topics == (("count", 4),)


async def test_sums_are_of_ones_own_or_of_the_tenant_and_of_no_other(stores: Stores) -> None:
    await end(stores, "mine", 5)
    await end(stores, "anas", 6, caller=ANA)
    await end(stores, "mine", 7, caller=Caller("other", ME.user))
    assert (await sums(stores)).totals.responses == 1
    assert (await sums(stores, ANA)).totals.responses == 1
    whole = await sums(stores, whole=True)
    assert (whole.totals.responses, whole.totals.users) == (2, 2)
    assert whole.top_cameras == (("G1", 2),)
    nobody = await sums(stores, Caller(ME.tenant, "nobody"))
    assert (nobody.totals.responses, nobody.top_topics) == (0, ())
