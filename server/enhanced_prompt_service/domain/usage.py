"""What models used, summed up for whoever pays for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from .answers import ModelUsage
from .identity import Caller
from .times import Interval


class UsageKey(StrEnum):
    """What usage is summed up by."""

    USER = "user"
    MODEL = "model"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class UsageAsked:
    """What to sum up: calls that ended in a half-open period of real time, of `user_id`, or of
    all users where `whole_tenant`. Days are local ones of `zone`."""

    period: Interval
    by: frozenset[UsageKey]
    zone: ZoneInfo
    user_id: str
    whole_tenant: bool = False


@dataclass(frozen=True, slots=True)
class UsageSum:
    """One group. Keys that were not asked for are "". `day` is an ISO date.

    Counts and cost cover the calls that they are known of, None where that is none of them;
    `without_counts` and `without_cost` are how many calls they do not cover. `estimated` says that
    a count of any call is an estimate. `turns` is how many turns ended that used models; one that
    was run again on another day counts on both.
    """

    user_id: str
    model: str
    day: str
    turns: int
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost: float | None
    without_counts: int
    without_cost: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A page of groups, newest day first, then by user and model; `total` is over all of them."""

    rows: tuple[UsageSum, ...]
    total: UsageSum
    next_page_token: str = ""


class UsageStore(Protocol):
    """Model calls, kept beside the turns that made them (which may be deleted before)."""

    async def record(self, caller: Caller, calls: Sequence[ModelUsage], now: datetime) -> None:
        """Note calls that no turn made, such as a classification's. A turn's own are noted by its
        closing transaction."""
        ...

    async def sums(
        self, caller: Caller, asked: UsageAsked, *, page_size: int = 100, page_token: str = ""
    ) -> UsagePage:
        """Sums by group. Raises InvalidArgument (PAGE_TOKEN_INVALID)."""
        ...
