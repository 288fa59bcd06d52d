"""grpc-interceptor's base class, brought to see the whole of a call on streams too.

`AsyncServerInterceptor` 0.15.4 turns every streaming handler into an async generator. An outer
interceptor that awaits such an inner one gets the generator back *before* the handler ran, and
what it does "after" the call happens before it. So each of ours runs the call to its end inside
`intercept`, and gives nothing back to iterate: frames go through `call.write`, not through one
generator an interceptor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc_interceptor.server import AsyncServerInterceptor

from ..call import Call
from ..guard import drive


class CallInterceptor(AsyncServerInterceptor):
    """Does something when a call starts and when it has ended, on all four kinds of RPC.

    `on_start` may refuse the call by raising one of `grpc_interceptor.exceptions` or a domain
    error. `on_end` gets what the handler raised, None where it returned.
    """

    async def on_start(self, call: Call) -> None:
        """Before the handler and the interceptors inside of this one."""

    async def on_end(self, call: Call, error: BaseException | None) -> None:
        """After them, whatever happened. Also runs while the call is being cancelled."""

    async def intercept(
        self,
        method: Callable[..., Any],
        request_or_iterator: Any,
        context: Any,
        method_name: str,
    ) -> Any:
        """Not overridden by subclasses."""
        del method_name  # the call knows it
        call: Call = context
        try:
            await self.on_start(call)
            response = await drive(method(request_or_iterator, call), call)
        except BaseException as error:
            await self.on_end(call, error)
            raise
        await self.on_end(call, None)
        return response
