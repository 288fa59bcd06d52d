"""From descriptors to handlers: every RPC of a service has one, built or not.

The rings of the guard and the interceptors between them are put together once, at the start, for
each method; a call then costs a look-up. (`grpc.aio.server(interceptors=...)` would build the same
chain for each call, and registered methods cost the accept loop one future each: docs/decisions.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_interceptor.server import AsyncServerInterceptor

from ..domain.errors import Unimplemented
from ._handlers import make_handler
from .call import Call
from .guard import Check, Guard, serialise


@dataclass(frozen=True, slots=True)
class Method:
    """A handler with nothing around it yet. `check` judges each of its request messages."""

    path: str
    handler: Any
    check: Check | None = None


class _Details:
    """What grpc-interceptor reads of grpc's call details when it wraps a handler."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()


class Methods(grpc.GenericRpcHandler):  # pyright: ignore[reportMissingTypeArgument]
    """All methods of a server, wrapped. Unknown ones get a handler that says so."""

    def __init__(self, handlers: Mapping[str, Any], unknown: Any) -> None:
        self._handlers = dict(handlers)
        self._unknown = unknown

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a call; never None, so nothing ends in grpc's own words."""
        return self._handlers.get(handler_call_details.method, self._unknown)


async def compose(
    methods: Iterable[Method], guard: Guard, interceptors: Sequence[AsyncServerInterceptor] = ()
) -> Methods:
    """Put the guard's rings around each method, and the interceptors between them.

    The first interceptor is the outermost.
    """

    async def wrapped(method: Method) -> Any:
        handler = guard.open(method.handler, method.check)
        for interceptor in reversed(interceptors):
            wrap = cast(Any, interceptor).intercept_service
            handler = await wrap(_continuation(handler), _Details(method.path))
        return guard.close(method.path, handler)

    handlers = {method.path: await wrapped(method) for method in methods}
    return Methods(handlers, await wrapped(Method("unknown", _unknown_handler())))


def _continuation(handler: Any) -> Any:
    async def give(_: Any) -> Any:
        return handler

    return give


# ---- services of the contract -------------------------------------------------------------------


class Checks(Protocol):
    """Makes the check of a message type, once, at the start."""

    def check_for(self, message: type[Any]) -> Check | None:
        """None where nothing of the type can be wrong."""
        ...


def methods_of(service: ServiceDescriptor, servicer: object | None, checks: Checks) -> list[Method]:
    """A method for each RPC of a service.

    An RPC is served by the servicer's coroutine of the same name, `(request, call)` or, where the
    client streams, `(requests, call)`; streaming answers are written with `call.write`. Those that
    the servicer does not have answer UNIMPLEMENTED with a reason.
    """
    return [_method(service, one, servicer, checks) for one in service.methods]


def built(service: ServiceDescriptor, servicer: object | None) -> list[str]:
    """Names of the RPCs that a servicer really serves."""
    return [one.name for one in service.methods if hasattr(servicer, one.name)]


def _method(
    service: ServiceDescriptor, rpc: MethodDescriptor, servicer: object | None, checks: Checks
) -> Method:
    path = f"/{service.full_name}/{rpc.name}"
    request = message_factory.GetMessageClass(rpc.input_type)
    behaviour = getattr(servicer, rpc.name, None)
    check = None if behaviour is None else checks.check_for(request)
    if behaviour is None:
        behaviour = _not_built(f"{service.name}.{rpc.name}")
    handler = make_handler(
        behaviour,
        request_streaming=rpc.client_streaming,
        response_streaming=rpc.server_streaming,
        parse=request.FromString,
        serialise=serialise,
    )
    return Method(path, handler, check)


def _not_built(name: str) -> Any:
    async def refuse(_: Any, call: Call) -> None:
        raise Unimplemented(
            f"{name} is in the contract and not built yet", metadata={"method": name}
        )

    return refuse


def _unknown_handler() -> Any:
    async def refuse(_: Any, call: Call) -> None:
        raise Unimplemented("this server has no such method")

    return make_handler(refuse, request_streaming=True, response_streaming=True)


# ---- services of others -------------------------------------------------------------------------


class Collector:
    """Stands where generated `add_…_to_server` functions expect a server; keeps the handlers."""

    def __init__(self) -> None:
        self.methods: list[Method] = []

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Any) -> None:
        """Nothing: the registered ones are the same."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Any) -> None:
        """Keep each method of a service."""
        self.methods.extend(
            Method(f"/{service_name}/{name}", handler) for name, handler in method_handlers.items()
        )
