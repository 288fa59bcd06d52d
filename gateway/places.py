"""The two places that a gateway runs in. They differ in addresses and folders alone."""

from __future__ import annotations

from pathlib import Path

from .options import Endpoint, GatewayOptions, Pages, Tls

FOLDER = Path("/etc/envoy/edge")
PAGES_AT = Path("/srv/app")
CERTIFICATES = Path("/run/tls")
"""Where the container has its configuration, the web app, and `tls.crt` with `tls.key`."""

SERVER = Endpoint("server", 50051)
"""The service's name in docker-compose.yml: it stands for all its replicas."""


def on_this_machine(
    listen: Endpoint,
    workers: tuple[Endpoint, ...],
    admin: Endpoint,
    *,
    origins: tuple[str, ...] = (),
    pages: Path | None = None,
    tls: Tls | None = None,
    upstream_ca: Path | None = None,
) -> GatewayOptions:
    """In front of workers of this machine, each known by its port."""
    return GatewayOptions(
        listen=listen,
        upstreams=workers,
        admin=admin,
        origins=origins,
        pages=None if pages is None else Pages(pages),
        tls=tls,
        upstream_ca=upstream_ca,
    )


def in_a_container(
    *, origins: tuple[str, ...] = (), pages: Path | None = None, tls: bool = False
) -> GatewayOptions:
    """In front of replicas that a name stands for."""
    return GatewayOptions(
        listen=Endpoint("0.0.0.0", 8443 if tls else 8080),  # noqa: S104 - of the container alone
        upstreams=(SERVER,),
        resolve=True,
        admin=Endpoint("127.0.0.1", 9901),
        origins=origins,
        pages=None if pages is None else Pages(pages, PAGES_AT),
        tls=Tls(CERTIFICATES / "tls.crt", CERTIFICATES / "tls.key") if tls else None,
    )
