"""The supervisor's own beginning: `python -m enhanced_prompt_service.workers`.

Settings come from EPS_* variables; arguments replace the command that starts a worker.
"""

from __future__ import annotations

import asyncio
import os
import sys

from .. import logs
from ..config import Settings
from .supervisor import Plan, StartFailedError, supervise

WORKER = (sys.executable, "-m", "enhanced_prompt_service.workers.worker")


def main() -> None:
    """Run until SIGTERM or SIGINT. Exit status 0 after a drain, 1 where something went wrong."""
    # grpc's own log lines (a connection that went away) are none of an operator's business.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    settings = Settings.from_environment()
    logs.configure(settings.log_level, settings.log_format)
    plan = Plan(
        workers=settings.workers,
        host=settings.host,
        port=settings.port,
        port_search=settings.port_search,
        drain_s=settings.drain_s,
        home=settings.home,
        command=sys.argv[1:] or WORKER,
    )
    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        well = asyncio.run(supervise(plan))
    except (StartFailedError, OSError) as error:
        sys.exit(f"cannot start: {error}")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
