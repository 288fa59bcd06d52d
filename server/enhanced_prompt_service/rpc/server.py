"""The gRPC server, put together: every service of the contract, health, reflection, one port."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_interceptor.server import AsyncServerInterceptor

import enhanced_prompt.v1

from ..domain.tracing import Tracing
from .guard import Guard
from .health import Health
from .interceptors import (
    CountsCalls,
    DrainingInterceptor,
    IdentityInterceptor,
    LoggingInterceptor,
    MeteringInterceptor,
    RequestIdInterceptor,
    Resolve,
    TracingInterceptor,
    default_caller,
)
from .live import LiveCalls
from .ports import NoFreePortError, is_free, is_loopback, join_address, stop_accepting
from .reflection import reflection_methods
from .registry import Collector, Method, built, compose, methods_of
from .tls import TlsFiles, server_credentials
from .validate import Validator

JUDGED_ONE_BY_ONE = tuple(
    f"enhanced_prompt.v1.{name}"
    for name in (
        "Event",
        "Coverage",
        "ChatPrompt",
        "ChatCancel",
        "ChatClassify",
        "ChatOptimize",
        "ChatGenerate",
        "ChatSaveAsTemplate",
    )
)
"""Bad ones are rejected alone, by their service: the check of the message that holds them (a
batch, a chat's frame) does not look into them."""


class NotLoopbackError(ValueError):
    """Without identity, anybody who reaches the port may ask everything: only this machine may.

    Likewise without TLS, unless somebody says so: whoever is in between could read everything.
    """


@dataclass(frozen=True, slots=True)
class RpcOptions:
    """How a server listens and what it lets through.

    Attributes:
        host: Address to listen on. Without identity only a loopback one is accepted.
        port: 0 takes any free one.
        port_search: How many ports above a taken one are tried.
        reuse_port: Share the port with other workers. Off, a second server cannot bind it silently.
        own_port: A second port, for this worker alone: behind a gateway one connection would
            otherwise pin everything to one worker (design 3, rule 25).
        max_message_bytes: Larger requests are RESOURCE_EXHAUSTED (MESSAGE_TOO_LARGE).
        max_metadata_bytes: Larger request metadata is refused by grpc.
        min_ping_s: Pings of clients that come no closer than this are never punished, also while
            there is no call. grpc's own limit of 5 minutes would cut clients that keep idle
            connections alive through a NAT.
        keepalive_s: The server's own pings, which find clients that vanished.
        reflection: None means on a loopback address only.
        tls: Files of the certificate; None serves in plain text, on loopback.
        insecure: Plain text elsewhere too: a mesh or a tunnel takes care of it.
    """

    host: str = "127.0.0.1"
    port: int = 50051
    port_search: int = 20
    reuse_port: bool = False
    own_port: int | None = None
    max_message_bytes: int = 4 * 1024 * 1024
    max_metadata_bytes: int = 16 * 1024
    min_ping_s: float = 10.0
    keepalive_s: float = 60.0
    keepalive_timeout_s: float = 20.0
    reflection: bool | None = None
    tls: TlsFiles | None = None
    insecure: bool = False


class RpcServer:
    """Serves from `start` to `stop`; nothing is healthy until `ready`.

        async with RpcServer(options, {"PromptService": prompt, ...}, ...) as server:
            print(server.address)
            ...  # warm up
            await server.ready()
            await server.wait()

    `servicers` go by the short names of their services; RPCs that nobody serves answer
    UNIMPLEMENTED with a reason. `new_id` makes request ids, `new_incident` ids of incidents.
    `replica` names this server in the metadata of its answers. `counts` hears of every call,
    `tracing` makes a span for each.
    `interceptors` come inside of request id, log lines and identity, `outside` just before
    identity. A `resolve` other than
    `default_caller` is an identity, and lifts the limit to loopback.
    """

    def __init__(
        self,
        options: RpcOptions,
        servicers: Mapping[str, object],
        *,
        log: structlog.typing.FilteringBoundLogger,
        new_id: Callable[[], str],
        new_incident: Callable[[], str],
        monotonic: Callable[[], float],
        replica: str = "",
        counts: CountsCalls | None = None,
        tracing: Tracing | None = None,
        resolve: Resolve = default_caller,
        interceptors: Sequence[AsyncServerInterceptor] = (),
        outside: Sequence[AsyncServerInterceptor] = (),
    ) -> None:
        if resolve is default_caller and not is_loopback(options.host):
            raise NotLoopbackError(
                f"Without identity configured the server listens on loopback only, not on "
                f"{options.host!r}: whoever reached it could read everything. Use 127.0.0.1 or ::1."
            )
        if options.tls is None and not options.insecure and not is_loopback(options.host):
            raise NotLoopbackError(
                f"Without TLS the server listens on loopback only, not on {options.host!r}: give "
                "it a certificate, or say that plain text is meant."
            )
        services = contract_services()
        known = {service.name for service in services}
        if strangers := sorted(set(servicers) - known):
            raise ValueError(f"the contract has no services {strangers}")
        self._options = options
        self._log = log
        self._servicers = dict(servicers)
        self._services = services
        self.live = LiveCalls()
        self._guard = Guard(
            new_incident=new_incident,
            monotonic=monotonic,
            log=log,
            max_message_bytes=options.max_message_bytes,
            live=self.live,
        )
        self._interceptors: tuple[AsyncServerInterceptor, ...] = (
            RequestIdInterceptor(new_id, replica),
            *(() if tracing is None else (TracingInterceptor(tracing),)),
            LoggingInterceptor(log),
            *(
                ()
                if counts is None
                else (
                    MeteringInterceptor(
                        counts, new_incident, identified=resolve is not default_caller
                    ),
                )
            ),
            DrainingInterceptor(self.live),
            *outside,
            IdentityInterceptor(resolve),
            *interceptors,
        )
        self._server: grpc.aio.Server | None = None
        self._address = ""
        self.health = Health(service.full_name for service in services)

    @property
    def address(self) -> str:
        """`host:port` as it was bound; empty before `start`."""
        return self._address

    @property
    def port(self) -> int:
        """The bound port."""
        return int(self._address.rpartition(":")[2])

    @property
    def reflects(self) -> bool:
        """Whether reflection is on."""
        wanted = self._options.reflection
        return is_loopback(self._options.host) if wanted is None else wanted

    async def start(self) -> str:
        """Bind and serve; returns the address. Raises NoFreePortError, and OSError or
        ValueError for TLS files that are no certificate and its key."""
        aio: Any = grpc.aio
        server = aio.server(options=_channel_options(self._options))
        server.add_generic_rpc_handlers(
            (await compose(self._methods(), self._guard, self._interceptors),)
        )
        tls = self._options.tls
        credentials = None if tls is None else server_credentials(tls, self._log)
        port = _bind(server, self._options, credentials)
        if (own := self._options.own_port) is not None:
            _listen(server, join_address(self._options.host, own), credentials)
        await server.start()
        self._server = server
        self._address = join_address(self._options.host, port)
        return self._address

    async def ready(self) -> None:
        """Everything that is built is SERVING from now on."""
        served = [
            service.full_name
            for service in self._services
            if built(service, self._servicers.get(service.name))
        ]
        await self.health.serving(("", *served))

    async def drain(self) -> None:
        """Say NOT_SERVING and refuse new calls; those under way go on."""
        if self._options.reuse_port:
            stop_accepting(self.port)
        await self.health.enter_graceful_shutdown()
        self.live.close()

    async def stop(self, grace_s: float = 0.0) -> None:
        """Drain, let calls end for so long, tell the rest that they were given up, and close.

        Streams do not end by themselves: whoever holds one open ends it meanwhile (turns drain).
        """
        await self.drain()
        if self._server is None:
            return
        if not await self.live.ended(grace_s):
            self.live.interrupt()
        await self._server.stop(_LAST_WORDS_S)

    async def wait(self) -> None:
        """Until the server has stopped."""
        if self._server is not None:
            await self._server.wait_for_termination()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _methods(self) -> Iterable[Method]:
        validator = Validator(apart=JUDGED_ONE_BY_ONE)
        for service in self._services:
            yield from methods_of(service, self._servicers.get(service.name), validator)
        others = Collector()
        add_health: Any = health_pb2_grpc.add_HealthServicer_to_server
        add_health(self.health, others)
        yield from others.methods
        if self.reflects:
            yield from reflection_methods(
                [*(service.full_name for service in self._services), _HEALTH.full_name]
            )


_LAST_WORDS_S = 1.0
"""For statuses that are on their way when everything has ended; usually nothing is waited for."""

_HEALTH: Any = health_pb2.DESCRIPTOR.services_by_name["Health"]


def contract_services() -> list[ServiceDescriptor]:
    """Every service of the contract, by name: those of all generated modules."""
    found: dict[str, ServiceDescriptor] = {}
    for module in pkgutil.iter_modules(enhanced_prompt.v1.__path__):
        if module.name.endswith("_pb2"):
            generated: Any = importlib.import_module(f"enhanced_prompt.v1.{module.name}")
            found.update(generated.DESCRIPTOR.services_by_name)
    return [found[name] for name in sorted(found)]


def _channel_options(options: RpcOptions) -> list[tuple[str, Any]]:
    return [
        ("grpc.so_reuseport", int(options.reuse_port)),
        # Ours is checked first and told with a reason; grpc's own answer has none.
        ("grpc.max_receive_message_length", 2 * options.max_message_bytes),
        ("grpc.max_metadata_size", options.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", 2 * options.max_metadata_bytes),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", round(options.min_ping_s * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", round(options.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", round(options.keepalive_timeout_s * 1000)),
    ]


def _listen(
    server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None
) -> int:
    if credentials is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, credentials)


def _bind(
    server: grpc.aio.Server, options: RpcOptions, credentials: grpc.ServerCredentials | None
) -> int:
    """The first free port from the wanted one on."""
    wanted = options.port
    last = wanted if wanted == 0 else min(wanted + options.port_search, 65535)
    for port in range(wanted, last + 1):
        if port and not options.reuse_port and not is_free(options.host, port):
            continue  # asked first, because grpc writes to stderr about a port that it cannot get
        try:
            bound = _listen(server, join_address(options.host, port), credentials)
        except RuntimeError:
            continue
        if bound:
            return bound
    raise NoFreePortError(f"no free port on {options.host} from {wanted} to {last}")
