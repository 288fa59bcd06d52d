"""One caller a call, from whatever it brings.

The first of these that is there decides, and where it is bad nothing else is tried:
`authorization: Bearer` with a token or an API key, `x-api-key`, a client certificate; then
anonymous, where that is allowed. Only an identity that is listed as a gateway may speak for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from ...domain.credentials import PREFIX
from ...domain.errors import (
    PermissionDenied,
    Reason,
    ServiceError,
    Unauthenticated,
    Unavailable,
)
from ...domain.identity import HOME_TENANT, LOG_ID, Caller, Identity, Role, is_name
from ..access import check, is_public
from ..call import Call
from ..live import LiveCalls
from .api_keys import ApiKeys
from .certificates import Certificates
from .context import context_of
from .tokens import Tokens, expired

TENANT = "x-tenant"
"""Metadata that chooses a tenant, for those who may act in several."""

_NOBODY = Caller(tenant="", user="", role=Role.ANONYMOUS, cameras=frozenset(), sites=frozenset())
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways in which callers may prove who they are; None and False: not this one.

    Attributes:
        tokens: Bearer tokens.
        keys: API keys.
        certificates: Client certificates, which TLS has checked.
        anonymous_tenant: The tenant that callers without credentials may look at; "": none.
        gateways: Identities that may speak for others, `kind:tenant/user` each.
    """

    tokens: Tokens | None = None
    keys: ApiKeys | None = None
    certificates: Certificates | None = None
    anonymous_tenant: str = ""
    gateways: frozenset[str] = frozenset()


class Identities:
    """Resolves callers, and ends the calls of those whose identity ends (design 3, rule 24)."""

    def __init__(
        self,
        ways: Ways,
        *,
        now: Callable[[], datetime],
        new_log_id: Callable[[], str],
        log: structlog.typing.FilteringBoundLogger,
        look_s: float = 1.0,
    ) -> None:
        self._ways = ways
        self._now = now
        self._new_log_id = new_log_id
        self._log = log
        self._look_s = look_s

    async def resolve(self, call: Call) -> Caller:
        """Who calls; `call.identity` and `call.renew` are set as well. Raises Unauthenticated,
        PermissionDenied for a tenant that is not the caller's."""
        if is_public(call.method):
            return _NOBODY
        identity = await self._identify(call)
        call.renew = lambda token: self._renew(call, token)
        return self._enter(call, identity)

    async def _identify(self, call: Call) -> Identity:
        metadata = call.metadata
        proofs = [
            value for key, value in metadata if key in ("authorization", "x-api-key") and value
        ]
        if len(proofs) > 1:
            raise Unauthenticated("more than one credential: send one")
        if proofs:
            proof = str(proofs[0])
            if proof[: len(_BEARER)].lower() == _BEARER:
                proof = proof[len(_BEARER) :].strip()
            identity = await self._prove(proof)
        else:
            identity = self._of_connection(call)
        if self._name(identity) in self._ways.gateways:
            context = context_of(metadata, new_log_id=self._new_log_id)
            identity = replace(
                identity,
                caller=context.caller,
                tenants=context.tenants,
                every_tenant=context.every_tenant,
            )
        return identity

    async def _prove(self, proof: str) -> Identity:
        ways = self._ways
        if proof.startswith(PREFIX):
            if ways.keys is not None:
                return await ways.keys.verify(proof)
        elif ways.tokens is not None:
            return await ways.tokens.verify(proof)
        raise Unauthenticated("the credentials are not valid here")

    def _of_connection(self, call: Call) -> Identity:
        ways = self._ways
        if ways.certificates is not None:
            connection: Mapping[str, Sequence[bytes]] = call.auth_context() or {}
            pem = connection.get("x509_pem_cert")
            if pem:
                return ways.certificates.verify(pem[0])
        if ways.anonymous_tenant:
            # Of one address each: they do not read each other's conversations.
            host = str(call.peer()).rpartition(":")[0] or "unknown"
            caller = Caller(
                tenant=ways.anonymous_tenant, user=f"anonymous {host}", role=Role.ANONYMOUS
            )
            return Identity(caller, "anonymous")
        raise Unauthenticated(
            "this server wants to know who calls: send `authorization: Bearer …`",
            reason=Reason.CREDENTIALS_MISSING,
        )

    @staticmethod
    def _name(identity: Identity) -> str:
        return f"{identity.kind}:{identity.caller.tenant}/{identity.caller.user}"

    def _enter(self, call: Call, identity: Identity) -> Caller:
        """The caller in the tenant that it chooses."""
        wanted = call.header(TENANT) or identity.caller.tenant
        if not is_name(wanted) or not identity.may_choose(wanted):
            raise PermissionDenied("this tenant is not yours to choose", "tenant")
        caller = identity.within(wanted)
        call.identity = identity
        if wanted != identity.caller.tenant:
            call.noted[HOME_TENANT] = identity.caller.tenant
        if log_id := caller.attribute(LOG_ID):
            call.noted[LOG_ID] = log_id
            structlog.contextvars.bind_contextvars(log_id=log_id)
        return caller

    async def _renew(self, call: Call, token: str) -> None:
        """Go on under a newer proof of the same identity."""
        known = call.identity
        assert known is not None
        identity = await self._prove(token)
        same = (known.kind, known.caller.tenant, known.caller.user)
        if self._name(identity) in self._ways.gateways or same != (
            identity.kind,
            identity.caller.tenant,
            identity.caller.user,
        ):
            raise Unauthenticated("a new token has to be the same caller's")
        caller = self._enter(call, identity)
        check(call.method, caller)
        call.caller = caller

    # ---- rule 24 ------------------------------------------------------------------------------

    @asynccontextmanager
    async def watching(self, live: LiveCalls) -> AsyncGenerator[None]:
        """While the block lasts, keys are kept up to date and calls end with their identity.

        Raises OSError where a file of keys can't be read.
        """
        tokens = self._ways.tokens
        if tokens is not None:
            await tokens.keyring.begin()
        every_s = None if tokens is None else tokens.keyring.every_s
        own = {asyncio.create_task(self._watch(live), name="identities")}
        if tokens is not None and every_s is not None:
            own.add(asyncio.create_task(self._refresh(tokens, every_s), name="token keys"))
        try:
            yield
        finally:
            for task in own:
                task.cancel()
            await asyncio.wait(own)

    async def _refresh(self, tokens: Tokens, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await tokens.keyring.refresh()

    async def _watch(self, live: LiveCalls) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            for task, call in live.under_way():
                if call.identity is None:
                    continue
                try:
                    error = await self.ended(call.identity)
                except Unavailable:
                    continue  # not known is not ended
                except Exception as unexpected:
                    self._log.error("identity can't be judged", exc_info=unexpected)
                    continue
                if error is not None:
                    live.expel(task, error)

    async def ended(self, identity: Identity) -> ServiceError | None:
        """Why an identity does not hold any more; None where it does."""
        if identity.expires_at is not None and identity.expires_at <= self._now():
            return expired()
        ways = self._ways
        if identity.kind == "key" and ways.keys is not None:
            return await ways.keys.ended(identity)
        if identity.kind == "token" and ways.tokens is not None:
            return ways.tokens.ended(identity)
        return None
