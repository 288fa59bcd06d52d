"""Nothing of a user is stored without consent, where the server asks for it.

Which calls store something stands in `access`. Those that only may (a chat opens without a
prompt) get `call.consented`, and ask when it comes to it.
"""

from __future__ import annotations

from ..domain.consent import Consents
from .access import Keeps, rule_of
from .call import Call
from .interceptors import CallInterceptor


class ConsentInterceptor(CallInterceptor):
    """Refuses with FAILED_PRECONDITION (CONSENT_REQUIRED). Stands inside of identity and limits:
    what it refuses has been counted."""

    def __init__(self, consents: Consents) -> None:
        self._consents = consents

    async def on_start(self, call: Call) -> None:
        """Raises Conflict."""
        keeps = rule_of(call.method).keeps
        if keeps is Keeps.ALWAYS:
            await self._consents.need(call.caller)
        elif keeps is Keeps.MAYBE:
            call.consented = lambda: self._consents.need(call.caller)
