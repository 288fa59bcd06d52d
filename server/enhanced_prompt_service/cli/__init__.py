"""The `eps` command: an operator's tool.

    app         the commands, and nothing else
    asking      ask
    browsing    cameras, events
    health      health
    insights    insights
    importing   import (files, Frigate, MEVA)
    simulating  simulate
    serving     serve
    target      which server is meant
    session     a client for one command, and what becomes of its errors
    terminal    what text looks like, with a terminal and without

A plain install has the commands that talk to a server. What needs more of the project is imported
inside its command, which says what to install where it is missing.

Exit codes: 0 it worked · 1 the service said no · 2 the command line is wrong · 3 no server was
reached · 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run `eps` with the process's arguments; ends it with the exit code."""
    # grpc's own log lines (a connection that went away) are none of an operator's business.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a character that cannot be shown ends nothing
            stream.reconfigure(errors="replace")
    from .app import app

    app(prog_name="eps")
    sys.exit(0)
