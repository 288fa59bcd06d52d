"""The embedded engine: understand → retrieve → compose, as steps that a graph can call.

Deterministic and exact, with no model, no key and no network. One instance serves all tenants;
what it keeps is an index for each tenant's newest catalogue.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime

from enhanced_prompt_service.domain.answers import Answer, PromptResponse, QuestionType
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.stores import CatalogueStore, EventStore
from enhanced_prompt_service.domain.turns import TurnRequest

from . import retrieve as retrieval
from .answer import compose
from .english import english
from .foreseen import Foreseen, with_forecast
from .index import Index
from .noticed import Noticed, with_insights
from .query import Findings, Query
from .understand import understand

MOST_INDEXES = 64  # tenants, and what of them somebody may see, whose index is kept

_PIECES = re.compile(r"\s*\S+\s?|\s+")


class GroundedEngine:
    """Answers from the event store alone.

    `default_zone` is the tenant's IANA time zone, for questions whose cameras share none.
    `noticed` gives insights; without it the engine says that it does not judge. `foreseen` gives
    forecasts; without it the engine says that it does not forecast.
    """

    def __init__(
        self,
        events: EventStore,
        catalogue: CatalogueStore,
        default_zone: str,
        noticed: Noticed | None = None,
        foreseen: Foreseen | None = None,
    ) -> None:
        self._foreseen = foreseen
        self._noticed = noticed
        self._events = events
        self._catalogue = catalogue
        self._default_zone = default_zone
        self._indexes: OrderedDict[object, Index] = OrderedDict()

    async def prewarm(self, caller: Caller) -> None:
        """Build what the first question would otherwise wait for."""
        english()
        await self.index(caller)

    async def index(self, caller: Caller) -> Index:
        """The caller's index, rebuilt when the catalogue's version has changed."""
        catalogue = await self._catalogue.catalogue(caller)
        scope = (caller.tenant, caller.cameras, caller.sites)
        kept = self._indexes.get(scope)
        if kept is not None and kept.version == catalogue.version:
            self._indexes.move_to_end(scope)
            return kept
        index = Index(catalogue, await self._events.kinds(caller), self._default_zone)
        self._indexes[scope] = index
        while len(self._indexes) > MOST_INDEXES:
            self._indexes.popitem(last=False)
        return index

    async def understand(
        self,
        caller: Caller,
        request: TurnRequest,
        history: Sequence[PromptResponse],
        now: datetime,
    ) -> Query:
        """What the question means. `now` is the question's present."""
        return understand(
            request.query,
            history=history,
            now=request.as_of or now,
            index=await self.index(caller),
            narrowing=request.filter,
            time_zone=request.time_zone,
            judges=self._noticed is not None,
            foresees=self._foreseen is not None,
        )

    async def retrieve(self, caller: Caller, query: Query) -> Findings:
        """What the store says about it, from one snapshot. Raises Unavailable."""
        if query.settled:
            return Findings()
        findings = await self._events.snapshot(
            caller, lambda reader: retrieval.retrieve(query, reader)
        )
        if query.question_type is QuestionType.ANOMALY and self._noticed is not None:
            return await with_insights(caller, query, findings, self._noticed)
        if query.question_type is QuestionType.PREDICTION and self._foreseen is not None:
            return await with_forecast(caller, query, findings, self._foreseen, self._noticed)
        return findings

    def compose(self, query: Query, findings: Findings) -> Answer:
        """The answer. Pure."""
        return compose(query, findings)

    async def answer(
        self,
        caller: Caller,
        request: TurnRequest,
        history: Sequence[PromptResponse],
        now: datetime,
    ) -> Answer:
        """All three steps in one."""
        query = await self.understand(caller, request, history, now)
        return self.compose(query, await self.retrieve(caller, query))


def text_pieces(response: str) -> Iterator[str]:
    """A response in pieces of about a word; together they are the response."""
    for match in _PIECES.finditer(response):
        yield match.group()
