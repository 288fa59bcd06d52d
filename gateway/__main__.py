"""`python -m gateway`: render a configuration, or serve in front of a server that runs here.

python -m gateway serve --home .eps            # workers from EPS_HOME/server.json
python -m gateway render --upstream server:50051 --resolve --listen 0.0.0.0:8080 FOLDER
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .launch import Gateway, GatewayFailedError, loopback, prepare, validate
from .options import Endpoint, GatewayOptions, Tls

_SEARCH = 20


def main(arguments: Sequence[str]) -> int:
    """Run; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return _render(given) if given.command == "render" else _serve(given)
    except (GatewayFailedError, OSError, ValueError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1


def _render(given: argparse.Namespace) -> int:
    config = prepare(
        GatewayOptions(
            listen=endpoint(given.listen),
            upstreams=tuple(endpoint(one) for one in given.upstream),
            descriptors=Path("contract.pb"),
            admin=endpoint(given.admin),
            resolve=given.resolve,
            origins=tuple(given.origin),
            pages=given.pages,
            tls=None if given.tls is None else Tls(*(Path(one) for one in given.tls)),
        ),
        given.folder,
    )
    wrong = validate(config) if given.validate else None
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


def _serve(given: argparse.Namespace) -> int:
    """In front of the server of a home, until SIGTERM or SIGINT."""
    home: Path = given.home
    record: dict[str, Any] = json.loads((home / "server.json").read_text())
    workers = record.get("workers") or [record]
    listen = free(endpoint(given.listen))
    options = GatewayOptions(
        listen=listen,
        upstreams=tuple(endpoint(one["address"]) for one in workers),
        descriptors=Path(),
        admin=free(loopback(listen.port + 1)),
        origins=tuple(given.origin),
        pages=given.pages,
    )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ended.set())
    folder = home / "gateway"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "envoy.log").open("ab") as log,
        Gateway(options, folder, log) as gateway,
    ):
        print(json.dumps({"event": "serving", "address": gateway.address}), flush=True)
        while not ended.wait(1.0):
            if not gateway.alive:
                raise GatewayFailedError(f"Envoy has ended; see {folder / 'envoy.log'}")
    return 0


def endpoint(text: str) -> Endpoint:
    """From `host:port`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Endpoint(host.strip("[]"), int(port))


def free(wanted: Endpoint) -> Endpoint:
    """The first free port from the wanted one on. Raises OSError."""
    for port in range(wanted.port, min(wanted.port + _SEARCH, 65535) + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((wanted.host, port))
            except OSError:
                continue
            return Endpoint(wanted.host, port)
    raise OSError(f"no free port on {wanted.host} from {wanted.port} on")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write envoy.json and contract.pb into a folder")
    render.add_argument("folder", type=Path)
    render.add_argument("--upstream", action="append", required=True, metavar="HOST:PORT")
    render.add_argument("--resolve", action="store_true", help="upstreams are names")
    render.add_argument("--admin", default="127.0.0.1:9901", metavar="HOST:PORT")
    render.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    render.add_argument("--validate", action="store_true", help="let Envoy look at it")
    serve = commands.add_parser("serve", help="an Envoy in front of the server that runs here")
    serve.add_argument("--home", type=Path, default=Path(".eps"))
    for one in (render, serve):
        one.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
        one.add_argument("--origin", action="append", default=[], help="a web origin that may call")
        one.add_argument("--pages", type=Path, help="folder of the built web app")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
