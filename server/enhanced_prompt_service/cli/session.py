"""A client for one command, and what becomes of everything that can go wrong."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import grpc
import typer

from enhanced_prompt import Client, ClientOptions, ConnectionFailed, EnhancedPromptError
from enhanced_prompt.errors import ConsentRequired

from .target import find_target, home
from .terminal import fail

SERVICE_ERROR = 1
USAGE = 2
NOT_CONNECTED = 3
INTERRUPTED = 130

ServerOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="EPS_SERVER",
        metavar="HOST:PORT",
        help="The server to call. Default: the one that runs here, else 127.0.0.1:50051.",
        show_default=False,
    ),
]


TOKEN = "EPS_TOKEN"  # noqa: S105 - the name of the variable
SERVER_CA = "EPS_SERVER_CA"
CLIENT_CERTIFICATE = "EPS_CLIENT_CERTIFICATE"
CLIENT_KEY = "EPS_CLIENT_KEY"


@contextmanager
def connected(server: str | None, options: ClientOptions | None = None) -> Generator[Client]:
    """A client of the server that is meant; errors end the command with their exit code.

    Where the server asks who calls, EPS_TOKEN is the token or API key to show (never an option:
    other users of the machine see those); EPS_SERVER_CA is a PEM file of whom to believe about the
    server, and turns TLS on; EPS_CLIENT_CERTIFICATE and EPS_CLIENT_KEY are PEM files to show where
    the server wants a certificate.
    """
    target = find_target(server, home())
    options = options or ClientOptions()
    if token := os.environ.get(TOKEN):
        metadata = {**options.metadata, "authorization": f"Bearer {token}"}
        options = replace(options, metadata=metadata)
    with said(target), Client(target, options=options, credentials=_credentials()) as client:
        yield client


def _credentials() -> grpc.ChannelCredentials | None:
    authority = _file(SERVER_CA)
    if authority is None:
        return None
    certificate, key = _file(CLIENT_CERTIFICATE), _file(CLIENT_KEY)
    if (certificate is None) != (key is None):
        fail(f"{CLIENT_CERTIFICATE} and {CLIENT_KEY} belong together", USAGE)
    return grpc.ssl_channel_credentials(authority, key, certificate)


def _file(variable: str) -> bytes | None:
    """What is in the file that a variable names, None where it names none."""
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        fail(f"{variable}: {error}", USAGE)


@contextmanager
def said(target: str) -> Generator[None]:
    """Turns errors into one line on standard error and an exit code."""
    try:
        yield
    except ConnectionFailed:
        fail(
            f"no server answers at {target}. Start one with `eps serve`, "
            "or name another with --server HOST:PORT",
            NOT_CONNECTED,
        )
    except ConsentRequired as error:
        fail(f"{error}; consent with `eps consent give`", SERVICE_ERROR)
    except EnhancedPromptError as error:
        fail(str(error), SERVICE_ERROR)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def need_server_parts(error: ImportError) -> None:
    """Says what to install where a part of the server is missing."""
    fail(
        f"this needs more than the plain install ({error.name or error} is missing): "
        'pip install "enhanced-prompt-service[server]"',
        SERVICE_ERROR,
    )
