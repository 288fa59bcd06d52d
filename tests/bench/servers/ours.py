"""Our server as `eps serve` runs it, with an agent of the bench or its own.

    python -m tests.bench.servers.ours node|model|chained|provider|grounded|flood|long|stoppable

`provider` answers with what EPS_MODELS names. `--pause S` slows the model down.
`--port P --own-port Q` makes it one of several workers on port P. Storage is where EPS_HOME or
EPS_DATABASE_URL say, else an empty folder that is removed at the end.
Logs are written as ever.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
from pathlib import Path

import uvloop

from enhanced_prompt_service import logs
from enhanced_prompt_service.app import WarmAgent, create_app, grounded_agent, settle
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.storage import Stores
from enhanced_prompt_service.workers.place import Place

AGENTS = ("node", "model", "chained", "provider", "grounded", "flood", "long", "stoppable")


async def main(agent: str, pause_s: float, place: Place | None) -> None:
    """Serve, on a free port where no place is given, until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def make_agent(stores: Stores, settings: Settings) -> WarmAgent:
        if agent == "grounded":
            return grounded_agent(stores, settings)
        from tests.bench import agents

        match agent:
            case "node":
                return agents.NodeAgent()
            case "chained":
                return agents.chained_agent(stores, settings)
            case "flood":
                return agents.FloodAgent()
            case "long":
                return agents.LongAgent(pause_s)
            case "stoppable":
                return agents.StoppableAgent()
            case _:
                return agents.ModelAgent(pause_s)

    with tempfile.TemporaryDirectory(prefix="eps-bench-home-") as empty:
        home = Path(os.environ.get("EPS_HOME", empty))
        # Detectors would count a million events that were stored just now, beside what is measured.
        settings = Settings(home=home, port=0, drain_s=0.5, insights=False)
        logs.configure(settings.log_level, settings.log_format)
        own = None if agent == "provider" else make_agent
        async with create_app(settings, make_agent=own, place=place) as app:
            settle()
            print("LISTENING", app.port if place is None else place.own_port, flush=True)
            await stop.wait()


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("agent", choices=AGENTS)
    given.add_argument("--pause", type=float, default=0.0)
    given.add_argument("--port", type=int)
    given.add_argument("--own-port", type=int)
    arguments = given.parse_args()
    where = None
    if arguments.port is not None:
        where = Place(0, arguments.port, arguments.own_port, ready_fd=-1, life_fd=-1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments.agent, arguments.pause, where))
