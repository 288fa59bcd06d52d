"""How to ask each RPC about a thing that is somebody's: the table behind test_others_things.py.

Each RPC of the contract has a row of cells, and each cell makes a request out of things: those of
somebody else, or others of the same form that nobody has. A new RPC without a row fails the build;
add one by saying how it names what, and what others in its tenant are told about it:

    PRIVATE   nothing: it is answered as if it were not there
    TENANTS   everything: the whole tenant sees it
    OWNERS    they see it, and may not change it
    NOTHING   the request names nothing, and the answer holds nothing of somebody else's

Another tenant is never told more than nothing. RPCs that are not built yet have their rows already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

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

MARK = "zanzibar"
"""A word in all that the owner asks and keeps for themselves, and in nothing of anybody else."""
SHARED = "regatta"
"""The same for what the owner gives to the tenant."""

WHEN = Timestamp(seconds=1_767_614_400)
LATER = Timestamp(seconds=1_767_618_000)
HOUR = common_pb2.TimeRange(start_time=WHEN, end_time=LATER)


@dataclass(frozen=True)
class Things:
    """Names of what somebody has. Two of them have names of the same lengths."""

    user: str
    conversation: str
    request: str
    message: str
    turn: str
    template: str
    insight: str
    dedupe_key: str
    standing: str
    site: str
    camera: str
    event: str
    subscription: str
    resume_token: str
    page_token: str
    export_token: str

    def names(self, *, private: bool = False) -> tuple[str, ...]:
        """All of them, or those of what the rest of the tenant does not see."""
        fields = [one for one in self.__dataclass_fields__ if not (private and one in _TENANTS)]
        return tuple(getattr(self, name) for name in fields)

    def nobodys(self) -> Things:
        """Names of the same form that nobody has."""
        return replace(
            self, **{name: _other(getattr(self, name)) for name in self.__dataclass_fields__}
        )


_TENANTS = {"template", "insight", "dedupe_key", "site", "camera", "event", "resume_token"}


def _other(name: str) -> str:
    """The same form, other letters."""
    head, sep, tail = name.rpartition("_")
    turned = tail[::-1]
    if turned == tail:
        turned = ("0" if tail[:1] != "0" else "1") + tail[1:]
    return f"{head}{sep}{turned}"


class Tenant(Enum):
    """What others of the same tenant are told."""

    PRIVATE = "as if it were not there"
    TENANTS = "all of it"
    OWNERS = "that it is not theirs to change"
    NOTHING = "nothing of it"


PRIVATE, TENANTS, OWNERS, NOTHING = Tenant


@dataclass(frozen=True)
class Cell:
    """One way to ask. `makes` gives the request, or the messages of a client stream."""

    makes: Callable[[Things], Message | Sequence[Message]]
    tenant: Tenant = PRIVATE

    def requests(self, things: Things) -> tuple[Message, ...]:
        """The messages to send."""
        made = self.makes(things)
        return (made,) if isinstance(made, Message) else tuple(made)


def _event(things: Things) -> events_pb2.Event:
    return events_pb2.Event(
        event_id=things.event,
        site=things.site,
        camera_id=things.camera,
        event_type="person_walks",
        start_time=WHEN,
    )


def _cloud_event(things: Things) -> ev.IngestCloudEventsRequest:
    event = {
        "specversion": "1.0",
        "id": things.event,
        "source": things.site,
        "type": "person_walks",
        "subject": things.camera,
        "time": "2026-01-05T12:00:00Z",
    }
    body = HttpBody(content_type="application/cloudevents+json", data=json.dumps(event).encode())
    return ev.IngestCloudEventsRequest(body=body, site=things.site)


def _insight(things: Things) -> ins.PublishInsightRequest:
    return ins.PublishInsightRequest(
        insight_type=insights_pb2.INSIGHT_TYPE_PREDICTION,
        title="Mine",
        message="Mine.",
        dedupe_key=things.dedupe_key,
        window=common_pb2.TimeRange(start_time=WHEN, end_time=LATER),
    )


def _asked(things: Things) -> pr.AskRequest:
    return pr.AskRequest(
        query="how many events were there on 5 January 2026?",
        conversation_id=things.conversation,
        request_id=things.request,
        as_of=LATER,
    )


def _template(things: Things) -> te.UpdateTemplateRequest:
    return te.UpdateTemplateRequest(
        template=templates_pb2.Template(template_id=things.template, title="Mine"),
        update_mask=FieldMask(paths=["title"]),
    )


def _standing(things: Things) -> ins.UpdateStandingQuestionRequest:
    return ins.UpdateStandingQuestionRequest(
        standing_question=insights_pb2.StandingQuestion(
            standing_question_id=things.standing, paused=True
        ),
        update_mask=FieldMask(paths=["paused"]),
    )


def _source(things: Things) -> prompts_pb2.GenerationSource:
    call = prompts_pb2.TemplateCall(template_id=things.template)
    return prompts_pb2.GenerationSource(template=call)


def _chat(things: Things) -> Sequence[Message]:
    prompt = chat_pb2.ChatPrompt(
        message_id=things.message, query="what happened on 5 January 2026?", as_of=LATER
    )
    return (
        chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup(conversation_id=things.conversation)),
        chat_pb2.ChatRequest(prompt=prompt),
    )


def _chat_tools(things: Things) -> Sequence[Message]:
    return (
        chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup(conversation_id=things.conversation)),
        chat_pb2.ChatRequest(
            save_as_template=chat_pb2.ChatSaveAsTemplate(message_id=things.message)
        ),
    )


def _chat_generates(things: Things) -> Sequence[Message]:
    generate = chat_pb2.ChatGenerate(message_id=things.message, source=_source(things))
    return (
        chat_pb2.ChatRequest(setup=chat_pb2.ChatSetup()),
        chat_pb2.ChatRequest(generate=generate),
    )


TABLE: Mapping[str, tuple[Cell, ...]] = {
    "PromptService/Ask": (
        Cell(_asked),
        Cell(
            lambda one: pr.AskRequest(
                query="what happened on 5 January 2026?",
                filter={"cameras": [one.camera], "sites": [one.site]},  # pyright: ignore
                as_of=LATER,
            ),
            TENANTS,
        ),
        Cell(
            lambda one: pr.AskRequest(query=f"what happened at {one.camera}?", as_of=LATER), TENANTS
        ),
    ),
    "PromptService/Answer": (
        Cell(
            lambda one: pr.AnswerRequest(
                query="how many people?",
                conversation_id=one.conversation,
                request_id=one.request,
                as_of=LATER,
            )
        ),
    ),
    "PromptService/Chat": (
        Cell(_chat),
        Cell(_chat_tools),
        Cell(_chat_generates, TENANTS),
    ),
    "PromptService/WatchTurn": (
        Cell(lambda one: pr.WatchTurnRequest(turn_id=one.turn)),
        Cell(lambda one: pr.WatchTurnRequest(turn_id=one.turn, attempt=7, after_sequence=99_999)),
    ),
    "PromptService/CancelTurn": (Cell(lambda one: pr.CancelTurnRequest(turn_id=one.turn)),),
    "PromptService/Prewarm": (
        Cell(lambda one: pr.PrewarmRequest(conversation_id=one.conversation, wait=True)),
    ),
    "PromptService/ClassifyIntent": (
        Cell(
            lambda one: pr.ClassifyIntentRequest(
                query="and the day before?", conversation_id=one.conversation, as_of=LATER
            )
        ),
        Cell(
            lambda one: pr.ClassifyIntentRequest(query=f"events at {one.camera}?", as_of=LATER),
            TENANTS,
        ),
    ),
    "PromptService/OptimizePrompt": (
        Cell(
            lambda one: pr.OptimizePromptRequest(
                prompt="and the day before?", conversation_id=one.conversation, as_of=LATER
            )
        ),
    ),
    "PromptService/GenerateContent": (
        Cell(lambda one: pr.GenerateContentRequest(source=_source(one)), TENANTS),
    ),
    "HistoryService/GetConversation": (
        Cell(
            lambda one: hi.GetConversationRequest(
                conversation_id=one.conversation, include_responses=True
            )
        ),
        Cell(
            lambda one: hi.GetConversationRequest(
                conversation_id=one.conversation, user_id=one.user
            )
        ),
    ),
    "HistoryService/ListConversations": (
        Cell(lambda _: hi.ListConversationsRequest(), NOTHING),
        Cell(lambda one: hi.ListConversationsRequest(user_id=one.user)),
        Cell(lambda one: hi.ListConversationsRequest(page_token=one.page_token)),
    ),
    "HistoryService/ListMessages": (
        Cell(lambda one: hi.ListMessagesRequest(conversation_id=one.conversation)),
        Cell(
            lambda one: hi.ListMessagesRequest(
                conversation_id=one.conversation, user_id=one.user, newest_first=True
            )
        ),
    ),
    "HistoryService/SearchMessages": (
        Cell(lambda _: hi.SearchMessagesRequest(query=MARK), NOTHING),
        Cell(
            lambda one: hi.SearchMessagesRequest(query=MARK, conversation_id=one.conversation),
        ),
        Cell(lambda one: hi.SearchMessagesRequest(query=MARK, user_id=one.user)),
    ),
    "HistoryService/ListPromptResponses": (
        Cell(lambda _: hi.ListPromptResponsesRequest(), NOTHING),
        Cell(lambda one: hi.ListPromptResponsesRequest(conversation_id=one.conversation)),
        Cell(lambda one: hi.ListPromptResponsesRequest(user_id=one.user)),
    ),
    "HistoryService/GetPromptAnalytics": (
        Cell(lambda _: hi.GetPromptAnalyticsRequest(), NOTHING),
        Cell(lambda _: hi.GetPromptAnalyticsRequest(whole_tenant=True), NOTHING),
        Cell(lambda one: hi.GetPromptAnalyticsRequest(user_id=one.user)),
    ),
    "HistoryService/DeleteConversation": (
        Cell(lambda one: hi.DeleteConversationRequest(conversation_id=one.conversation)),
    ),
    "HistoryService/ExportConversations": (
        Cell(lambda _: hi.ExportConversationsRequest(), NOTHING),
        Cell(lambda _: hi.ExportConversationsRequest(whole_tenant=True), NOTHING),
        Cell(lambda one: hi.ExportConversationsRequest(user_id=one.user)),
        Cell(lambda one: hi.ExportConversationsRequest(resume_token=one.export_token)),
    ),
    "EventService/IngestEvents": (
        Cell(
            lambda one: [
                ev.IngestEventsRequest(sequence=1, events=ev.EventBatch(events=[_event(one)]))
            ],
            TENANTS,
        ),
    ),
    "EventService/BatchIngestEvents": (
        Cell(
            lambda one: ev.BatchIngestEventsRequest(events=ev.EventBatch(events=[_event(one)])),
            TENANTS,
        ),
    ),
    "EventService/IngestCloudEvents": (Cell(_cloud_event, TENANTS),),
    "EventService/ListEvents": (
        Cell(lambda _: ev.ListEventsRequest(), TENANTS),
        Cell(
            lambda one: ev.ListEventsRequest(filter=events_pb2.EventFilter(cameras=[one.camera])),
            TENANTS,
        ),
        Cell(lambda one: ev.ListEventsRequest(page_size=1, page_token=one.page_token)),
    ),
    "EventService/GetEvent": (Cell(lambda one: ev.GetEventRequest(event_id=one.event), TENANTS),),
    "EventService/GetEventClip": (
        Cell(lambda one: ev.GetEventClipRequest(event_id=one.event), TENANTS),
    ),
    "EventService/CountEvents": (
        Cell(lambda _: ev.CountEventsRequest(), TENANTS),
        Cell(
            lambda one: ev.CountEventsRequest(
                filter=events_pb2.EventFilter(cameras=[one.camera], sites=[one.site])
            ),
            TENANTS,
        ),
    ),
    "EventService/ListCameras": (
        Cell(lambda _: ev.ListCamerasRequest(), TENANTS),
        Cell(lambda one: ev.ListCamerasRequest(sites=[one.site]), TENANTS),
    ),
    "EventService/ListCoverage": (
        Cell(lambda _: ev.ListCoverageRequest(time_range=HOUR), TENANTS),
        Cell(
            lambda one: ev.ListCoverageRequest(
                time_range=HOUR, cameras=[one.camera], sites=[one.site]
            ),
            TENANTS,
        ),
    ),
    "SiteService/PutSite": (
        Cell(
            lambda one: si.PutSiteRequest(site=si.Site(site_id=one.site, time_zone="UTC")), TENANTS
        ),
    ),
    "SiteService/GetSite": (Cell(lambda one: si.GetSiteRequest(site_id=one.site), TENANTS),),
    "SiteService/ListSites": (Cell(lambda _: si.ListSitesRequest(), TENANTS),),
    "InsightService/SubscribeInsights": (
        Cell(lambda _: ins.SubscribeInsightsRequest(start_time=WHEN), TENANTS),
        Cell(lambda one: ins.SubscribeInsightsRequest(subscription_id=one.subscription)),
        Cell(lambda one: ins.SubscribeInsightsRequest(resume_token=one.resume_token), TENANTS),
    ),
    "InsightService/ListInsights": (Cell(lambda _: ins.ListInsightsRequest(), TENANTS),),
    "InsightService/GetInsight": (
        Cell(lambda one: ins.GetInsightRequest(insight_id=one.insight), TENANTS),
    ),
    "InsightService/AcknowledgeInsights": (
        Cell(lambda one: ins.AcknowledgeInsightsRequest(insight_ids=[one.insight]), TENANTS),
    ),
    "InsightService/MuteInsights": (
        Cell(lambda one: ins.MuteInsightsRequest(dedupe_key=one.dedupe_key), TENANTS),
    ),
    "InsightService/PublishInsight": (
        Cell(_insight, TENANTS),
        Cell(
            lambda one: ins.PublishInsightRequest(
                insight_type=insights_pb2.INSIGHT_TYPE_PREDICTION,
                title="Mine",
                message="Mine.",
                window=common_pb2.TimeRange(start_time=WHEN, end_time=LATER),
                event_ids=[one.event],
            ),
            TENANTS,
        ),
    ),
    "InsightService/CommitSubscription": (
        Cell(
            lambda one: ins.CommitSubscriptionRequest(
                subscription_id=one.subscription, resume_token=one.resume_token
            ),
            TENANTS,
        ),
    ),
    "InsightService/CreateStandingQuestion": (
        Cell(
            lambda one: ins.CreateStandingQuestionRequest(
                standing_question=insights_pb2.StandingQuestion(
                    query="tell me when a person walks"
                ),
                request_id=one.request,
            )
        ),
        Cell(
            lambda one: ins.CreateStandingQuestionRequest(
                standing_question=insights_pb2.StandingQuestion(
                    query=f"tell me when a person walks at {one.camera}"
                ),
                validate_only=True,
            ),
            TENANTS,
        ),
    ),
    "InsightService/ListStandingQuestions": (
        Cell(lambda _: ins.ListStandingQuestionsRequest(), NOTHING),
    ),
    "InsightService/UpdateStandingQuestion": (Cell(_standing),),
    "InsightService/DeleteStandingQuestion": (
        Cell(lambda one: ins.DeleteStandingQuestionRequest(standing_question_id=one.standing)),
    ),
    "TemplateService/CreateTemplate": (
        Cell(
            lambda one: te.CreateTemplateRequest(
                template=templates_pb2.Template(title="Mine", body="Mine?"), request_id=one.request
            )
        ),
    ),
    "TemplateService/GetTemplate": (
        Cell(lambda one: te.GetTemplateRequest(template_id=one.template), TENANTS),
    ),
    "TemplateService/ListTemplates": (
        Cell(lambda _: te.ListTemplatesRequest(), TENANTS),
        Cell(lambda _: te.ListTemplatesRequest(query=MARK), TENANTS),
    ),
    "TemplateService/UpdateTemplate": (Cell(_template, OWNERS),),
    "TemplateService/DeleteTemplate": (
        Cell(lambda one: te.DeleteTemplateRequest(template_id=one.template), OWNERS),
    ),
    "TemplateService/RenderTemplate": (
        Cell(lambda one: te.RenderTemplateRequest(template_id=one.template), TENANTS),
    ),
    "TemplateService/CreateTemplateFromConversation": (
        Cell(
            lambda one: te.CreateTemplateFromConversationRequest(conversation_id=one.conversation)
        ),
    ),
    "ConsentService/GetConsent": (Cell(lambda _: cn.GetConsentRequest(), NOTHING),),
    "ConsentService/GiveConsent": (
        Cell(lambda _: cn.GiveConsentRequest(policy_version="mine"), NOTHING),
    ),
    "ConsentService/WithdrawConsent": (Cell(lambda _: cn.WithdrawConsentRequest(), NOTHING),),
    "MetricsService/SubscribeMetrics": (Cell(lambda _: me.SubscribeMetricsRequest(), TENANTS),),
    "MetricsService/GetMetrics": (Cell(lambda _: me.GetMetricsRequest(), TENANTS),),
    "MetricsService/GetSystemHealth": (Cell(lambda _: me.GetSystemHealthRequest(), NOTHING),),
    "MetricsService/GetUsage": (
        Cell(lambda _: me.GetUsageRequest(), NOTHING),
        Cell(lambda _: me.GetUsageRequest(whole_tenant=True), NOTHING),
        Cell(lambda one: me.GetUsageRequest(user_id=one.user)),
    ),
    "CompatService/AskStream": (
        Cell(
            lambda one: co.AskStreamRequest(
                question="how many people on 5 January 2026?", conversation_id=one.conversation
            )
        ),
    ),
    "CompatService/CreateChatCompletion": (
        Cell(
            lambda one: co.CreateChatCompletionRequest(
                question="how many people on 5 January 2026?", conversation_id=one.conversation
            )
        ),
        Cell(
            lambda one: co.CreateChatCompletionRequest(
                query=f"what happened at {one.camera} on 5 January 2026?"
            ),
            TENANTS,
        ),
    ),
    "CompatService/GetChatbotPrewarm": (Cell(lambda _: co.GetChatbotPrewarmRequest(), NOTHING),),
    "CompatService/GetChatbotHealth": (Cell(lambda _: co.GetChatbotHealthRequest(), NOTHING),),
    "CompatService/ListDashboardPromptResponses": (
        Cell(lambda _: co.ListDashboardPromptResponsesRequest(), NOTHING),
    ),
    "CompatService/ListDashboardProactiveInsights": (
        Cell(lambda _: co.ListDashboardProactiveInsightsRequest(), TENANTS),
    ),
    "CompatService/StreamMetrics": (Cell(lambda _: co.StreamMetricsRequest(), TENANTS),),
}

AUDITED: Mapping[str, Callable[[Things], Message]] = {
    "HistoryService/GetConversation": lambda one: hi.GetConversationRequest(
        conversation_id=one.conversation, user_id=one.user
    ),
    "HistoryService/ListConversations": lambda one: hi.ListConversationsRequest(user_id=one.user),
    "HistoryService/ListMessages": lambda one: hi.ListMessagesRequest(
        conversation_id=one.conversation, user_id=one.user
    ),
    "HistoryService/SearchMessages": lambda one: hi.SearchMessagesRequest(
        query=MARK, user_id=one.user
    ),
    "HistoryService/ListPromptResponses": lambda one: hi.ListPromptResponsesRequest(
        user_id=one.user
    ),
    "HistoryService/ExportConversations": lambda _: hi.ExportConversationsRequest(
        whole_tenant=True
    ),
}
"""What an admin may read of others in the tenant: the answer holds the owner's word."""
