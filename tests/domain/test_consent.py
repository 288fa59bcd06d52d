"""What consent costs a question, and how long a withdrawal takes to be seen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from enhanced_prompt_service.domain.consent import Consent, Consents, ConsentState
from enhanced_prompt_service.domain.errors import Conflict, InvalidArgument, Reason, Unavailable
from enhanced_prompt_service.domain.identity import Caller, Role

NOW = datetime(2026, 5, 1, tzinfo=UTC)
MIA = Caller("acme", "mia", role=Role.VIEWER)


class Rows:
    """What replicas share. Counts looks; each waits for `held` where that is not set."""

    def __init__(self) -> None:
        self.given: set[tuple[str, str, str]] = set()
        self.looks = 0
        self.looked = asyncio.Event()
        self.held = asyncio.Event()
        self.held.set()
        self.away = False

    async def give_consent(self, caller: Caller, policy_version: str, now: datetime) -> None:
        self.given.add((caller.tenant, caller.user, policy_version))

    async def withdraw_consent(self, caller: Caller, now: datetime) -> None:
        self.given = {one for one in self.given if one[:2] != (caller.tenant, caller.user)}
        if self.away:
            raise Unavailable("lost while it was committed")

    async def holds_consent(self, caller: Caller, policy_version: str) -> bool:
        self.looks += 1
        found = (caller.tenant, caller.user, policy_version) in self.given
        self.looked.set()
        await self.held.wait()
        return found

    async def read_consent(self, caller: Caller, policy_version: str) -> Consent:
        return Consent(policy_version, ConsentState.NOT_GIVEN)


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


def replica(rows: Rows, clock: Clock, policy: str = "v1") -> Consents:
    return Consents(rows, policy, now=lambda: NOW, monotonic=clock)


async def refused(consents: Consents, caller: Caller = MIA) -> Conflict:
    with pytest.raises(Conflict) as caught:
        await consents.need(caller)
    assert caught.value.reason is Reason.CONSENT_REQUIRED
    return caught.value


async def test_what_was_seen_is_remembered_for_two_seconds() -> None:
    rows, clock = Rows(), Clock()
    one, other = replica(rows, clock), replica(rows, clock)
    await one.give(MIA, "v1")
    for passed in (0.0, 0.5, 1.9):
        clock.passed = passed
        await other.need(MIA)
    assert rows.looks == 1
    await one.withdraw(MIA)
    await refused(one)  # at once where it was withdrawn
    await other.need(MIA)
    clock.passed = 2.0  # and everywhere else when it is looked up again
    await refused(other)


async def test_what_was_not_given_is_looked_up_each_time_so_giving_works_everywhere() -> None:
    rows, clock = Rows(), Clock()
    one, other = replica(rows, clock), replica(rows, clock)
    error = await refused(other)
    assert error.metadata == {"policy_version": "v1"}
    assert "v1" in error.message
    await one.give(MIA, "v1")
    await other.need(MIA)


async def test_a_look_that_began_before_a_withdrawal_is_not_remembered() -> None:
    rows, clock = Rows(), Clock()
    consents = replica(rows, clock)
    await consents.give(MIA, "v1")
    rows.held.clear()
    early = asyncio.create_task(consents.need(MIA))
    await rows.looked.wait()
    await consents.withdraw(MIA)
    rows.held.set()
    await early  # it was asked in time
    await refused(consents)


async def test_a_withdrawal_that_may_have_been_stored_is_not_forgotten() -> None:
    rows, clock = Rows(), Clock()
    consents = replica(rows, clock)
    await consents.give(MIA, "v1")
    await consents.need(MIA)
    rows.away = True
    with pytest.raises(Unavailable):
        await consents.withdraw(MIA)
    await refused(consents)


async def test_a_new_policy_is_asked_for_and_the_old_one_goes_on_meanwhile() -> None:
    rows, clock = Rows(), Clock()
    old, new = replica(rows, clock, "v1"), replica(rows, clock, "v2")
    await old.give(MIA, "v1")
    await refused(new)
    await new.give(MIA, "v2")
    await old.need(MIA)
    await new.need(MIA)
    with pytest.raises(InvalidArgument, match="which is v2") as caught:
        await new.give(MIA, "v1")
    assert caught.value.violations[0].field == "policy_version"


async def test_services_need_none_and_the_anonymous_can_give_none() -> None:
    rows, clock = Rows(), Clock()
    consents = replica(rows, clock)
    await consents.need(Caller("acme", "bridge", role=Role.SERVICE))
    nobody = Caller("acme", "anonymous ipv4:127.0.0.1", role=Role.ANONYMOUS)
    rows.given.add((nobody.tenant, nobody.user, "v1"))
    assert "credentials" in (await refused(consents, nobody)).message
    assert rows.looks == 0


async def test_without_a_policy_nobody_is_asked_and_any_version_is_taken() -> None:
    rows, clock = Rows(), Clock()
    consents = replica(rows, clock, "")
    assert not consents.required
    await consents.need(MIA)
    await consents.give(MIA, "anything")
    assert rows.looks == 0
    assert ("acme", "mia", "anything") in rows.given


async def test_only_so_many_are_remembered() -> None:
    rows, clock = Rows(), Clock()
    consents = replica(rows, clock)
    for number in range(10_001):
        user = Caller("acme", f"user {number}", role=Role.VIEWER)
        rows.given.add((user.tenant, user.user, "v1"))
        await consents.need(user)
    before = rows.looks
    await consents.need(Caller("acme", "user 10000", role=Role.VIEWER))
    assert rows.looks == before
    await consents.need(Caller("acme", "user 0", role=Role.VIEWER))
    assert rows.looks == before + 1
