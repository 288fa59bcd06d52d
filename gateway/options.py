"""What can be chosen about the gateway. Nothing here is read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

HEARTBEAT_S = 15.0
"""The server's own default: a stream that is alive is never silent for longer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens. A name that stands for several addresses means all of them."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate chain and its key, PEM, in one folder.

    Envoy reads both again when something is renamed into their folder, so a new pair is written
    beside the old one and moved over it. Raises ValueError where they are in two folders.
    """

    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        if self.certificate.parent != self.key.parent:
            raise ValueError("certificate and key have to be in one folder, which is watched")

    @property
    def folder(self) -> Path:
        """Where both are."""
        return self.certificate.parent


@dataclass(frozen=True, slots=True)
class Pages:
    """The built web app. `served_at` is where Envoy finds the same files, if elsewhere."""

    folder: Path
    served_at: Path | None = None


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One gateway. Times are in seconds.

    Attributes:
        listen: Where callers come in.
        upstreams: The workers, each by its own port: one HTTP/2 connection would pin everything
            to one worker otherwise.
        folder: Where Envoy finds the other files that `launch.prepare` writes.
        admin: Envoy's own pages; on loopback only, since whoever reaches them can end it.
        resolve: Whether upstreams are names to look up again and again (containers).
        origins: Web origins, such as "https://ops.example", that may call; exact, none by default.
        pages: The built web app; None serves none.
        tls: None is plain HTTP.
        upstream_ca: PEM file of whom to believe about the workers; None speaks plain HTTP/2.
        idle_s: A stream on which nothing moved for so long is ended; above the server's heartbeat.
        drain_s: How long streams may go on when Envoy is told to go away.

    Raises ValueError.
    """

    listen: Endpoint
    upstreams: tuple[Endpoint, ...]
    folder: Path = Path()
    admin: Endpoint | None = None
    resolve: bool = False
    origins: tuple[str, ...] = ()
    pages: Pages | None = None
    tls: Tls | None = None
    upstream_ca: Path | None = None
    idle_s: float = 90.0
    drain_s: float = 30.0

    def __post_init__(self) -> None:
        if self.admin is not None and not self.admin.is_loopback:
            raise ValueError(f"Envoy's admin page is for loopback only, not for {self.admin.host}")
        if self.idle_s <= HEARTBEAT_S:
            raise ValueError(f"idle_s has to be above the server's heartbeat of {HEARTBEAT_S:g} s")
        if any("*" in one or not one.startswith(("http://", "https://")) for one in self.origins):
            raise ValueError("origins are exact, such as https://ops.example")
