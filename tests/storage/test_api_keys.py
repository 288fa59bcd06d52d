"""API keys as rows, and what a verifier makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enhanced_prompt_service.domain.credentials import ApiKey, digest_of, new_key
from enhanced_prompt_service.domain.errors import Reason, Unauthenticated
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.identity import ApiKeys
from enhanced_prompt_service.storage import Stores

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY_ID, KEY = new_key(lambda size: "ab" * size)


def row(**fields: object) -> ApiKey:
    values: dict[str, object] = {
        "key_id": KEY_ID,
        "tenant": "acme",
        "user": "bridge",
        "role": Role.SERVICE,
        "digest": digest_of(KEY),
        "created_at": NOW,
        **fields,
    }
    return ApiKey(**values)  # type: ignore[arg-type]


class Clock:
    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


async def test_a_key_comes_back_as_it_was_stored(stores: Stores) -> None:
    limited = row(
        cameras=frozenset({"G1", "G2"}), sites=frozenset(), expires_at=NOW + timedelta(days=1)
    )
    other = row(key_id="0123456789ab", tenant="beta", created_at=NOW - timedelta(days=1))
    await stores.keys.add_key(limited)
    await stores.keys.add_key(other)
    assert await stores.keys.find_key(KEY_ID) == limited
    assert await stores.keys.find_key("000000000000") is None
    assert await stores.keys.list_keys() == [other, limited]
    assert await stores.keys.list_keys("beta") == [other]


async def test_a_key_is_revoked_once(stores: Stores) -> None:
    await stores.keys.add_key(row())
    assert await stores.keys.revoke_key(KEY_ID, NOW)
    assert await stores.keys.revoke_key(KEY_ID, NOW + timedelta(hours=1))
    found = await stores.keys.find_key(KEY_ID)
    assert found is not None
    assert found.revoked_at == NOW
    assert not await stores.keys.revoke_key("000000000000", NOW)


async def test_the_key_itself_is_stored_nowhere(stores: Stores) -> None:
    await stores.keys.add_key(row())
    found = await stores.keys.find_key(KEY_ID)
    assert KEY not in repr(found)
    assert KEY.rpartition("_")[2] not in repr(found)


async def test_a_key_is_its_bearers_identity_until_it_expires_or_is_revoked(
    stores: Stores,
) -> None:
    clock = Clock()
    keys = ApiKeys(stores.keys, now=clock.now, monotonic=clock.monotonic)

    async def refused(key: str) -> Reason:
        with pytest.raises(Unauthenticated) as caught:
            await keys.verify(key)
        return caught.value.reason

    assert await refused(KEY) is Reason.CREDENTIALS_INVALID
    await stores.keys.add_key(row(cameras=frozenset({"G1"})))
    later_id, later = new_key(lambda size: "cd" * size)
    ends = NOW + timedelta(seconds=10)
    await stores.keys.add_key(row(key_id=later_id, digest=digest_of(later), expires_at=ends))
    clock.passed = 1
    identity = await keys.verify(KEY)
    caller = identity.caller
    assert (caller.tenant, caller.user, caller.role) == ("acme", "bridge", Role.SERVICE)
    assert (caller.cameras, identity.credential) == (frozenset({"G1"}), KEY_ID)
    assert await keys.ended(identity) is None
    for wrong in (f"eps_{KEY_ID}_{'cd' * 32}", "eps_", "eps_x_y", KEY + "0", KEY.upper()):
        assert await refused(wrong) is Reason.CREDENTIALS_INVALID
    assert (await keys.verify(later)).expires_at == ends
    clock.passed = 10
    assert await refused(later) is Reason.CREDENTIALS_EXPIRED
    await stores.keys.revoke_key(KEY_ID, NOW)
    clock.passed = 11
    assert await refused(KEY) is Reason.CREDENTIALS_REVOKED
    ended = await keys.ended(identity)
    assert ended is not None
    assert ended.reason is Reason.CREDENTIALS_REVOKED
    # Whoever does not have the key is not told that it was revoked.
    assert await refused(f"eps_{KEY_ID}_{'cd' * 32}") is Reason.CREDENTIALS_INVALID


async def test_a_row_is_asked_for_once_a_second_at_most(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    keys = ApiKeys(stores.keys, now=clock.now, monotonic=clock.monotonic)
    await stores.keys.add_key(row())
    asked = 0
    find = stores.keys.find_key

    async def counting(key_id: str) -> ApiKey | None:
        nonlocal asked
        asked += 1
        return await find(key_id)

    monkeypatch.setattr(stores.keys, "find_key", counting)
    for passed in (0.0, 0.5, 0.9, 1.0, 1.5):
        clock.passed = passed
        await keys.verify(KEY)
    assert asked == 2
