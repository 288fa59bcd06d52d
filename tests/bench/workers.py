"""Workers of one service: processes on one port, one database and one Redis."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.support.postgres import free_port
from tests.support.redis import redis_server

from .plan import Plan
from .processes import Server, serving


@asynccontextmanager
async def workers(
    plan: Plan, count: int, agent: Sequence[str], env: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[int, list[Server]]]:
    """So many of our servers; gives the port that they share, and each with its own port."""
    with (
        tempfile.TemporaryDirectory(dir=plan.work) as folder,
        redis_server() as redis,
    ):
        port = free_port()
        async with AsyncExitStack() as stack:
            started: list[Server] = []
            for number in range(count):
                home = Path(folder) / f"home-{number}"
                shared = {
                    "EPS_HOME": str(home),
                    "EPS_DATABASE_URL": f"sqlite:///{Path(folder) / 'eps.db'}",
                    "EPS_REDIS_URL": redis.url,
                    "EPS_LOG_LEVEL": "warning",
                }
                command = ["-m", "tests.bench.servers.ours", *agent]
                place = ["--port", str(port), "--own-port", str(free_port())]
                started.append(
                    await stack.enter_async_context(
                        serving([*command, *place], shared | dict(env or {}))
                    )
                )
            yield port, started
