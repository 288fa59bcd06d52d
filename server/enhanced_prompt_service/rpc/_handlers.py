"""grpc's method handlers behind one typed function: its stubs leave their parameters unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import grpc

Behaviour = Callable[[Any, Any], Any]
Parse = Callable[[bytes], Any]
Serialise = Callable[[Any], bytes]

_grpc: Any = cast(Any, grpc)

_FACTORIES: dict[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): _grpc.unary_unary_rpc_method_handler,
    (False, True): _grpc.unary_stream_rpc_method_handler,
    (True, False): _grpc.stream_unary_rpc_method_handler,
    (True, True): _grpc.stream_stream_rpc_method_handler,
}


def make_handler(
    behaviour: Behaviour,
    *,
    request_streaming: bool,
    response_streaming: bool,
    parse: Parse | None = None,
    serialise: Serialise | None = None,
) -> Any:
    """A `grpc.RpcMethodHandler` of one of the four kinds. None passes bytes through."""
    return _FACTORIES[request_streaming, response_streaming](
        behaviour, request_deserializer=parse, response_serializer=serialise
    )


def like(handler: Any, behaviour: Behaviour, parse: Parse | None) -> Any:
    """The same kind of handler with another behaviour and parser."""
    return make_handler(
        behaviour,
        request_streaming=handler.request_streaming,
        response_streaming=handler.response_streaming,
        parse=parse,
        serialise=handler.response_serializer,
    )


def behaviour_of(handler: Any) -> Behaviour:
    """The one behaviour that a handler has."""
    return (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
