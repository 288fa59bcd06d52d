"""What can be chosen about the gateway. Nothing here is read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens. A name that stands for several addresses means all of them."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate chain and its key, PEM; Envoy reads them again when they change."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One gateway. Times are in seconds.

    Attributes:
        listen: Where callers come in.
        upstreams: The workers, each by its own port: one HTTP/2 connection would pin everything
            to one worker otherwise.
        descriptors: File of the contract's descriptor set.
        admin: Envoy's own pages; on loopback only.
        resolve: Whether upstreams are names to look up again and again (containers).
        origins: Web origins, such as "https://ops.example", that may call; exact, none by default.
        pages: Folder of the built web app; None serves none.
        tls: None is plain HTTP.
        idle_s: A stream on which nothing moved for so long is ended; above the server's heartbeat.
        drain_s: How long streams may go on when Envoy is told to end.
    """

    listen: Endpoint
    upstreams: tuple[Endpoint, ...]
    descriptors: Path
    admin: Endpoint | None = None
    resolve: bool = False
    origins: tuple[str, ...] = ()
    pages: Path | None = None
    tls: Tls | None = None
    idle_s: float = 90.0
    drain_s: float = 30.0
