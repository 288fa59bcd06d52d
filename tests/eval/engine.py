"""The one place where the evaluation meets the engine: over real storage, a SQLite file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.grounded.timegrammar import parse
from enhanced_prompt_service.domain.answers import PromptResponse
from enhanced_prompt_service.domain.catalogue import DayParts, Site
from enhanced_prompt_service.domain.errors import InvalidArgument
from enhanced_prompt_service.domain.events import Coverage, Event
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.times import RecurringMask
from enhanced_prompt_service.domain.turns import TurnRequest
from enhanced_prompt_service.sources.meva_files import read_sample, sample_sites
from enhanced_prompt_service.storage import Database, open_stores
from tests.eval.simulated import WINDOW, simulation
from tests.support.require import data

from .harness import Ask

CALLER = Caller()
_BATCH = 5_000


@asynccontextmanager
async def recorded_site() -> AsyncGenerator[Ask]:
    """The engine over the recorded site: all events, all clips as coverage, the catalogue of
    site and number only. Yields the callable that asks it."""
    folder = data() / "meva"
    events, coverage = read_sample(folder)
    async with _asking(sample_sites(folder), events, coverage) as ask:
        yield ask


@asynccontextmanager
async def simulated_site() -> AsyncGenerator[Ask]:
    """The engine over the simulated site as tests/eval/simulated.py generates it."""
    made = simulation()
    async with _asking([made.site()], made.events(WINDOW), made.coverage(WINDOW)) as ask:
        yield ask


@asynccontextmanager
async def _asking(
    sites: Sequence[Site], events: Iterable[Event], coverage: Iterable[Coverage]
) -> AsyncGenerator[Ask]:
    with tempfile.TemporaryDirectory(prefix="eps-eval-") as folder:
        database = await Database.open(f"sqlite:///{folder}/eval.db")
        try:
            await database.migrate()
            stores = await open_stores(database)
            for site in sites:
                await stores.catalogue.put_site(CALLER, site)
            rest = iter(events)
            while batch := list(islice(rest, _BATCH)):
                await stores.events.ingest(CALLER, batch)
            await stores.events.ingest_coverage(CALLER, list(coverage))
            yield _Asker(GroundedEngine(stores.events, stores.catalogue, "UTC"))
        finally:
            await database.close()


class _Asker:
    """Asks the engine as a turn does, and remembers conversations."""

    def __init__(self, engine: GroundedEngine) -> None:
        self._engine = engine
        self._conversations: dict[str, list[PromptResponse]] = {}

    async def __call__(
        self, question: str, *, as_of: datetime, time_zone: str, conversation: str | None
    ) -> PromptResponse:
        if not question:
            raise InvalidArgument.of("query", "must not be empty")
        history = self._conversations.setdefault(conversation, []) if conversation else []
        request = TurnRequest(question, as_of=as_of, time_zone=time_zone)
        answer = await self._engine.answer(CALLER, request, history, as_of)
        number = len(history) + 1
        response = PromptResponse(
            turn_id=f"turn_{number}",
            message_id=f"message_{number}",
            timestamp=as_of,
            conversation_id=conversation or "",
            user_id=CALLER.user,
            query=question,
            conversation_turn=number,
            processing_time_ms=0,
            answer=answer,
        )
        history.append(response)
        return response


def parse_time(
    phrase: str, now: datetime, zone: ZoneInfo, day_parts: DayParts
) -> tuple[datetime, datetime, RecurringMask | None]:
    """The grammar: the half-open interval that a phrase names (aware bounds), and its mask."""
    found = parse(phrase, now=now, zone=zone, day_parts=day_parts)
    if found is None or found.interval is None:
        raise ValueError(f"names no time: {phrase!r} ({found.why if found else 'nothing found'})")
    return found.interval.start, found.interval.end, found.mask
