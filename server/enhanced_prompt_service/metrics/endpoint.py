"""GET /metrics, on threads of its own: a look at the numbers never holds up the event loop."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

_SILENT_S = 5.0
"""A client that says nothing for so long is let go."""


class Endpoint:
    """Serves one registry over HTTP. `host` and `port` as given; the bound port is in `port`."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int, search: int) -> None:
        self._registry = registry
        self._host = host.strip("[]")
        self._wanted = port
        self._search = search
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The bound port, 0 before `start`."""
        return 0 if self._server is None else int(self._server.server_address[1])

    def start(self) -> None:
        """Bind the first free port from the wanted one on. Raises OSError where there is none."""
        last = self._wanted if not self._wanted else min(self._wanted + self._search, 65535)
        for port in range(self._wanted, last + 1):
            try:
                self._server = _Server(self._host, port, self._registry)
                break
            except OSError:
                if port == last:
                    raise
        assert self._server is not None
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics"
        )
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; returns when the thread has ended."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.registry = registry
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """As a plain TCP server's: the standard one asks the network for a name nobody needs."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went is not worth a line."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SILENT_S

    def do_GET(self) -> None:
        """The numbers, in the form that was asked for."""
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "only /metrics is here")
            return
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        body = encode(cast(_Server, self.server).registry)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """Nobody needs to know what this is made of."""
        return "metrics"

    def log_message(self, format: str, *args: Any) -> None:
        """Looks at the numbers come every few seconds."""
