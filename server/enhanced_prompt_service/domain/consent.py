"""Whether something of a user may be stored: what users consented to, and what follows from it.

A withdrawal ends consent to every version of the policy. Giving adds a version: while a new policy
is rolled out, replicas that still ask for the old one go on serving who consented to both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .errors import Conflict, InvalidArgument, Reason
from .identity import Caller, Role

_REMEMBERED = 10_000


class ConsentState(StrEnum):
    """Where a user stands toward a version of the policy."""

    NOT_GIVEN = "not_given"
    GIVEN = "given"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """One thing that a user said.

    Attributes:
        state: GIVEN or WITHDRAWN; the latter is of every version.
        policy_version: What was given; in a withdrawal what was given last.
        at: When, UTC.
    """

    state: ConsentState
    policy_version: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """Where a user stands.

    Attributes:
        policy_version: Toward which version; "" where there never was one.
        state: How.
        since: Since when, UTC; None for NOT_GIVEN.
        changes: What the user said, newest first; not all of it where it is much.
    """

    policy_version: str
    state: ConsentState
    since: datetime | None = None
    changes: tuple[ConsentChange, ...] = ()


class ConsentStore(Protocol):
    """The history of every user's consent. Entries are added, and never changed or deleted."""

    async def give_consent(self, caller: Caller, policy_version: str, now: datetime) -> None:
        """Consent to a version from now on; nothing where that holds already."""
        ...

    async def withdraw_consent(self, caller: Caller, now: datetime) -> None:
        """End consent to every version; nothing where none holds."""
        ...

    async def holds_consent(self, caller: Caller, policy_version: str) -> bool:
        """Whether consent to this version holds."""
        ...

    async def read_consent(self, caller: Caller, policy_version: str) -> Consent:
        """Where the caller stands toward a version; "" means the one said last. With the last 100
        changes."""
        ...


class Consents:
    """What is asked of users, and whether they gave it.

    `policy` is the version that is asked for, "" for none. Consent that was seen is remembered for
    `fresh_s` seconds, so that it costs a question nothing; a withdrawal on another replica is seen
    that much later. What was not given is looked up each time: giving works everywhere at once.
    `now` is real time.
    """

    def __init__(
        self,
        store: ConsentStore,
        policy: str = "",
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        fresh_s: float = 2.0,
    ) -> None:
        self._store = store
        self._policy = policy
        self._now = now
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._held: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._withdrawals = 0

    @property
    def required(self) -> bool:
        """Whether nothing of users is stored without consent."""
        return bool(self._policy)

    async def need(self, caller: Caller) -> None:
        """Raises Conflict (CONSENT_REQUIRED) where nothing of this caller may be stored.

        Services are no people. The anonymous are people that nobody can tell apart: what one of
        them consented to would count for everybody behind the same address.
        """
        if not self._policy or caller.role is Role.SERVICE:
            return
        if caller.role is Role.ANONYMOUS:
            raise self._refused("nothing may be stored of callers without credentials: send some")
        key = caller.tenant, caller.user
        asked_at = self._monotonic()
        until = self._held.get(key)
        if until is not None and asked_at < until:
            return
        before = self._withdrawals
        if not await self._store.holds_consent(caller, self._policy):
            self._held.pop(key, None)
            raise self._refused(
                "this would store something of yours, which needs your consent to the policy "
                f"{self._policy} (GiveConsent)"
            )
        if before == self._withdrawals:  # else this look may be older than a withdrawal
            self._held[key] = asked_at + self._fresh_s
            self._held.move_to_end(key)
            if len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)

    async def holds(self, caller: Caller) -> bool:
        """Whether something of this caller may be stored."""
        try:
            await self.need(caller)
        except Conflict:
            return False
        return True

    async def read(self, caller: Caller) -> Consent:
        """Where the caller stands toward the policy that is asked for."""
        return await self._store.read_consent(caller, self._policy)

    async def give(self, caller: Caller, policy_version: str) -> Consent:
        """Consent to a version. Raises InvalidArgument where another one is asked for."""
        if self._policy and policy_version != self._policy:
            raise InvalidArgument.of(
                "policy_version",
                f"is not the policy that is asked for, which is {self._policy}",
                reason=Reason.INVALID_FORMAT,
            )
        await self._store.give_consent(caller, policy_version, self._now())
        return await self.read(caller)

    async def withdraw(self, caller: Caller) -> Consent:
        """End consent to everything."""
        try:
            await self._store.withdraw_consent(caller, self._now())
        finally:  # also where nobody knows whether it was stored
            self._withdrawals += 1
            self._held.pop((caller.tenant, caller.user), None)
        return await self.read(caller)

    def _refused(self, why: str) -> Conflict:
        return Conflict(
            why, reason=Reason.CONSENT_REQUIRED, metadata={"policy_version": self._policy}
        )
