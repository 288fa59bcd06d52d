"""Any RPC of the contract by its path, with messages in and out and any token."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from enhanced_prompt_service.rpc.server import contract_services

METHODS: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{method.name}": method
    for service in contract_services()
    for method in service.methods
}
"""Every RPC, by its path."""

_DEADLINE_S = 60.0
_ENDLESS: dict[str, Callable[[Any], bool]] = {
    "/enhanced_prompt.v1.InsightService/SubscribeInsights": lambda one: one.HasField("caught_up"),
    "/enhanced_prompt.v1.MetricsService/SubscribeMetrics": lambda one: one.HasField("snapshot"),
    "/enhanced_prompt.v1.CompatService/StreamMetrics": lambda one: b'"system_health"' in one.data,
}
"""Streams that no server ends, and the message after which a test has seen enough."""


def path_of(name: str) -> str:
    """The path of `Service/Method`."""
    return f"/enhanced_prompt.v1.{name}"


@dataclass(frozen=True)
class Told:
    """All that a call said: its messages, and its status, None where it was OK."""

    messages: tuple[Message, ...]
    status: Status | None = None

    @property
    def code(self) -> int:
        """The gRPC code; 0 is OK."""
        return 0 if self.status is None else self.status.code

    @property
    def one(self) -> Any:
        """The only message of a call that was answered."""
        assert self.status is None, self.status
        (found,) = self.messages
        return found


@dataclass(frozen=True)
class Wire:
    """A channel, and the token and other headers that calls over it carry."""

    channel: grpc.Channel
    token: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def call(self, name: str, *requests: Message) -> Told:
        """Call `Service/Method`; client streams are closed after the last request."""
        path = path_of(name)
        found: list[Message] = []
        enough = _ENDLESS.get(path, lambda _: False)
        try:
            answered = self._begin(path, requests)
            if not METHODS[path].server_streaming:
                return Told((answered,))
            with contextlib.closing(_until(answered)) as messages:
                for message in messages:
                    found.append(message)
                    if enough(message):
                        break
        except grpc.RpcError as error:
            return Told(tuple(found), _status_of(error))
        return Told(tuple(found))

    @contextlib.contextmanager
    def following(self, name: str, request: Message) -> Iterator[Iterator[Any]]:
        """The messages of a stream as they come, until the block is left."""
        with contextlib.closing(_until(self._begin(path_of(name), (request,)))) as messages:
            yield messages

    def _begin(self, path: str, requests: tuple[Message, ...]) -> Any:
        """A call: its answer, or its stream."""
        method = METHODS[path]
        kind = ("stream" if method.client_streaming else "unary") + (
            "_stream" if method.server_streaming else "_unary"
        )
        multi = getattr(self.channel, kind)(
            path,
            request_serializer=_serialised,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        shown = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        given = iter(requests) if method.client_streaming else requests[0]
        return multi(given, metadata=shown + self.headers, timeout=_DEADLINE_S)

    def read(self, name: str, *requests: Message) -> Any:
        """The only message of a call that has to be answered."""
        return self.call(name, *requests).one


def _status_of(error: grpc.RpcError) -> Status:
    """Every error says more than a code."""
    found = rpc_status.from_call(error)  # pyright: ignore
    assert found is not None, error
    return found


def _serialised(message: Message) -> bytes:
    return message.SerializeToString()


def _until(stream: Any) -> Iterator[Message]:
    try:
        yield from stream
    finally:
        stream.cancel()
