"""`python -m gateway`: render a configuration, or serve in front of a server that runs here.

python -m gateway serve --home .eps           # workers from EPS_HOME/server.json
python -m gateway render --worker 10.0.0.5:50051 --listen 0.0.0.0:8080 FOLDER
python -m gateway render --container FOLDER   # as docker-compose.yml runs it
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
from .options import Endpoint, Tls
from .places import FOLDER, in_a_container, on_this_machine

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
    origins = tuple(given.origin)
    if given.container:
        options = in_a_container(origins=origins, pages=given.pages, tls=given.with_tls)
        config = prepare(options, given.folder, FOLDER)
    else:
        options = on_this_machine(
            endpoint(given.listen),
            tuple(endpoint(one) for one in given.worker),
            endpoint(given.admin),
            origins=origins,
            pages=given.pages,
            tls=_tls(given.tls),
            upstream_ca=given.upstream_ca,
        )
        config = prepare(options, given.folder)
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
    options = on_this_machine(
        listen,
        tuple(endpoint(one["address"]) for one in workers),
        free(loopback(listen.port + 1)),
        origins=tuple(given.origin),
        pages=given.pages,
        tls=_tls(given.tls),
        upstream_ca=given.upstream_ca,
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


def _tls(given: Sequence[str] | None) -> Tls | None:
    return None if given is None else Tls(*(Path(one).absolute() for one in given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="write what Envoy reads into a folder")
    render.add_argument("folder", type=Path)
    render.add_argument("--worker", action="append", default=[], metavar="HOST:PORT")
    render.add_argument("--admin", default="127.0.0.1:9901", metavar="HOST:PORT")
    render.add_argument("--container", action="store_true", help="addresses of docker-compose.yml")
    render.add_argument("--with-tls", action="store_true", help="of the container: port 8443")
    render.add_argument("--validate", action="store_true", help="let Envoy look at it")
    serve = commands.add_parser("serve", help="an Envoy in front of the server that runs here")
    serve.add_argument("--home", type=Path, default=Path(".eps"))
    for one in (render, serve):
        one.add_argument("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
        one.add_argument("--origin", action="append", default=[], help="a web origin that may call")
        one.add_argument("--pages", type=Path, help="folder of the built web app")
        one.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"), help="in one folder")
        one.add_argument("--upstream-ca", type=Path, help="workers speak TLS; whom to believe")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
