"""`eps source run`: events as they happen, from an MQTT broker, until Ctrl-C."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ..sources.broker_address import Broker, NoBroker, parse_broker
from .session import USAGE, ServerOption, connected, need_server_parts
from .terminal import fail

PASSWORD = "EPS_MQTT_PASSWORD"  # noqa: S105 - the name of the variable

source = typer.Typer(help="Sources that never end.", no_args_is_help=True)
run = typer.Typer(help="Read a source until Ctrl-C.", no_args_is_help=True)
source.add_typer(run, name="run")


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """What is to be read, as the command line says it. `prefix` begins the source's topics, `api`
    is where Frigate answers over HTTP, `clip_base` where people reach it."""

    kind: str
    broker: Broker
    site: str
    prefix: str
    time_zone: str = ""
    camera: str = ""
    api: str = ""
    clip_base: str = ""


MqttOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--mqtt",
        metavar="mqtt[s]://[USER@]HOST[:PORT]",
        help=f"The broker. The password, where it wants one, stands in {PASSWORD}.",
        show_default=False,
    ),
]
SiteOption: TypeAlias = Annotated[
    str, typer.Option(help="The site that its cameras belong to.", show_default=False)
]
ClientIdOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="What the broker keeps the session for. Default: eps-KIND-SITE; two processes with "
        "the same one push each other out."
    ),
]
CaOption: TypeAlias = Annotated[
    str, typer.Option(metavar="PEM", help="Whom to believe about the broker. Default: the system.")
]
CertificateOption: TypeAlias = Annotated[
    str, typer.Option(metavar="PEM", help="Our certificate, where the broker wants one.")
]
KeyOption: TypeAlias = Annotated[str, typer.Option(metavar="PEM", help="Its key.")]
ZoneOption: TypeAlias = Annotated[
    str, typer.Option(help="IANA zone to declare the site with, where it is not declared yet.")
]


@run.command()
def frigate(
    mqtt: MqttOption,
    site: SiteOption,
    server: ServerOption = None,
    prefix: Annotated[str, typer.Option(help="Frigate's topic_prefix.")] = "frigate",
    api: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Frigate's HTTP API: asked after each (re)connection for what was missed, since "
            "Frigate publishes with QoS 0 unless its configuration says otherwise.",
        ),
    ] = "",
    clip_base: Annotated[
        str, typer.Option(metavar="URL", help="Where people reach Frigate. Default: --api.")
    ] = "",
    client_id: ClientIdOption = "",
    ca: CaOption = "",
    certificate: CertificateOption = "",
    key: KeyOption = "",
    time_zone: ZoneOption = "",
) -> None:
    """Frigate's events, its reviews as insights, its cameras' status as coverage."""
    broker = _broker(mqtt, client_id or f"eps-frigate-{site}", ca, certificate, key)
    base = (clip_base or api).rstrip("/")
    _go(server, LiveOrder("frigate", broker, site, prefix, time_zone, api=api, clip_base=base))


@run.command()
def onvif(
    mqtt: MqttOption,
    site: SiteOption,
    server: ServerOption = None,
    prefix: Annotated[
        str, typer.Option(metavar="TOPIC", help="What to subscribe to; `#` for all below.")
    ] = "+/onvif-ej/#",
    camera: Annotated[str, typer.Option(help="The camera of notifications that name none.")] = "",
    client_id: ClientIdOption = "",
    ca: CaOption = "",
    certificate: CertificateOption = "",
    key: KeyOption = "",
    time_zone: ZoneOption = "",
) -> None:
    """Notifications that ONVIF cameras publish as JSON."""
    broker = _broker(mqtt, client_id or f"eps-onvif-{site}", ca, certificate, key)
    _go(server, LiveOrder("onvif", broker, site, prefix, time_zone, camera=camera))


def _broker(address: str, client_id: str, ca: str, certificate: str, key: str) -> Broker:
    for path in filter(None, (ca, certificate, key)):
        if not Path(path).is_file():
            fail(f"{path} does not exist", USAGE)
    try:
        return parse_broker(
            address,
            client_id,
            password=os.environ.get(PASSWORD, ""),
            ca_file=ca,
            certificate_file=certificate,
            key_file=key,
        )
    except NoBroker as error:
        raise typer.BadParameter(str(error), param_hint="--mqtt") from None


def _go(server: str | None, order: LiveOrder) -> None:
    try:
        from .source_job import run as work
    except ImportError as error:
        need_server_parts(error)
        raise
    with connected(server) as client:
        work(client, order)
