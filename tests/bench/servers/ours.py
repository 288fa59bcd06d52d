"""Our server as `eps serve` runs it, with an agent of the bench or its own.

    python -m tests.bench.servers.ours node|model|grounded [--pause S]

Storage is where EPS_HOME or EPS_DATABASE_URL say, else an empty folder that is removed at the end.
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


async def main(agent: str, pause_s: float) -> None:
    """Serve on a free port until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def make_agent(stores: Stores, settings: Settings) -> WarmAgent:
        if agent == "grounded":
            return grounded_agent(stores, settings)
        from tests.bench.agents import ModelAgent, NodeAgent

        return NodeAgent() if agent == "node" else ModelAgent(pause_s)

    with tempfile.TemporaryDirectory(prefix="eps-bench-home-") as empty:
        home = Path(os.environ.get("EPS_HOME", empty))
        settings = Settings(home=home, port=0, drain_s=0.5)
        logs.configure(settings.log_level, settings.log_format)
        async with create_app(settings, make_agent=make_agent) as app:
            settle()
            print("LISTENING", app.port, flush=True)
            await stop.wait()


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("agent", choices=("node", "model", "grounded"))
    given.add_argument("--pause", type=float, default=0.0)
    arguments = given.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments.agent, arguments.pause))
