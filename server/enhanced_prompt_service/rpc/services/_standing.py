"""The RPCs of InsightService that are about standing questions."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enhanced_prompt.v1 import answers_pb2
from enhanced_prompt.v1 import insight_service_pb2 as pb

from ...domain.errors import Unimplemented
from ...domain.events import Order
from ...domain.evidence import evidence_of
from ...domain.identity import Caller
from ...domain.standing import (
    Progress,
    Rule,
    RuleMaker,
    StandingQuestion,
    StandingStore,
    owner_of,
)
from ...domain.stores import CatalogueStore, EventStore
from ...insights.standing import past
from ..call import Call
from ..convert.answers import evidence
from ..convert.standing import changed_fields, required_query, severity_of, standing_message
from ._pages import fitting

_PAST = timedelta(days=7)
_MOST_PAST = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """What standing questions need. `now` is real time, `site_now` that of the site's clock."""

    store: StandingStore
    rules: RuleMaker
    events: EventStore
    catalogue: CatalogueStore
    now: Callable[[], datetime]
    site_now: Callable[[], datetime]


class StandingCalls:
    """Mixed into InsightService; without `standing` they are not built."""

    _standing: Standing | None = None

    async def CreateStandingQuestion(  # noqa: N802
        self, request: pb.CreateStandingQuestionRequest, call: Call
    ) -> pb.CreateStandingQuestionResponse:
        """Keep a question; with validate_only say how it would be understood."""
        parts, caller = self._parts(), call.caller
        if call.consented is not None and not request.validate_only:
            await call.consented()
        asked, now = request.standing_question, parts.site_now()
        query = required_query(asked)
        rule = await parts.rules.rule(caller, query, asked.time_zone, now)
        made = StandingQuestion(
            standing_question_id="" if request.validate_only else f"standing_{uuid.uuid4().hex}",
            query=query,
            owner=owner_of(caller),
            rule=rule,
            progress=Progress.beginning(now),
            time_zone=asked.time_zone,
            severity=severity_of(asked),
            paused=asked.paused,
        )
        if not request.validate_only:
            made = await parts.store.create(
                made,
                now=parts.now(),
                request_id=request.request_id,
                request_hash=_hash(request),
            )
        return pb.CreateStandingQuestionResponse(
            standing_question=standing_message(made),
            past_hits=await _past_hits(parts, caller, made.rule, now),
        )

    async def ListStandingQuestions(  # noqa: N802
        self, request: pb.ListStandingQuestionsRequest, call: Call
    ) -> pb.ListStandingQuestionsResponse:
        """The caller's, newest first, a page at a time."""
        parts = self._parts()

        async def fetch(size: int) -> pb.ListStandingQuestionsResponse:
            page = await parts.store.page(
                call.caller, page_size=size, page_token=request.page_token
            )
            return pb.ListStandingQuestionsResponse(
                standing_questions=[standing_message(one) for one in page.items],
                next_page_token=page.next_page_token,
            )

        return await fitting(request.page_size, fetch)

    async def UpdateStandingQuestion(  # noqa: N802
        self, request: pb.UpdateStandingQuestionRequest, call: Call
    ) -> pb.UpdateStandingQuestionResponse:
        """Change the named fields, where the etag is the stored one."""
        parts, caller, sent = self._parts(), call.caller, request.standing_question
        fields, now = changed_fields(request), parts.site_now()
        name, etag = sent.standing_question_id, sent.etag
        rule: Rule | None = None
        query = zone = ""
        if fields & {"query", "time_zone"}:
            stored = await parts.store.get(caller, name)
            query = required_query(sent) if "query" in fields else stored.query
            zone = sent.time_zone if "time_zone" in fields else stored.time_zone
            rule = await parts.rules.rule(caller, query, zone, now)
            etag = etag or stored.etag  # what was understood is what is changed

        def change(stored: StandingQuestion) -> StandingQuestion:
            found = replace(stored, owner=owner_of(caller))
            if rule is not None:
                found = replace(found, query=query, time_zone=zone, rule=rule)
            if "severity" in fields:
                found = replace(found, severity=severity_of(sent))
            if "paused" in fields:
                found = replace(found, paused=sent.paused)
            # What it did not watch for, or not in this way, is not told of afterwards.
            if found.rule != stored.rule or (stored.paused and not found.paused):
                found = replace(found, progress=Progress.beginning(now))
            return found

        kept = await parts.store.update(caller, name, change, etag=etag)
        return pb.UpdateStandingQuestionResponse(standing_question=standing_message(kept))

    async def DeleteStandingQuestion(  # noqa: N802
        self, request: pb.DeleteStandingQuestionRequest, call: Call
    ) -> pb.DeleteStandingQuestionResponse:
        """Delete one; its insights stay."""
        await self._parts().store.delete(call.caller, request.standing_question_id)
        return pb.DeleteStandingQuestionResponse()

    def _parts(self) -> Standing:
        if self._standing is None:
            raise Unimplemented("standing questions are not there without an engine")
        return self._standing


async def _past_hits(
    parts: Standing, caller: Caller, rule: Rule, now: datetime
) -> list[answers_pb2.Evidence]:
    windows = past(rule, now, _PAST)
    if not windows:
        return []
    page = await parts.events.page(
        caller, replace(rule.chosen, windows=windows), order=Order.NEWEST, page_size=_MOST_PAST
    )
    sites = {site.site_id: site for site in (await parts.catalogue.catalogue(caller)).sites}
    return [evidence(evidence_of(one, sites.get(one.site))) for one in page.items]


def _hash(request: pb.CreateStandingQuestionRequest) -> str:
    same = pb.CreateStandingQuestionRequest()
    same.CopyFrom(request)
    same.ClearField("request_id")
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()
