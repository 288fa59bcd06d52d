"""A worker's own beginning: `python -m enhanced_prompt_service.workers.worker PLACE`."""

from __future__ import annotations

import sys

from ..app import AgentMaker, run
from ..config import Settings
from ..domain.errors import ServiceError
from .place import Place


def work(place: str, make_agent: AgentMaker | None = None) -> None:
    """Serve at the place that the supervisor chose, until SIGTERM or the supervisor's end."""
    try:
        run(Settings.from_environment(), make_agent=make_agent, place=Place.load(place))
    except (ServiceError, OSError, ValueError) as error:  # no database, no folder, no loopback
        sys.exit(f"cannot start: {error}")


if __name__ == "__main__":
    work(sys.argv[1])
