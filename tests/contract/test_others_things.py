"""Every RPC × {another tenant, another user}: somebody else's thing is no thing at all.

An owner makes one of everything through the API. Then each RPC is asked about it by somebody else,
and by somebody else again about a thing of the same form that nobody has: both are answered alike,
and nothing of the owner's is in either. What an RPC is asked stands in belongings.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.protobuf.message import Message

from enhanced_prompt.v1 import common_pb2, events_pb2, insights_pb2, templates_pb2
from enhanced_prompt.v1 import consent_service_pb2 as cn
from enhanced_prompt.v1 import event_service_pb2 as ev
from enhanced_prompt.v1 import history_service_pb2 as hi
from enhanced_prompt.v1 import insight_service_pb2 as ins
from enhanced_prompt.v1 import prompt_service_pb2 as pr
from enhanced_prompt.v1 import site_service_pb2 as si
from enhanced_prompt.v1 import template_service_pb2 as te
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.identity import Role
from enhanced_prompt_service.rpc.access import RULES
from tests.contract.belongings import (
    AUDITED,
    LATER,
    MARK,
    NOTHING,
    OWNERS,
    PRIVATE,
    SHARED,
    TABLE,
    TENANTS,
    WHEN,
    Cell,
    Things,
)
from tests.contract.servers import in_a_thread
from tests.support.identity import AUDIENCE, ISSUER, SECRET, some_claims
from tests.support.sameness import same
from tests.support.wire import METHODS, Told, Wire, path_of

OWNER = f"{MARK}_owner"
NAMES = [path.rpartition(".v1.")[2] for path in METHODS]
DENIED = grpc.StatusCode.PERMISSION_DENIED.value[0]
_numbers = itertools.count(100)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """A service that knows its callers by tokens, and counts nothing."""
    home: Path = tmp_path_factory.mktemp("things")
    settings = Settings.from_environment(
        home=home,
        port=0,
        metrics_port=None,
        drain_s=0,
        jwt_secret=SECRET,
        jwt_audience=AUDIENCE,
        jwt_issuer=ISSUER,
        limits="off",
        insights=False,
    )
    with in_a_thread(settings) as address, grpc.insecure_channel(address) as found:
        yield found


@dataclass(frozen=True)
class Somebody:
    """A caller, by name."""

    wire: Wire
    tenant: str
    user: str


def somebody(channel: grpc.Channel, *, tenant: str = "", user: str = "", **claims: Any) -> Somebody:
    """A caller with a token; a new user of a new tenant where no names are given."""
    number = next(_numbers)
    tenant, user = tenant or f"tenant{number}", user or f"stranger{number}"
    said = some_claims(tenant=tenant, sub=user, **claims)
    return Somebody(Wire(channel, jwt.encode(said, SECRET, algorithm="HS256")), tenant, user)


def one_of_everything(wire: Wire) -> Things:
    """What an owner makes through the API, and its names."""
    site = si.Site(
        site_id="site_marina",
        time_zone="UTC",
        name=f"{SHARED} marina",
        simulated=True,  # its events can be drawn
        cameras=[si.Camera(camera_id="quaycam", name=f"{SHARED} quay")],
    )
    wire.read("SiteService/PutSite", si.PutSiteRequest(site=site))
    events = [
        events_pb2.Event(
            event_id=name,
            site="site_marina",
            camera_id="quaycam",
            event_type="person_walks",
            label=SHARED,
            start_time=WHEN,
            description=f"a {SHARED} parade",
        )
        for name in ("event_parade", "event_second")
    ]
    batch = ev.BatchIngestEventsRequest(events=ev.EventBatch(events=events))
    wire.read("EventService/BatchIngestEvents", batch)
    asked = pr.AnswerRequest(
        query=f"was there a {MARK} parade on 5 January 2026?",
        conversation_id="talk_harbour",
        request_id="request_first",
        as_of=LATER,
    )
    turn = wire.read("PromptService/Answer", asked).turn
    assert MARK in turn.completed.response.response
    wire.read("PromptService/Answer", pr.AnswerRequest(query=MARK, conversation_id="talk_other"))
    template = wire.read(
        "TemplateService/CreateTemplate",
        te.CreateTemplateRequest(
            template=templates_pb2.Template(title=f"{SHARED} title", body=f"{SHARED}?"),
            request_id="request_first",
        ),
    ).template
    insight = wire.read(
        "InsightService/PublishInsight",
        ins.PublishInsightRequest(
            insight_type=insights_pb2.INSIGHT_TYPE_ACTIVITY_SPIKE,
            title=f"{SHARED} insight",
            message=f"More {SHARED} than usual.",
            affected_cameras=["quaycam"],
            sites=["site_marina"],
            window=common_pb2.TimeRange(start_time=WHEN, end_time=LATER),
            dedupe_key="key_parade",
        ),
    ).insight
    standing = wire.read(
        "InsightService/CreateStandingQuestion",
        ins.CreateStandingQuestionRequest(
            standing_question=insights_pb2.StandingQuestion(
                query=f"tell me when a person walks at the {SHARED} quay"
            ),
            request_id="request_first",
        ),
    ).standing_question
    subscribed: Any = wire.call(
        "InsightService/SubscribeInsights",
        ins.SubscribeInsightsRequest(subscription_id="pager_night"),
    ).messages[-1]
    wire.call("ConsentService/GiveConsent", cn.GiveConsentRequest(policy_version=MARK))
    page = wire.read("EventService/ListEvents", ev.ListEventsRequest(page_size=1))
    exported: Any = wire.call(
        "HistoryService/ExportConversations", hi.ExportConversationsRequest()
    ).messages[0]
    return Things(
        user=OWNER,
        conversation="talk_harbour",
        request="request_first",
        message="request_first",
        turn=turn.turn_id,
        template=template.template_id,
        insight=insight.insight_id,
        dedupe_key="key_parade",
        standing=standing.standing_question_id,
        site="site_marina",
        camera="quaycam",
        event="event_parade",
        subscription="pager_night",
        resume_token=subscribed.resume_token,
        page_token=page.next_page_token,
        export_token=exported.resume_token,
    )


@pytest.fixture(scope="module")
def owner(channel: grpc.Channel) -> tuple[Somebody, Things]:
    """Somebody who has one of everything. Nobody else changes any of it."""
    found = somebody(channel, tenant="acme", user=OWNER, role="admin")
    return found, one_of_everything(found.wire)


def view(wire: Wire, things: Things) -> list[bytes]:
    """What the owner sees of their things."""
    asked: list[tuple[str, Message]] = [
        (
            "HistoryService/GetConversation",
            hi.GetConversationRequest(conversation_id=things.conversation, include_responses=True),
        ),
        ("PromptService/WatchTurn", pr.WatchTurnRequest(turn_id=things.turn, attempt=1)),
        ("HistoryService/ListConversations", hi.ListConversationsRequest()),
        ("TemplateService/GetTemplate", te.GetTemplateRequest(template_id=things.template)),
        ("InsightService/GetInsight", ins.GetInsightRequest(insight_id=things.insight)),
        ("InsightService/ListStandingQuestions", ins.ListStandingQuestionsRequest()),
        ("EventService/ListEvents", ev.ListEventsRequest()),
        ("SiteService/GetSite", si.GetSiteRequest(site_id=things.site)),
    ]
    return [same(wire.call(name, request)) for name, request in asked]


def answered(told: Told) -> bytes:
    """All bytes of an answer and its status."""
    parts = [one.SerializeToString() for one in told.messages]
    return b"\n".join([*parts, b"" if told.status is None else told.status.SerializeToString()])


def holds_nothing_of(
    told: Told, things: Things, requests: tuple[Message, ...], *, private: bool = False
) -> None:
    """Neither the owner's words nor one of their names, but for those that were asked about; in
    the same tenant, of what is `private`."""
    found, asked = answered(told), b"".join(one.SerializeToString() for one in requests)
    for name in things.names(private=private):
        if name.encode() in asked:
            found = found.replace(name.encode(), b"")
        else:
            assert name.encode() not in found, (name, told)
    for word in (MARK,) if private else (MARK, SHARED):
        assert word.encode() not in found.lower(), told


def alike(
    name: str, cell: Cell, things: Things, first: Somebody, second: Somebody, *, private: bool
) -> tuple[bytes, bytes]:
    """What one is told of somebody's things, and another of nobody's, under the same names."""
    nobodys = things.nobodys()
    requests = cell.requests(things)
    told = first.wire.call(name, *requests)
    holds_nothing_of(told, things, requests, private=private)
    other_told = second.wire.call(name, *cell.requests(nobodys))
    if name == "SiteService/PutSite":  # an etag is a digest of what was sent, the name among it
        told.one.site.etag = other_told.one.site.etag = ""
    found, beside = same(told), same(other_told)
    pairs = [*zip(things.names(private=private), nobodys.names(private=private), strict=True)]
    pairs += [(first.user, second.user), (first.tenant, second.tenant)]
    for theirs, other in pairs:
        assert len(theirs) == len(other)
        assert theirs != other or first.tenant == second.tenant
        found = found.replace(theirs.encode(), other.encode())
    return found, beside


def cells(name: str, *kinds: Any) -> list[Cell]:
    """Those of a row, or of some kinds."""
    return [one for one in TABLE[name] if not kinds or one.tenant in kinds]


def least_role(name: str) -> str:
    """Who may call an RPC and nothing more."""
    roles = RULES[path_of(name)].roles
    some = (Role.VIEWER, Role.OPERATOR, Role.SERVICE)
    return next(one.value for one in some if roles is None or one in roles)


def test_every_rpc_has_a_row_and_no_other() -> None:
    assert set(TABLE) == set(NAMES)
    assert all(TABLE.values())
    assert set(AUDITED) <= set(TABLE)


def test_nobodys_names_are_of_the_same_form(owner: tuple[Somebody, Things]) -> None:
    _, things = owner
    for one, other in zip(things.names(), things.nobodys().names(), strict=True):
        assert len(one) == len(other)
        assert one != other


@pytest.mark.parametrize("name", NAMES)
def test_another_tenant_is_told_of_a_thing_as_of_none(
    channel: grpc.Channel, owner: tuple[Somebody, Things], name: str
) -> None:
    """An admin, who may call everything."""
    had, things = owner
    before = view(had.wire, things)
    for cell in cells(name):
        strangers = [somebody(channel, role="admin") for _ in range(2)]
        theirs, nobodys = alike(name, cell, things, *strangers, private=False)
        assert theirs == nobodys
    assert view(had.wire, things) == before


@pytest.mark.parametrize("name", [one for one in NAMES if cells(one, PRIVATE, NOTHING)])
def test_another_user_is_told_of_a_private_thing_as_of_none(
    channel: grpc.Channel, owner: tuple[Somebody, Things], name: str
) -> None:
    had, things = owner
    before = view(had.wire, things)
    role = least_role(name)
    for cell in cells(name, PRIVATE, NOTHING):
        strangers = [somebody(channel, tenant=had.tenant, role=role) for _ in range(2)]
        theirs, nobodys = alike(name, cell, things, *strangers, private=True)
        assert theirs == nobodys
    assert view(had.wire, things) == before


@pytest.mark.parametrize("name", [one for one in NAMES if cells(one, OWNERS)])
def test_another_user_may_not_change_what_only_its_owner_changes(
    channel: grpc.Channel, owner: tuple[Somebody, Things], name: str
) -> None:
    had, things = owner
    before = view(had.wire, things)
    stranger = somebody(channel, tenant=had.tenant, role=least_role(name))
    for cell in cells(name, OWNERS):
        assert stranger.wire.call(name, *cell.requests(things)).code == DENIED
    assert view(had.wire, things) == before


def test_what_is_the_tenants_is_answered_to_all_of_it(channel: grpc.Channel) -> None:
    """Cells are asked in the order of the table, and some of them change what the tenant has."""
    had = somebody(channel, user=OWNER, role="admin")
    things = one_of_everything(had.wire)
    for name in NAMES:
        for cell in cells(name, TENANTS):
            stranger = somebody(channel, tenant=had.tenant, role=least_role(name))
            told = stranger.wire.call(name, *cell.requests(things))
            if told.code != grpc.StatusCode.UNIMPLEMENTED.value[0]:
                assert told.code == 0, (name, told)


@pytest.mark.parametrize("name", AUDITED)
def test_an_admin_reads_what_others_of_the_tenant_asked_and_no_other_tenants(
    channel: grpc.Channel, owner: tuple[Somebody, Things], name: str
) -> None:
    had, things = owner
    request = AUDITED[name](things)
    admin = somebody(channel, tenant=had.tenant, role="admin")
    assert MARK.encode() in answered(admin.wire.call(name, request)).replace(OWNER.encode(), b"")
    for refused in (
        somebody(channel, tenant=had.tenant, role="viewer"),
        somebody(channel, tenant=had.tenant, role="operator"),
        somebody(channel, tenant=had.tenant, role="service"),
        somebody(channel, tenant=had.tenant, role="admin", cameras=["quaycam"]),
    ):
        assert refused.wire.call(name, request).code == DENIED
    holds_nothing_of(somebody(channel, role="admin").wire.call(name, request), things, (request,))
