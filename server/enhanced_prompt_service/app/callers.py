"""Who calls, what they may take, and what is written down about it."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from ..config import Settings
from ..domain.consent import Consents
from ..domain.identity import Caller
from ..domain.limits import LimitRules, Share
from ..machine import Headroom, memory_size
from ..rpc import access
from ..rpc.audit import AuditTrail
from ..rpc.limits import LimitsInterceptor
from ..rpc.tls import TlsFiles
from ..turns import Turns
from .base import Base

if TYPE_CHECKING:
    from ..rpc.identity import Identities


def identities(base: Base) -> Identities | None:
    """Who calls; None where nobody is asked."""
    settings, stores, real_clock = base.settings, base.stores, base.real_clock
    if not settings.identity_configured:
        return None
    # Cryptography and tokens are imported only where somebody is asked.
    from ..rpc.identity import identities_of

    secret = settings.jwt_secret
    return identities_of(
        keys=stores.keys if settings.api_keys else None,
        jwks=settings.jwt_jwks,
        secret="" if secret is None else secret.get_secret_value(),
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
        skew_s=settings.jwt_skew_s,
        claims=settings.jwt_claims,
        certificates=settings.tls_client_ca is not None,
        anonymous_tenant=settings.anonymous_tenant,
        gateways=settings.trusted_gateways,
        now=real_clock.now,
        monotonic=time.monotonic,
        new_id=lambda: uuid.uuid4().hex,
        log=structlog.get_logger("eps.identity"),
    )


def _headroom(settings: Settings) -> Callable[[], bool]:
    """Whether memory is short: by default where this process takes its share of three quarters of
    what there is."""
    most = settings.limit_memory_bytes
    if most is None:
        most = memory_size() * 3 // 4 // settings.workers
    if not most:
        return lambda: False
    log = structlog.get_logger("eps")

    def changed(tight: bool, taken: int) -> None:
        if tight:
            log.warning("memory is short: nothing new is begun", bytes=taken, most=most)
        else:
            log.info("memory is not short any more", bytes=taken, most=most)

    return Headroom(most, changed=changed).tight


@asynccontextmanager
async def limits(settings: Settings, turns: Turns) -> AsyncGenerator[LimitsInterceptor | None]:
    """What callers may take; None where nobody counts."""
    if not settings.limited:
        yield None
        return
    rules = LimitRules(
        user=Share(settings.limit_questions, settings.limit_calls, settings.limit_streams),
        tenant=Share(
            settings.limit_tenant_questions,
            settings.limit_tenant_calls,
            settings.limit_tenant_streams,
        ),
        anonymous=Share(settings.limit_anonymous_questions, 60, 5),
        user_turns=settings.limit_turns,
        all_turns=settings.limit_all_turns,
    )
    from ..bus.budgets import MemoryBudgets, RedisBudgets

    budgets = local = MemoryBudgets()
    shared = None
    if settings.redis_url:
        budgets = shared = RedisBudgets(settings.redis_url, local, prefix=settings.redis_prefix)
    try:
        yield LimitsInterceptor(
            rules,
            budgets,
            running=lambda: turns.running,
            running_of=turns.running_of,
            tight=_headroom(settings),
        )
    finally:
        if shared is not None:
            await shared.close()


def consents(base: Base) -> Consents:
    """Whether something of a user may be stored."""
    return Consents(
        base.stores.consents,
        base.settings.consent_policy,
        now=base.real_clock.now,
        monotonic=time.monotonic,
    )


@asynccontextmanager
async def trail(base: Base) -> AsyncGenerator[AuditTrail | None]:
    """Writes down what callers do, as long as the block lasts; None where nobody is asked."""
    if not base.settings.identity_configured:
        yield None
        return
    made = AuditTrail(base.stores.audit, structlog.get_logger("eps.audit"))
    async with made.writing():
        yield made


def auditors(settings: Settings) -> Callable[[Caller], bool]:
    """Who may look at, and change, what belongs to other users of the tenant."""
    return access.may_audit if settings.identity_configured else lambda _: False


def tls(settings: Settings) -> TlsFiles | None:
    """The server's certificate, None for plain text."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
