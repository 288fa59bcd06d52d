"""Who calls, and whether they may: resolved once a call, before any handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...domain.identity import Caller
from .. import access
from ..call import Call
from ._base import CallInterceptor

Resolve = Callable[[Call], Awaitable[Caller]]
"""Gives the caller of a call, from its metadata and peer, or raises
`domain.errors.Unauthenticated`."""


async def default_caller(call: Call) -> Caller:
    """Without identity there is one tenant and one user; the server then listens on loopback."""
    del call
    return Caller()


class IdentityInterceptor(CallInterceptor):
    """Sets `call.caller`, and holds it to the table of roles."""

    def __init__(self, resolve: Resolve = default_caller) -> None:
        self._resolve = resolve

    async def on_start(self, call: Call) -> None:
        """Ask `resolve`. Raises Unauthenticated and PermissionDenied."""
        call.caller = await self._resolve(call)
        access.check(call.method, call.caller)
