"""A client for one command, and what becomes of everything that can go wrong."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from enhanced_prompt import Client, ClientOptions, ConnectionFailed, EnhancedPromptError

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


@contextmanager
def connected(server: str | None, options: ClientOptions | None = None) -> Generator[Client]:
    """A client of the server that is meant; errors end the command with their exit code."""
    target = find_target(server, home())
    with said(target), Client(target, options=options) as client:
        yield client


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
