"""API keys: looked up by their id, compared by their digest, remembered for a moment."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

from ...domain.credentials import ApiKey, KeyStore, digest_of, key_id_of
from ...domain.errors import Reason, Unauthenticated
from ...domain.identity import Caller, Identity
from .tokens import expired

_REMEMBERED = 10_000


class ApiKeys:
    """Verifies keys. A row is asked for again after `fresh_s`, so a revoked key is refused, and
    its streams end, that much later. `now` is real time."""

    def __init__(
        self,
        store: KeyStore,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        fresh_s: float = 1.0,
    ) -> None:
        self._store = store
        self._now = now
        self._monotonic = monotonic
        self._fresh_s = fresh_s
        self._kept: OrderedDict[str, tuple[float, ApiKey | None]] = OrderedDict()

    async def verify(self, key: str) -> Identity:
        """Whose key it is. Raises Unauthenticated, and Unavailable with the database away."""
        key_id = key_id_of(key)
        row = None if key_id is None else await self._find(key_id)
        # Compared also where there is no row, so that both take the same time.
        same = hmac.compare_digest(digest_of(key), b"\0" * 32 if row is None else row.digest)
        if row is None or not same:
            raise Unauthenticated("the credentials are not valid here")
        error = self._judge(row)
        if error is not None:
            raise error
        caller = Caller(
            tenant=row.tenant,
            user=row.user,
            role=row.role,
            cameras=row.cameras,
            sites=row.sites,
        )
        return Identity(caller, "key", credential=row.key_id, expires_at=row.expires_at)

    async def ended(self, identity: Identity) -> Unauthenticated | None:
        """Why a key that was accepted is not any more; None where it still is."""
        row = await self._find(identity.credential)
        return _revoked() if row is None else self._judge(row)

    def _judge(self, row: ApiKey) -> Unauthenticated | None:
        if row.revoked_at is not None:
            return _revoked()
        if row.expires_at is not None and row.expires_at <= self._now():
            return expired()
        return None

    async def _find(self, key_id: str) -> ApiKey | None:
        kept = self._kept.get(key_id)
        if kept is not None and self._monotonic() - kept[0] < self._fresh_s:
            return kept[1]
        asked_at = self._monotonic()
        row = await self._store.find_key(key_id)
        self._kept[key_id] = asked_at, row
        self._kept.move_to_end(key_id)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
        return row


def _revoked() -> Unauthenticated:
    return Unauthenticated("the credentials were withdrawn", reason=Reason.CREDENTIALS_REVOKED)
