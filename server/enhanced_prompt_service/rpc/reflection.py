"""Server reflection that also finds methods: `grpcurl describe pkg.Service.Method` asks so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from .registry import Collector, Method

NAME = reflection.SERVICE_NAME


def reflection_methods(services: Iterable[str]) -> list[Method]:
    """The methods of the reflection service, which lists these services and itself."""
    collector = Collector()
    aio: Any = cast(Any, reflection).aio
    add: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    add(aio.ReflectionServicer((*services, NAME), pool=_Pool(descriptor_pool.Default())), collector)
    return collector.methods


class _Pool:
    """A descriptor pool that finds the file of a method by its service; the C pool finds none."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802 - the pool's own name
        """The file that defines a symbol. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            return (
                self._pool.FindServiceByName(service)
                .FindMethodByName(method)
                .containing_service.file
            )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)
