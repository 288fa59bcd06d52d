"""What models used, summed up, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enhanced_prompt_service.domain.answers import ModelUsage, Usage
from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.domain.turns import TurnError, TurnState
from enhanced_prompt_service.domain.usage import UsageAsked, UsageKey, UsageSum
from enhanced_prompt_service.storage import Stores

from .makers import ME, at, begin

YOU = Caller(user="you")
EVERYTHING = Interval(datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
NEW_YORK = ZoneInfo("America/New_York")


def call(model: str = "openai:a", **fields: Any) -> ModelUsage:
    known = {"input_tokens": 100, "output_tokens": 10, "cost": 0.5}
    return ModelUsage(**{"model": model, "source": "provider", **known, **fields})


def asked(*by: UsageKey, **fields: Any) -> UsageAsked:
    chosen = {"period": EVERYTHING, "zone": NEW_YORK, "user_id": ME.user, "by": frozenset(by)}
    return UsageAsked(**chosen | fields)


def short(rows: tuple[UsageSum, ...]) -> list[tuple[str, str, str, int]]:
    return [(one.day, one.user_id, one.model, one.calls) for one in rows]


async def test_calls_are_summed_by_user_model_and_local_day_the_newest_first(
    stores: Stores,
) -> None:
    night = datetime(2026, 3, 8, 4, 59, tzinfo=UTC)  # 23:59 in New York; the next day has 23 hours
    await stores.usage.record(ME, [call(), call("openai:b")], night)
    await stores.usage.record(ME, [call()], night + timedelta(minutes=1))
    await stores.usage.record(ME, [call()], night + timedelta(hours=23, minutes=1))
    await stores.usage.record(YOU, [call()], night)
    page = await stores.usage.sums(ME, asked(*UsageKey, whole_tenant=True))
    assert short(page.rows) == [
        ("2026-03-09", ME.user, "openai:a", 1),
        ("2026-03-08", ME.user, "openai:a", 1),
        ("2026-03-07", ME.user, "openai:a", 1),
        ("2026-03-07", ME.user, "openai:b", 1),
        ("2026-03-07", "you", "openai:a", 1),
    ]
    assert (page.total.calls, page.total.input_tokens, page.total.cost) == (5, 500, 2.5)
    own = await stores.usage.sums(ME, asked(UsageKey.MODEL))
    assert short(own.rows) == [("", "", "openai:a", 3), ("", "", "openai:b", 1)]
    elsewhere = Caller(tenant="other", user=ME.user)
    nothing = await stores.usage.sums(elsewhere, asked(whole_tenant=True))
    assert nothing.rows == ()
    assert nothing.total.calls == 0


async def test_unknown_is_not_zero(stores: Stores) -> None:
    unknown = ModelUsage(model="openai:a", source="estimated")
    await stores.usage.record(ME, [unknown], at())
    (row,) = (await stores.usage.sums(ME, asked(UsageKey.MODEL))).rows
    assert (row.input_tokens, row.cached_tokens, row.cost) == (None, None, None)
    assert (row.without_counts, row.without_cost, row.estimated) == (1, 1, True)
    await stores.usage.record(ME, [call(cached_tokens=40, reasoning_tokens=0)], at())
    (row,) = (await stores.usage.sums(ME, asked(UsageKey.MODEL))).rows
    assert (row.input_tokens, row.output_tokens, row.cost) == (100, 10, 0.5)
    assert (row.cached_tokens, row.reasoning_tokens) == (40, 0)
    assert (row.calls, row.without_counts, row.without_cost) == (2, 1, 1)


async def test_amounts_in_another_currency_are_no_dollars(stores: Stores) -> None:
    await stores.usage.record(ME, [call(currency="EUR"), call()], at())
    total = (await stores.usage.sums(ME, asked())).total
    assert (total.cost, total.without_cost) == (0.5, 1)


@pytest.mark.parametrize("state", [TurnState.FAILED, TurnState.CANCELLED, TurnState.COMPLETED])
async def test_a_turn_brings_its_calls_however_it_ends_and_once(
    state: TurnState, stores: Stores
) -> None:
    row = await begin(stores, "t1")
    for won in (True, False):
        closed = await stores.turns.finish(
            ME,
            turn_id="t1",
            attempt=row.attempt,
            state=state,
            now=at(1),
            error=TurnError("INTERNAL", "no", retryable=False),
            usage=Usage((call(), call())),
        )
        assert closed is won
    total = (await stores.usage.sums(ME, asked())).total
    assert (total.turns, total.calls) == (1, 2)


async def test_the_period_is_half_open(stores: Stores) -> None:
    await stores.usage.record(ME, [call()], at(0))
    await stores.usage.record(ME, [call()], at(10))
    page = await stores.usage.sums(ME, asked(period=Interval(at(0), at(10))))
    assert page.total.calls == 1


async def test_pages_hold_every_group_once_and_their_tokens_fit_no_other_question(
    stores: Stores,
) -> None:
    names = [f"openai:{one}" for one in "abcdefg"]
    await stores.usage.record(ME, [call(one) for one in names], at())
    question, token, found = asked(UsageKey.MODEL, UsageKey.DAY), "", []
    while True:
        page = await stores.usage.sums(ME, question, page_size=3, page_token=token)
        found += [one.model for one in page.rows]
        assert page.total.calls == len(names)
        token = page.next_page_token
        if not token:
            break
        with pytest.raises(InvalidArgument):
            await stores.usage.sums(ME, asked(UsageKey.MODEL), page_token=token)
        with pytest.raises(InvalidArgument):
            await stores.usage.sums(YOU, question, page_token=token)
    assert found == names
