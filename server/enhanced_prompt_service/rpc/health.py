"""grpc.health.v1, with a Watch that ends."""

# The stubs of grpcio-health-checking leave its asyncio servicer out.
# pyright: reportUnknownMemberType=false, reportUntypedBaseClass=false
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from grpc_health.v1 import health, health_pb2

from .call import Call

_SERVING: Any = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Any = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Any = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


_Servicer: Any = cast(Any, health).aio.HealthServicer


class Health(_Servicer):
    """Health of the server ("") and of each service. Nothing serves until it is said to.

    grpcio-health-checking's `Watch` never ends by itself and would hold `server.stop` to the end
    of its grace; this one says NOT_SERVING at the shutdown, and ends. `List` is missing there.
    """

    def __init__(self, services: Iterable[str]) -> None:
        super().__init__()
        self._statuses: dict[str, Any] = dict.fromkeys(("", *services), _NOT_SERVING)
        self._server_status = dict(self._statuses)
        self._changed = asyncio.Condition()
        self._closing = False

    async def serving(self, services: Iterable[str], *, serving: bool = True) -> None:
        """Say that services (and "", the server) are ready, or are not. No effect when closing."""
        for service in services:
            await self.set(service, _SERVING if serving else _NOT_SERVING)

    async def set(self, service: str, status: Any) -> None:
        """Set one status."""
        if self._closing:
            return
        await super().set(service, status)
        await self._note({service: status})

    async def enter_graceful_shutdown(self) -> None:
        """NOT_SERVING for good; every Watch ends."""
        if self._closing:
            return
        await super().enter_graceful_shutdown()
        self._closing = True
        await self._note(dict.fromkeys(self._statuses, _NOT_SERVING))

    async def _note(self, statuses: dict[str, Any]) -> None:
        async with self._changed:
            self._statuses.update(statuses)
            self._changed.notify_all()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802
        """The status, and each change of it, until the shutdown."""
        call: Call = context
        last: Any = None
        while True:
            async with self._changed:
                while (status := self._status(request.service)) == last and not self._closing:
                    await self._changed.wait()
            if status != last:
                last = status
                await call.write(health_pb2.HealthCheckResponse(status=status))
            elif self._closing:
                return

    def _status(self, service: str) -> Any:
        return self._statuses.get(service, _UNKNOWN)

    async def List(self, request: Any, context: Any) -> Any:  # noqa: N802
        """All statuses at once."""
        del request, context
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._statuses.items()
            }
        )
