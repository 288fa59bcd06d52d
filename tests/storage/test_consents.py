"""The history of consents: what holds, since when, and that it is only ever added to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from enhanced_prompt_service.domain.consent import Consent, ConsentChange, ConsentState
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.storage import Database, Stores
from enhanced_prompt_service.storage.session import Session

MIA = Caller("acme", "mia")
NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
GIVEN, WITHDRAWN = ConsentState.GIVEN, ConsentState.WITHDRAWN


def later(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


async def test_who_never_said_anything_has_not_consented(stores: Stores) -> None:
    assert not await stores.consents.holds_consent(MIA, "v1")
    assert await stores.consents.read_consent(MIA, "v1") == Consent("v1", ConsentState.NOT_GIVEN)
    assert await stores.consents.read_consent(MIA, "") == Consent("", ConsentState.NOT_GIVEN)


async def test_consent_holds_for_its_version_its_user_and_its_tenant_alone(stores: Stores) -> None:
    await stores.consents.give_consent(MIA, "v1", NOW)
    assert await stores.consents.holds_consent(MIA, "v1")
    for caller, policy in (
        (MIA, "v2"),
        (MIA, "V1"),
        (Caller("acme", "noah"), "v1"),
        (Caller("beta", "mia"), "v1"),
    ):
        assert not await stores.consents.holds_consent(caller, policy)
        found = await stores.consents.read_consent(caller, policy)
        assert (found.policy_version, found.state) == (policy, ConsentState.NOT_GIVEN)


async def test_a_withdrawal_ends_every_version_and_giving_begins_anew(stores: Stores) -> None:
    of = stores.consents
    await of.give_consent(MIA, "v1", NOW)
    await of.give_consent(MIA, "v2", later(1))
    assert await of.holds_consent(MIA, "v1")
    assert await of.holds_consent(MIA, "v2")
    await of.withdraw_consent(MIA, later(2))
    assert not await of.holds_consent(MIA, "v1")
    assert not await of.holds_consent(MIA, "v2")
    await of.give_consent(MIA, "v2", later(3))
    assert not await of.holds_consent(MIA, "v1")
    assert await of.holds_consent(MIA, "v2")
    changes = (
        ConsentChange(GIVEN, "v2", later(3)),
        ConsentChange(WITHDRAWN, "v2", later(2)),
        ConsentChange(GIVEN, "v2", later(1)),
        ConsentChange(GIVEN, "v1", NOW),
    )
    assert await of.read_consent(MIA, "v2") == Consent("v2", GIVEN, later(3), changes)
    assert await of.read_consent(MIA, "v1") == Consent("v1", WITHDRAWN, later(2), changes)
    assert await of.read_consent(MIA, "") == Consent("v2", GIVEN, later(3), changes)


async def test_saying_again_what_holds_adds_nothing(stores: Stores) -> None:
    of = stores.consents
    await of.withdraw_consent(MIA, NOW)
    assert (await of.read_consent(MIA, "v1")).changes == ()
    await of.give_consent(MIA, "v1", NOW)
    await of.give_consent(MIA, "v1", later(1))
    await of.withdraw_consent(MIA, later(2))
    await of.withdraw_consent(MIA, later(3))
    found = await of.read_consent(MIA, "v1")
    assert [(one.state, one.at) for one in found.changes] == [(WITHDRAWN, later(2)), (GIVEN, NOW)]


async def test_who_says_it_twice_at_once_said_it_once(stores: Stores) -> None:
    await asyncio.gather(*(stores.consents.give_consent(MIA, "v1", NOW) for _ in range(8)))
    await asyncio.gather(*(stores.consents.withdraw_consent(MIA, NOW) for _ in range(8)))
    found = await stores.consents.read_consent(MIA, "v1")
    assert [one.state for one in found.changes] == [WITHDRAWN, GIVEN]


async def test_the_last_hundred_changes_are_told_and_the_state_rests_on_all(
    stores: Stores,
) -> None:
    of = stores.consents
    await of.give_consent(MIA, "first", NOW)
    for number in range(110):
        await of.give_consent(MIA, f"v{number}", later(1 + number))
    found = await of.read_consent(MIA, "first")
    assert (found.state, found.since) == (GIVEN, NOW)
    assert [one.policy_version for one in found.changes] == [f"v{n}" for n in range(109, 9, -1)]


@pytest.mark.parametrize("statement", ["UPDATE consents SET given = 1", "DELETE FROM consents"])
async def test_the_database_itself_refuses_to_change_or_delete_history(
    stores: Stores, database: Database, statement: str
) -> None:
    await stores.consents.give_consent(MIA, "v1", NOW)

    def tamper(session: Session) -> None:
        session.execute(text(statement))

    with pytest.raises(DBAPIError, match="only be added to"):
        await database.write(tamper)
    assert await stores.consents.holds_consent(MIA, "v1")
