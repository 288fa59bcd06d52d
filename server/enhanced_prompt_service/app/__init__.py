"""The composition root: builds every part from settings, starts and stops them; nothing else wires.

async with create_app(Settings()) as app:
    print(app.address)

base       settings, clocks, database, bus, stores
agents     what answers, and the tools beside it
turning    turns
noticing   insights: service, detectors, expiry
callers    identity, limits, audit
keeping    retention
delivering what is sent to other services
metering   numbers for Prometheus
serving    the gRPC server and its drain
creating   all of them, put together
process    a process: until SIGTERM or SIGINT, then a drain and exit 0
"""

from .agents import AgentMaker, WarmAgent, grounded_agent, model_chain
from .base import Stores, administering
from .creating import App, create_app
from .noticing import replay_insights
from .process import run, serve, settle

__all__ = [
    "AgentMaker",
    "App",
    "Stores",
    "WarmAgent",
    "administering",
    "create_app",
    "grounded_agent",
    "model_chain",
    "replay_insights",
    "run",
    "serve",
    "settle",
]
