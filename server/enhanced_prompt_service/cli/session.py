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


@contextmanager
def connected(server: str | None, options: ClientOptions | None = None) -> Generator[Client]:
    """A client of the server that is meant; errors end the command with their exit code.

    Where the server asks who calls, EPS_TOKEN is the token or API key to show (never an option:
    other users of the machine see those); EPS_SERVER_CA is a PEM file of whom to believe about the
    server, and turns TLS on.
    """
    target = find_target(server, home())
    options = options or ClientOptions()
    if token := os.environ.get(TOKEN):
        metadata = {**options.metadata, "authorization": f"Bearer {token}"}
        options = replace(options, metadata=metadata)
    with said(target), Client(target, options=options, credentials=_credentials()) as client:
        yield client


def _credentials() -> grpc.ChannelCredentials | None:
    path = os.environ.get(SERVER_CA)
    if not path:
        return None
    try:
        return grpc.ssl_channel_credentials(Path(path).read_bytes())
    except OSError as error:
        fail(f"{SERVER_CA}: {error}", USAGE)


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
