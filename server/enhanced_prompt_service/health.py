"""What this process says of its health: put together of the parts that `app` made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from enhanced_prompt import __version__

from .domain.bus import Bus
from .domain.dependencies import Dependencies, Probe, watch
from .domain.health import Part, ProviderHealth, Replica, Reporter, SystemHealth
from .domain.identity import Caller
from .domain.warming import Warmer
from .machine import Machine
from .rpc.server import RpcServer
from .rpc.services.prompt import PromptService

_NO_DATABASE = (
    "the database does not answer: questions, history and events are refused until it is back"
)
_NO_BUS = (
    "Redis does not answer: this replica goes on alone; what runs here can be read and cancelled "
    "elsewhere more slowly or not at all, and would have to be asked again if this process died"
)


class ServiceHealth:
    """`ReportsHealth` of this process. `providers` are the links of the model chain."""

    def __init__(
        self,
        replica: str,
        dependencies: Dependencies,
        ping_database: Probe,
        bus: Bus,
        warmer: Warmer,
        providers: Callable[[], Sequence[ProviderHealth]],
        now: Callable[[], datetime],
        others: Sequence[Part] = (),
    ) -> None:
        self._server: RpcServer | None = None
        self._prompts: PromptService | None = None
        known = {one.name: one for one in dependencies}
        there = "Redis answers" if bus.shared else "in this process, which shares it with no other"
        self._parts = (
            Part(known["storage"], ping_database, "answers", _NO_DATABASE, required=True),
            Part(known["bus"], bus.ping, there, _NO_BUS, required=False),
            *others,
        )
        self._warmth = lambda: warmer.look(Caller())
        self._reporter = Reporter(
            Replica(
                name=replica,
                version=__version__,
                started=now(),
                draining=lambda: self._server is not None and self._server.live.closing,
                connections=lambda: 0 if self._server is None else self._server.live.count,
                waiting=lambda: 0 if self._prompts is None else self._prompts.waiting,
                load=Machine().load,
            ),
            self._parts,
            now=now,
            warmth=self._warmth,
            providers=providers,
        )

    def serves(self, server: RpcServer, prompts: PromptService) -> None:
        """What answers calls; known only after this was made."""
        self._server, self._prompts = server, prompts

    async def system_health(self) -> SystemHealth:
        """The state of now."""
        return await self._reporter.system_health()

    def look(self) -> SystemHealth:
        """What is known now of this process; asks nobody."""
        return self._reporter.look()

    @property
    def prewarm_s(self) -> float | None:
        """How long the slowest of what is warmed took to be ready; None while not all of it is."""
        warmth = self._warmth()
        if not warmth.initialized:
            return None
        return max((part.duration_s for part in warmth.parts), default=0.0)

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Asks every part now and then, as long as the block lasts."""
        tasks = [
            asyncio.create_task(watch(one.dependency, one.ask), name=f"watch {one.dependency.name}")
            for one in self._parts
        ]
        try:
            yield
        finally:
            # A driver may take a cancellation for a failure of its own: then it is said again.
            pending = set(tasks)
            while pending:
                for task in pending:
                    task.cancel()
                _, pending = await asyncio.wait(pending, timeout=0.2)
