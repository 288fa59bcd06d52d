"""Which MQTT broker is meant, and as whom: needs nothing but the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class NoBroker(ValueError):
    """An address that is none of a broker, and why."""


@dataclass(frozen=True, slots=True)
class Broker:
    """An MQTT broker. `client_id` is what the broker keeps a session for: two processes with the
    same one push each other out. Files are PEM; without `ca_file` the system's authorities count.
    """

    host: str
    port: int
    client_id: str
    tls: bool = False
    username: str = ""
    password: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker(
    address: str,
    client_id: str,
    *,
    password: str = "",
    ca_file: str = "",
    certificate_file: str = "",
    key_file: str = "",
) -> Broker:
    """`mqtt://[user@]host[:1883]` or `mqtts://[user@]host[:8883]`. Raises NoBroker.

    A password in the address is refused: other users of a machine see its command lines.
    """
    parts = urlsplit(address if "://" in address else f"mqtt://{address}")
    if parts.scheme not in _PORTS:
        raise NoBroker("must begin with mqtt:// or mqtts://")
    if parts.password is not None:
        raise NoBroker("must hold no password: give it in EPS_MQTT_PASSWORD")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise NoBroker("must be a host and a port, such as mqtt://broker.local:1883")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise NoBroker(str(error)) from error
    tls = parts.scheme == "mqtts"
    if not tls and (ca_file or certificate_file):
        raise NoBroker("must begin with mqtts:// where certificates are given")
    return Broker(
        host=parts.hostname,
        port=port,
        client_id=client_id,
        tls=tls,
        username=unquote(parts.username or ""),
        password=password,
        ca_file=ca_file,
        certificate_file=certificate_file,
        key_file=key_file,
    )
