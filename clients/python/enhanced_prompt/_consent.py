"""Consent of the caller: the same calls for both clients. All of them may be repeated."""

from __future__ import annotations

from . import _methods as methods
from ._calls import AsyncCalls, Calls
from .v1.consent_service_pb2 import (
    Consent,
    GetConsentRequest,
    GiveConsentRequest,
    WithdrawConsentRequest,
)


class ConsentCalls(Calls):
    """Consent, blocking."""

    def get_consent(self) -> Consent:
        """What the server asks for, where you stand, and what you said so far."""
        return self._unary(methods.GET_CONSENT, GetConsentRequest()).consent

    def give_consent(self, policy_version: str) -> Consent:
        """Consent to a version of the server's policy; returns where you stand now.

        Raises InvalidFormat where the server asks for another version.
        """
        request = GiveConsentRequest(policy_version=policy_version)
        return self._unary(methods.GIVE_CONSENT, request).consent

    def withdraw_consent(self) -> Consent:
        """End consent to every version; returns where you stand now. Deletes nothing."""
        return self._unary(methods.WITHDRAW_CONSENT, WithdrawConsentRequest()).consent


class AsyncConsentCalls(AsyncCalls):
    """Consent, for asyncio."""

    async def get_consent(self) -> Consent:
        """What the server asks for, where you stand, and what you said so far."""
        return (await self._unary(methods.GET_CONSENT, GetConsentRequest())).consent

    async def give_consent(self, policy_version: str) -> Consent:
        """Consent to a version of the server's policy; returns where you stand now.

        Raises InvalidFormat where the server asks for another version.
        """
        request = GiveConsentRequest(policy_version=policy_version)
        return (await self._unary(methods.GIVE_CONSENT, request)).consent

    async def withdraw_consent(self) -> Consent:
        """End consent to every version; returns where you stand now. Deletes nothing."""
        return (await self._unary(methods.WITHDRAW_CONSENT, WithdrawConsentRequest())).consent
