"""What a caller may not see changes nothing of what they are told, over real RPCs.

Two services run side by side, with the same tenant in each. One of them also holds what the caller
may not see: another tenant's everything, another user's conversations, questions and cursors, and,
where the caller is limited, the events, coverage, insights and sites of cameras that are not
theirs. Every read RPC is asked by the same caller in both; the answers have to be the same bytes,
but for what tests/support/sameness.py lists.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from enhanced_prompt.v1 import (
    chat_pb2,
    common_pb2,
    events_pb2,
    insights_pb2,
    prompts_pb2,
    templates_pb2,
)
from enhanced_prompt.v1 import compat_service_pb2 as co
from enhanced_prompt.v1 import consent_service_pb2 as cn
from enhanced_prompt.v1 import event_service_pb2 as ev
from enhanced_prompt.v1 import history_service_pb2 as hi
from enhanced_prompt.v1 import insight_service_pb2 as ins
from enhanced_prompt.v1 import metrics_service_pb2 as me
from enhanced_prompt.v1 import prompt_service_pb2 as pr
from enhanced_prompt.v1 import site_service_pb2 as si
from enhanced_prompt.v1 import template_service_pb2 as te
from enhanced_prompt_service.config import Settings
from tests.contract.servers import in_a_thread
from tests.support.identity import AUDIENCE, ISSUER, SECRET, some_claims
from tests.support.require import scaled
from tests.support.sameness import same
from tests.support.wire import METHODS, Told, Wire

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
"""The site clock begins a day later: everything lies in the past."""
EVER = common_pb2.TimeRange(
    start_time=Timestamp(seconds=1_767_000_000), end_time=Timestamp(seconds=1_798_000_000)
)
READS = {
    *("Ask", "Answer", "Chat", "WatchTurn", "Prewarm", "ClassifyIntent"),
    *("OptimizePrompt", "GenerateContent"),
    *("GetConversation", "ListConversations", "ListMessages", "SearchMessages"),
    *("ListPromptResponses", "GetPromptAnalytics", "ExportConversations"),
    *("ListEvents", "GetEvent", "GetEventClip", "CountEvents", "ListCameras"),
    "ListCoverage",
    *("IngestEvents", "BatchIngestEvents", "IngestCloudEvents"),
    *("GetSite", "ListSites"),
    *("SubscribeInsights", "ListInsights", "GetInsight", "CommitSubscription"),
    *("CreateStandingQuestion", "ListStandingQuestions"),
    *("GetTemplate", "ListTemplates", "RenderTemplate", "CreateTemplateFromConversation"),
    *("GetSystemHealth", "GetUsage", "GetConsent"),
    *("AskStream", "CreateChatCompletion", "GetChatbotPrewarm", "GetChatbotHealth"),
    *("ListDashboardPromptResponses", "ListDashboardProactiveInsights"),
}
ROWS = {"GetMetrics", "SubscribeMetrics", "StreamMetrics"}
"""Whose rows are shown is another rule, and a property of its own. Their totals are the whole
service's, by decision: `SERVICE` in tests/support/sameness.py."""
WRITES = {
    *("CancelTurn", "DeleteConversation", "PutSite"),
    *("AcknowledgeInsights", "MuteInsights", "PublishInsight", "UpdateStandingQuestion"),
    *("DeleteStandingQuestion", "CreateTemplate", "UpdateTemplate", "DeleteTemplate"),
    *("GiveConsent", "WithdrawConsent"),
}
"""What they answer about others' things stands in tests/contract/test_others_things.py."""


@dataclass(frozen=True)
class Who:
    """Somebody who asks, and what they may see."""

    role: str
    cameras: tuple[str, ...] | None = None
    sites: tuple[str, ...] | None = None

    def sees(self, place: tuple[str, str]) -> bool:
        """The rule, said once more."""
        site, camera = place
        return (self.sites is None or site in self.sites) and (
            self.cameras is None or camera in self.cameras
        )

    def knows(self, places: Sequence[tuple[str, str]]) -> bool:
        """The rule for insights."""
        if self.cameras is None and self.sites is None:
            return True
        return bool(places) and all(
            (self.cameras is None or camera in self.cameras)
            and (self.sites is None or site in self.sites)
            for site, camera in places
        )

    @property
    def claims(self) -> dict[str, Any]:
        """Those of a token."""
        found: dict[str, Any] = {"role": self.role}
        for name, names in (("cameras", self.cameras), ("sites", self.sites)):
            if names is not None:
                found[name] = list(names)
        return found


CALLERS = {
    "all cameras": Who("operator"),
    "one camera": Who("operator", cameras=("G1",)),
    "one site": Who("operator", sites=("school",)),
    "one camera of one site": Who("operator", cameras=("G1",), sites=("school",)),
    "no camera": Who("operator", cameras=()),
    "an admin of one camera": Who("admin", cameras=("G1",)),
}


# ---- worlds -------------------------------------------------------------------------------------

WORDS = ["blue", "truck", "gate", "runs", "vault"]
PLACES = [("school", "G1"), ("school", "V1"), ("vault", "V1"), ("vault", "G1")]
_places = st.sampled_from(PLACES)
_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


def at(minutes: float) -> Timestamp:
    """So many minutes after noon."""
    found = Timestamp()
    found.FromDatetime(NOON + timedelta(minutes=minutes))
    return found


@dataclass(frozen=True)
class Given:
    """Data of a tenant, by what it is about."""

    events: tuple[tuple[tuple[str, str], dict[str, Any]], ...]
    spans: tuple[tuple[tuple[str, str], int, int, int], ...]
    insights: tuple[tuple[tuple[str, str], ...], ...]
    talk: tuple[str, ...]

    def of(self, who: Who, *, seen: bool) -> Given:
        """The part that somebody may see, or the part that they may not."""
        return Given(
            tuple(one for one in self.events if who.sees(one[0]) is seen),
            tuple(one for one in self.spans if who.sees(one[0]) is seen),
            tuple(one for one in self.insights if who.knows(one) is seen),
            self.talk,
        )


SURE = (
    ("school", "G1"),
    {
        "number": 9,
        "minutes": -5,
        "description": "blue truck at the gate",
        "zones": ["gate"],
        "label": "truck",
        "event_type": "vehicle_stops",
        "length": 1,
    },
)
"""An event that is always there, so that some of what is asked for is found."""
_given = st.builds(
    Given,
    st.lists(
        st.tuples(
            _places,
            st.fixed_dictionaries(
                {
                    "number": st.integers(0, 3),
                    "minutes": st.integers(-240, 120),
                    "description": _texts,
                    "zones": st.lists(st.sampled_from(["gate", "safe"]), max_size=2, unique=True),
                    "label": st.sampled_from(["person", "truck", ""]),
                    "event_type": st.sampled_from(["person_walks", "vehicle_stops"]),
                    "length": st.sampled_from([None, 1, 30]),
                }
            ),
        ),
        min_size=2,
        max_size=8,
    ).map(tuple),
    st.lists(
        st.tuples(_places, st.integers(-200, 0), st.integers(1, 200), st.integers(1, 3)),
        max_size=3,
    ).map(tuple),
    # One of each place at least: gaps tell only where something stands on both sides of them.
    st.lists(st.lists(_places, max_size=2, unique=True).map(tuple), max_size=3).map(
        lambda found: (*((one,) for one in PLACES), *found)
    ),
    st.lists(_texts, min_size=1, max_size=2).map(tuple),
)


class World:
    """A tenant in one service, as those who fill it and one who asks."""

    def __init__(self, channel: grpc.Channel, tenant: str) -> None:
        self.channel = channel
        self.tenant = tenant

    def wire(self, user: str, *, tenant: str = "", **claims: Any) -> Wire:
        """A caller of this tenant, or of another one."""
        said = some_claims(sub=user, tenant=tenant or self.tenant, **claims)
        return Wire(self.channel, jwt.encode(said, SECRET, algorithm="HS256"))

    def declare(self, who: Who, *, hidden: bool) -> None:
        """The sites, or only what somebody may see of them."""
        admin = self.wire("ada", role="admin")
        for site in ("school", "vault"):
            cameras = [one for one in ("G1", "V1") if hidden or who.sees((site, one))]
            zones = {"G1": "gate", "V1": "safe"}
            if not cameras:
                continue
            admin.read(
                "SiteService/PutSite",
                si.PutSiteRequest(
                    site=si.Site(
                        site_id=site,
                        time_zone="America/New_York" if site == "school" else "UTC",
                        name=f"The {site}",
                        simulated=site == "school",  # its events can be drawn
                        cameras=[
                            si.Camera(
                                camera_id=one,
                                name=f"{site} {'entrance' if one == 'G1' else 'strong room'}",
                                zones=[zones[one]],
                            )
                            for one in cameras
                        ],
                        zones=[si.Zone(zone_id=zones[one], name=zones[one]) for one in cameras],
                    )
                ),
            )

    def fill(self, what: Given, prefix: str, *, tenant: str = "") -> None:
        """Events, coverage and insights; ids begin with the prefix."""
        admin = self.wire("ada", tenant=tenant, role="admin")
        events = {
            f"{prefix}{one['number']}": _event(f"{prefix}{one['number']}", place, one)
            for place, one in what.events
        }
        if events:
            batch = ev.EventBatch(events=events.values())
            admin.read("EventService/BatchIngestEvents", ev.BatchIngestEventsRequest(events=batch))
        for (site, camera), start, length, state in what.spans:
            span: Any = events_pb2.Coverage(
                site=site,
                camera_id=camera,
                state=state,  # pyright: ignore[reportArgumentType]
                start_time=at(start),
                end_time=at(start + length),
            )
            reported = ev.CoverageBatch(coverage=[span])
            admin.read(
                "EventService/BatchIngestEvents", ev.BatchIngestEventsRequest(coverage=reported)
            )
        for number, places in enumerate(what.insights):
            admin.read(
                "InsightService/PublishInsight",
                ins.PublishInsightRequest(
                    insight_type=insights_pb2.INSIGHT_TYPE_ACTIVITY_SPIKE,
                    severity=insights_pb2.SEVERITY_HIGH,
                    title=f"Unusual {prefix}{number}",
                    message="More than usual.",
                    affected_cameras=sorted({camera for _, camera in places}),
                    sites=sorted({site for site, _ in places}),
                    window=common_pb2.TimeRange(start_time=at(-60), end_time=at(60)),
                    dedupe_key=f"{prefix}{number}",
                    expires_at=at(60 * 24 * 90),  # when it is looked at is a matter of time
                ),
            )

    def live(self, user: str, talk: Sequence[str], *, tenant: str = "") -> None:
        """What a user who sees everything asks, keeps and follows, under the names that the caller
        uses as well."""
        wire = self.wire(user, tenant=tenant, role="admin")
        for number, said in enumerate(talk):
            wire.read(
                "PromptService/Answer",
                pr.AnswerRequest(
                    query=f"what did the {said} do?",
                    conversation_id=f"talk{number}",
                    request_id=f"request{number}",
                    as_of=at(120),
                ),
            )
        wire.call(
            "InsightService/CreateStandingQuestion",
            ins.CreateStandingQuestionRequest(
                standing_question=insights_pb2.StandingQuestion(
                    query="tell me when a truck stops at the gate"
                )
            ),
        )
        wire.call(
            "InsightService/SubscribeInsights",
            ins.SubscribeInsightsRequest(subscription_id="pager"),
        )
        wire.call("ConsentService/GiveConsent", cn.GiveConsentRequest(policy_version="theirs"))
        wire.call("PromptService/Prewarm", pr.PrewarmRequest(conversation_id="talk0", wait=True))

    def others(self, talk: Sequence[str], given: Given) -> None:
        """Another tenant that uses the same names for everything, templates among it."""
        tenant = f"not {self.tenant}"
        self.fill(given, "e", tenant=tenant)
        self.live("vic", talk, tenant=tenant)
        _keep(self.wire("vic", tenant=tenant, role="admin"), "Theirs blue truck", "blue truck?")


def _event(event_id: str, place: tuple[str, str], one: Mapping[str, Any]) -> events_pb2.Event:
    length = one["length"]
    return events_pb2.Event(
        event_id=event_id,
        site=place[0],
        camera_id=place[1],
        start_time=at(one["minutes"]),
        end_time=None if length is None else at(one["minutes"] + length),
        event_type=one["event_type"],
        label=one["label"],
        zones=one["zones"],
        description=one["description"],
    )


def _keep(wire: Wire, title: str, body: str) -> str:
    template = templates_pb2.Template(title=title, body=body, category="all")
    made = wire.read("TemplateService/CreateTemplate", te.CreateTemplateRequest(template=template))
    return made.template.template_id


# ---- what is read -------------------------------------------------------------------------------

QUESTIONS = (
    "what happened today?",
    "how many trucks were there today?",
    "was there anybody at the strong room today?",
    "when was the last truck at V1?",
    "which camera was busiest today?",
    "compare the school and the vault today",
    "events per hour today",
    "how long did the longest visit last today?",
    "blue truck",
    "vault truck runs",
    "how many people between 10 and 11 every day this week?",
    "what went on at 11:30 today?",
    "anything unusual today?",
    "anything out of the ordinary at V1 today?",
    "which cameras are there?",
    "was anything recorded at V1 today?",
    "how many people will there be tomorrow?",
    "what did the camera see?",
    "what is the capital of France?",
)
PAST_QUESTIONS = (
    "what happened on 5 January 2026?",
    "how many trucks were there on 5 January 2026?",
    "which camera was busiest on 5 January 2026?",
    "when was the first vehicle at V1 on 5 January 2026?",
    "blue truck on 5 January 2026",
)
FILTERS = (
    events_pb2.EventFilter(),
    events_pb2.EventFilter(cameras=["V1"]),
    events_pb2.EventFilter(cameras=["G1", "V1"]),
    events_pb2.EventFilter(sites=["school"]),
    events_pb2.EventFilter(sites=["vault"]),
    events_pb2.EventFilter(zones=["safe", "gate"]),
    events_pb2.EventFilter(labels=["truck"]),
    events_pb2.EventFilter(text="blue truck"),
    events_pb2.EventFilter(text="vault runs gate"),
    events_pb2.EventFilter(windows=[common_pb2.TimeRange(start_time=at(-90), end_time=at(30))]),
    events_pb2.EventFilter(ongoing_at=at(5)),
)


def pages(wire: Wire, name: str, request: Any, most: int = 5) -> Iterator[Told]:
    """All pages of a list, one item each: also whether there is a next one."""
    request.page_size = 1
    for _ in range(most):
        told = wire.call(name, request)
        yield told
        if told.status is not None or not told.one.next_page_token:
            return
        request.page_token = told.one.next_page_token


def reads(wire: Wire) -> Iterator[tuple[str, Told]]:
    """Everything that a caller can ask, by the name of its RPC."""

    def ask(name: str, *requests: Message) -> tuple[str, Told]:
        return name, wire.call(name, *requests)

    yield ask("PromptService/Prewarm", pr.PrewarmRequest(conversation_id="talk0", wait=True))
    yield ask("MetricsService/GetSystemHealth", me.GetSystemHealthRequest())
    yield ask("ConsentService/GetConsent", cn.GetConsentRequest())
    yield from _events(wire)
    yield from _questions(wire)
    yield from _predecessors(wire)
    yield from _history(wire)
    yield from _insights(wire)
    yield from _templates(wire)
    for by in (1, 2, 3):
        asked = me.GetUsageRequest(time_range=EVER, group_by=[by])  # pyright: ignore
        yield ask("MetricsService/GetUsage", asked)
    yield ask("MetricsService/GetUsage", me.GetUsageRequest(user_id="ada"))
    yield ask("MetricsService/GetUsage", me.GetUsageRequest(whole_tenant=True))
    yield from _sent(wire)


def _events(wire: Wire) -> Iterator[tuple[str, Told]]:
    for chosen in FILTERS:
        for order in range(1, 5):
            request: Any = ev.ListEventsRequest(filter=chosen, order=order)  # pyright: ignore
            if chosen.text or not order % 2:
                yield "EventService/ListEvents", wire.call("EventService/ListEvents", request)
            else:
                for told in pages(wire, "EventService/ListEvents", request, most=3):
                    yield "EventService/ListEvents", told
        for by in ((), (1,), (2,), (3, 5), (7,), (4,)):
            counted: Any = ev.CountEventsRequest(filter=chosen, group_by=by)  # pyright: ignore
            yield "EventService/CountEvents", wire.call("EventService/CountEvents", counted)
    for one in ("e9", "e0", "e1", "h0", "h1", "i0", "nowhere"):
        asked = ev.GetEventRequest(event_id=one)
        yield "EventService/GetEvent", wire.call("EventService/GetEvent", asked)
        drawn = ev.GetEventClipRequest(event_id=one)
        yield "EventService/GetEventClip", wire.call("EventService/GetEventClip", drawn)
    for told in pages(wire, "EventService/ListCameras", ev.ListCamerasRequest(as_of=at(120))):
        yield "EventService/ListCameras", told
    day = common_pb2.TimeRange(start_time=at(-720), end_time=at(720))
    for told in pages(wire, "EventService/ListCoverage", ev.ListCoverageRequest(time_range=day)):
        yield "EventService/ListCoverage", told
    for camera in ("G1", "V1"):
        of_one = ev.ListCoverageRequest(time_range=day, cameras=[camera])
        yield "EventService/ListCoverage", wire.call("EventService/ListCoverage", of_one)
    for site in ("school", "vault", "nowhere"):
        yield (
            "EventService/ListCameras",
            wire.call(
                "EventService/ListCameras", ev.ListCamerasRequest(sites=[site], as_of=at(120))
            ),
        )
        yield (
            "SiteService/GetSite",
            wire.call("SiteService/GetSite", si.GetSiteRequest(site_id=site)),
        )
    for told in pages(wire, "SiteService/ListSites", si.ListSitesRequest()):
        yield "SiteService/ListSites", told


def _questions(wire: Wire) -> Iterator[tuple[str, Told]]:
    turn_id = ""
    for number, query in enumerate(QUESTIONS):
        asked = pr.AskRequest(
            query=query, conversation_id=f"talk{number % 3}", as_of=at(120), detail=2
        )  # pyright: ignore[reportArgumentType]
        told = wire.call("PromptService/Ask", asked)
        turn_id = told.messages[0].turn.turn_id  # type: ignore[attr-defined]
        yield "PromptService/Ask", told
        classified = pr.ClassifyIntentRequest(query=query, as_of=at(120), conversation_id="talk0")
        yield "PromptService/ClassifyIntent", wire.call("PromptService/ClassifyIntent", classified)
    yield (
        "PromptService/WatchTurn",
        wire.call("PromptService/WatchTurn", pr.WatchTurnRequest(turn_id=turn_id)),
    )
    for number, query in enumerate(QUESTIONS[:4]):
        answered = pr.AnswerRequest(query=query, as_of=at(120), request_id=f"request{number}")
        yield "PromptService/Answer", wire.call("PromptService/Answer", answered)
        better = pr.OptimizePromptRequest(prompt=query, conversation_id="talk1", as_of=at(120))
        yield "PromptService/OptimizePrompt", wire.call("PromptService/OptimizePrompt", better)
    text = prompts_pb2.GenerationSource(prompt="Say what happened at the gate on 5 January 2026.")
    yield (
        "PromptService/GenerateContent",
        wire.call("PromptService/GenerateContent", pr.GenerateContentRequest(source=text)),
    )
    prompt = chat_pb2.ChatPrompt(message_id="m0", query=QUESTIONS[2], as_of=at(120))
    frames = (
        chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup(conversation_id="talk1")),
        chat_pb2.ChatRequest(prompt=prompt),
    )
    yield "PromptService/Chat", wire.call("PromptService/Chat", *frames)


def _predecessors(wire: Wire) -> Iterator[tuple[str, Told]]:
    def ask(name: str, request: Message, *headers: tuple[str, str]) -> tuple[str, Told]:
        asking = replace(wire, headers=headers)
        return f"CompatService/{name}", asking.call(f"CompatService/{name}", request)

    yield ask("GetChatbotPrewarm", co.GetChatbotPrewarmRequest())
    yield ask("GetChatbotHealth", co.GetChatbotHealthRequest())
    for number, query in enumerate(PAST_QUESTIONS):  # for these clients it is always now
        asked = co.AskStreamRequest(question=query, conversation_id=f"talk{number % 3}")
        yield ask("AskStream", asked)
        asked.conversation_id = ""
        yield ask("AskStream", asked, ("x-stream", "true"), ("x-stream-events", "L2"))
        said = co.ChatCompletionMessage(role="user", content=query)
        yield ask("CreateChatCompletion", co.CreateChatCompletionRequest(messages=[said]))
    for limit in (0, 1, 3):
        answers = co.ListDashboardPromptResponsesRequest(limit=limit)
        yield ask("ListDashboardPromptResponses", answers)
        insights = co.ListDashboardProactiveInsightsRequest(limit=limit)
        yield ask("ListDashboardProactiveInsights", insights)


def _sent(wire: Wire) -> Iterator[tuple[str, Told]]:
    """Events that the caller sends: new ones, known ones, and of cameras that are not theirs."""
    for event_id in ("e0", "e3", "new"):
        for site, camera in PLACES[:2]:
            sent = {"minutes": 3, "length": None, "event_type": "person_walks", "label": ""}
            one = _event(event_id, (site, camera), {**sent, "zones": [], "description": "sent"})
            batch = ev.EventBatch(events=[one])
            asked = ev.IngestEventsRequest(sequence=1, events=batch)
            yield "EventService/IngestEvents", wire.call("EventService/IngestEvents", asked)
            yield (
                "EventService/BatchIngestEvents",
                wire.call(
                    "EventService/BatchIngestEvents", ev.BatchIngestEventsRequest(events=batch)
                ),
            )
            posted = {
                "specversion": "1.0",
                "id": event_id,
                "source": site,
                "type": "person_walks",
                "subject": camera,
                "time": "2026-01-05T12:00:00Z",
            }
            body = HttpBody(
                content_type="application/cloudevents+json", data=json.dumps(posted).encode()
            )
            yield (
                "EventService/IngestCloudEvents",
                wire.call(
                    "EventService/IngestCloudEvents",
                    ev.IngestCloudEventsRequest(body=body, site=site),
                ),
            )


def _history(wire: Wire) -> Iterator[tuple[str, Told]]:
    def ask(name: str, request: Message) -> tuple[str, Told]:
        return f"HistoryService/{name}", wire.call(f"HistoryService/{name}", request)

    for talk in ("talk0", "talk1", "nowhere"):
        for user in ("", "ada", "nobody"):
            asked = hi.GetConversationRequest(
                conversation_id=talk, include_responses=True, user_id=user
            )
            yield ask("GetConversation", asked)
        listed = hi.ListMessagesRequest(conversation_id=talk)
        for told in pages(wire, "HistoryService/ListMessages", listed):
            yield "HistoryService/ListMessages", told
    for told in pages(wire, "HistoryService/ListConversations", hi.ListConversationsRequest()):
        yield "HistoryService/ListConversations", told
    for words in ("truck", "blue truck", "gate", "vault", "camera"):
        sought = hi.SearchMessagesRequest(query=words)
        yield ask("SearchMessages", sought)
        for told in pages(wire, "HistoryService/SearchMessages", sought):
            yield "HistoryService/SearchMessages", told
    listed_responses = hi.ListPromptResponsesRequest()
    for told in pages(wire, "HistoryService/ListPromptResponses", listed_responses):
        yield "HistoryService/ListPromptResponses", told
    for whole in (False, True):
        yield ask(
            "GetPromptAnalytics",
            hi.GetPromptAnalyticsRequest(time_range=_NOW, whole_tenant=whole, bucket=3),  # pyright: ignore
        )
        yield ask("ExportConversations", hi.ExportConversationsRequest(whole_tenant=whole))


_NOW = common_pb2.TimeRange(
    start_time=Timestamp(seconds=int(datetime.now(UTC).timestamp()) - 86_400),
    end_time=Timestamp(seconds=int(datetime.now(UTC).timestamp()) + 86_400),
)
"""Around the real time at which the tests ask."""


def _insights(wire: Wire) -> Iterator[tuple[str, Told]]:
    def ask(name: str, request: Message) -> tuple[str, Told]:
        return f"InsightService/{name}", wire.call(f"InsightService/{name}", request)

    some_id = "insight_nowhere"
    for filter_ in (
        insights_pb2.InsightFilter(),
        insights_pb2.InsightFilter(cameras=["V1"]),
        insights_pb2.InsightFilter(sites=["vault"]),
    ):
        for told in pages(
            wire, "InsightService/ListInsights", ins.ListInsightsRequest(filter=filter_)
        ):
            yield "InsightService/ListInsights", told
            some_id = next((one.insight_id for one in told.one.insights), some_id)
        for changes in (1, 2):
            start = ins.SubscribeInsightsRequest(
                start_time=_NOW.start_time,
                filter=filter_,
                changes=changes,  # pyright: ignore[reportArgumentType]
            )
            yield ask("SubscribeInsights", start)
    told = wire.call("InsightService/SubscribeInsights", ins.SubscribeInsightsRequest())
    yield "InsightService/SubscribeInsights", told
    token = told.messages[-1].resume_token  # type: ignore[attr-defined]
    yield ask("SubscribeInsights", ins.SubscribeInsightsRequest(resume_token=token))
    yield ask("SubscribeInsights", ins.SubscribeInsightsRequest(subscription_id="pager"))
    committed = ins.CommitSubscriptionRequest(subscription_id="pager", resume_token=token)
    yield ask("CommitSubscription", committed)
    for one in (some_id, "insight_nowhere"):
        yield ask("GetInsight", ins.GetInsightRequest(insight_id=one))
    for query in (
        "tell me when a truck stops at the gate",
        "tell me when a truck stops at the strong room",
        "let me know of people at V1",
    ):
        question = insights_pb2.StandingQuestion(query=query)
        asked = ins.CreateStandingQuestionRequest(standing_question=question, validate_only=True)
        yield ask("CreateStandingQuestion", asked)
    yield ask("ListStandingQuestions", ins.ListStandingQuestionsRequest())


def _templates(wire: Wire) -> Iterator[tuple[str, Told]]:
    def ask(name: str, request: Message) -> tuple[str, Told]:
        return f"TemplateService/{name}", wire.call(f"TemplateService/{name}", request)

    some_id = "template_nowhere"
    for words in ("", "truck", "blue truck", "theirs"):
        for told in pages(
            wire, "TemplateService/ListTemplates", te.ListTemplatesRequest(query=words)
        ):
            yield "TemplateService/ListTemplates", told
            some_id = next((one.template_id for one in told.one.templates), some_id)
    for one in (some_id, "template_nowhere"):
        yield ask("GetTemplate", te.GetTemplateRequest(template_id=one))
        yield ask("RenderTemplate", te.RenderTemplateRequest(template_id=one))
    for talk in ("talk0", "nowhere"):
        made = te.CreateTemplateFromConversationRequest(conversation_id=talk)
        yield ask("CreateTemplateFromConversation", made)


# ---- the property -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[grpc.Channel, ...]]:
    """Two services that share nothing."""
    numbers = ("plain", "fuller")
    homes: list[Path] = [tmp_path_factory.mktemp(name) for name in numbers]
    chosen = [
        Settings.from_environment(
            home=home,
            port=0,
            metrics_port=None,
            drain_s=0,
            jwt_secret=SECRET,
            jwt_audience=AUDIENCE,
            jwt_issuer=ISSUER,
            limits="off",
            insights=False,  # when detectors look is a matter of time
            clock=NOON + timedelta(hours=27),
            log_level="error",
        )
        for home in homes
    ]
    options = [("grpc.use_local_subchannel_pool", 1)]
    with (
        in_a_thread(chosen[0]) as first,
        in_a_thread(chosen[1]) as second,
        grpc.insecure_channel(first, options) as plain,
        grpc.insecure_channel(second, options) as fuller,
    ):
        yield plain, fuller


_tenants = itertools.count()


def test_every_rpc_is_read_or_stands_among_those_that_write() -> None:
    """A new RPC has to be asked here, or to be said to be something else."""
    assert {path.rpartition("/")[2] for path in METHODS} == READS | ROWS | WRITES
    assert not READS & WRITES
    assert not ROWS & (READS | WRITES)


@pytest.mark.parametrize("name", CALLERS)
def test_what_may_not_be_seen_changes_nothing_of_what_is_told(
    services: tuple[grpc.Channel, ...], name: str
) -> None:
    who = CALLERS[name]
    asked: set[str] = set()
    answered: set[str] = set()

    @settings(
        max_examples=scaled(60, least=3),
        phases=(Phase.generate,),  # each world takes seconds
        report_multiple_bugs=False,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_given, _given, _given)
    def holds(common: Given, hidden: Given, foreign: Given) -> None:
        tenant = f"t{next(_tenants)}"
        common = replace(common, events=(*common.events, SURE))
        told: list[list[tuple[str, Told]]] = []
        for channel, fuller in zip(services, (False, True), strict=True):
            world = World(channel, tenant)
            world.declare(who, hidden=fuller)
            if fuller:
                world.others(foreign.talk, foreign)
                world.live("ada", hidden.talk)
                world.fill(hidden.of(who, seen=False), "h")
            world.fill(common.of(who, seen=True), "e")
            if fuller:
                world.live("bob", hidden.talk)
                world.fill(common.of(who, seen=False), "i")
            _keep(world.wire("ada", role="admin"), "Blue truck", "how many trucks today?")
            wire = world.wire("vic", **who.claims)
            found = list(reads(wire))
            asked.update(one for one, _ in found)
            answered.update(one for one, told_of_it in found if told_of_it.status is None)
            told.append(found)
        for (one, without), (other, within) in zip(*told, strict=False):
            assert one == other
            assert same(without) == same(within), f"{one}: {without} became {within}"
        assert len(told[0]) == len(told[1])

    holds()
    assert {one.rpartition("/")[2] for one in asked} == READS
    if who.role == "admin":
        assert answered == asked  # not one refusal compared with another


@pytest.mark.parametrize("name", CALLERS)
def test_live_metrics_show_no_rows_but_those_that_may_be_seen(
    services: tuple[grpc.Channel, ...], name: str
) -> None:
    """Rows are the tenant's for who may see every camera, the caller's own for others."""
    who = CALLERS[name]
    limited = who.cameras is not None or who.sites is not None

    @settings(
        max_examples=scaled(20, least=2),
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_given, _given, _given)
    def holds(common: Given, hidden: Given, foreign: Given) -> None:
        tenant = f"rows{next(_tenants)}"
        told: list[list[bytes]] = []
        for channel, fuller in zip(services, (False, True), strict=True):
            world = World(channel, tenant)
            world.declare(who, hidden=fuller and limited)
            world.fill(common.of(who, seen=True), "e")

            def crowd(world: World = world, fuller: bool = fuller) -> None:
                """Others, who ask, and are refused."""
                if not fuller:
                    return
                world.others(foreign.talk, foreign)
                if limited:
                    world.fill(hidden.of(who, seen=False), "h")
                    world.live("bob", hidden.talk)
                for wire in (
                    world.wire("vic", tenant=f"not {tenant}", role="admin"),
                    *([world.wire("bob", role="admin")] if limited else []),
                ):
                    lost = ev.GetEventRequest(event_id="zanzibar")
                    assert wire.call("EventService/GetEvent", lost).status is not None

            crowd()
            found = list(_rows(world.wire("vic", **who.claims), crowd))
            assert not any(b"zanzibar" in one for one in found)
            assert all(b"of vic" in one for one in (*found[:3], *found[-3:]))
            told.append(found)
        assert told[0] == told[1]

    holds()


def _rows(wire: Wire, meanwhile: Callable[[], None]) -> Iterator[bytes]:
    """What live metrics show, of before and of what happens `meanwhile`, after some calls of the
    caller's own. No stream ends before the last look: when that is noted is a matter of time."""
    asked = pr.AskRequest(query=QUESTIONS[0], as_of=at(120))
    wire.call("PromptService/Ask", asked)
    lost = ev.GetEventRequest(event_id="of vic")
    wire.call("EventService/GetEvent", lost)
    for models in ((), ("grounded",)):
        for most in (0, 1, 40):
            looked = me.GetMetricsRequest(models=models, max_recent=most)
            told = wire.call("MetricsService/GetMetrics", looked)
            assert told.status is None
            yield same(told)
    kinds = (me.METRICS_KIND_REQUEST, me.METRICS_KIND_ERROR)
    wanted = me.SubscribeMetricsRequest(kinds=kinds)
    with (
        wire.following("MetricsService/SubscribeMetrics", wanted) as live,
        wire.following("CompatService/StreamMetrics", co.StreamMetricsRequest()) as events,
    ):
        before = [next(live)]
        shown = [next(events)]
        while b'"system_health"' not in shown[-1].data:
            shown.append(next(events))
        yield same(Told(tuple(before)))
        yield same(Told(tuple(shown)))
        meanwhile()
        wire.call("EventService/GetEvent", lost)
        yield same(Told((next(live), next(live))))


def test_a_limited_caller_is_told_no_positions_and_no_two_equal_tokens(
    services: tuple[grpc.Channel, ...],
) -> None:
    """The property can't see it: it leaves tokens out."""
    world = World(services[0], f"t{next(_tenants)}")
    world.fill(Given((), (), ((("school", "G1"),), (("vault", "V1"),)), ()), "e")
    start = ins.SubscribeInsightsRequest(start_time=_NOW.start_time)
    for claims, positions in (({"cameras": ["G1"]}, [0]), ({}, [1, 2])):
        wire = world.wire("vic", **claims)
        streams = [wire.call("InsightService/SubscribeInsights", start) for _ in range(2)]
        messages: list[Any] = [one for told in streams for one in told.messages]
        found = [one.revision.position for one in messages if one.HasField("revision")]
        assert found == positions * 2
        tokens = [one.resume_token for one in messages]
        assert len(set(tokens)) == (len(tokens) if claims else 2)
        for token in tokens:  # good for going on, all of them
            again = ins.SubscribeInsightsRequest(resume_token=token)
            assert wire.call("InsightService/SubscribeInsights", again).status is None
