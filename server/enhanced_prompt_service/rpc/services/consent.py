"""ConsentService: whether something of the caller may be stored."""

from __future__ import annotations

from enhanced_prompt.v1 import consent_service_pb2 as pb

from ...domain.consent import Consent, Consents
from ..call import Call
from ..convert.consent import consent_message


class ConsentService:
    """All of it."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents

    async def GetConsent(self, request: pb.GetConsentRequest, call: Call) -> pb.GetConsentResponse:  # noqa: N802
        """Where the caller stands."""
        del request
        found = await self._consents.read(call.caller)
        return pb.GetConsentResponse(consent=self._message(found))

    async def GiveConsent(  # noqa: N802
        self, request: pb.GiveConsentRequest, call: Call
    ) -> pb.GiveConsentResponse:
        """Consent to a version of the policy."""
        call.noted["policy_version"] = request.policy_version
        found = await self._consents.give(call.caller, request.policy_version)
        return pb.GiveConsentResponse(consent=self._message(found))

    async def WithdrawConsent(  # noqa: N802
        self, request: pb.WithdrawConsentRequest, call: Call
    ) -> pb.WithdrawConsentResponse:
        """End consent to every version."""
        del request
        found = await self._consents.withdraw(call.caller)
        call.noted["policy_version"] = found.policy_version
        return pb.WithdrawConsentResponse(consent=self._message(found))

    def _message(self, found: Consent) -> pb.Consent:
        return consent_message(found, required=self._consents.required)
