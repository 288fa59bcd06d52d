"""The calls of the contract that this client makes, as data: both transports read the same table.

A test holds the paths and types against the descriptors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from .v1 import chat_pb2 as chat
from .v1 import consent_service_pb2 as consent
from .v1 import event_service_pb2 as events
from .v1 import history_service_pb2 as history
from .v1 import insight_service_pb2 as insights
from .v1 import metrics_service_pb2 as metrics
from .v1 import prompt_service_pb2 as prompt
from .v1 import site_service_pb2 as site
from .v1 import template_service_pb2 as template

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[RequestT, ResponseT]):
    """An RPC: its path and its message types."""

    path: str
    request: type[RequestT]
    response: type[ResponseT]


def _prompt(name: str) -> str:
    return f"/enhanced_prompt.v1.PromptService/{name}"


def _consent(name: str) -> str:
    return f"/enhanced_prompt.v1.ConsentService/{name}"


def _events(name: str) -> str:
    return f"/enhanced_prompt.v1.EventService/{name}"


def _history(name: str) -> str:
    return f"/enhanced_prompt.v1.HistoryService/{name}"


def _insights(name: str) -> str:
    return f"/enhanced_prompt.v1.InsightService/{name}"


def _site(name: str) -> str:
    return f"/enhanced_prompt.v1.SiteService/{name}"


def _template(name: str) -> str:
    return f"/enhanced_prompt.v1.TemplateService/{name}"


ASK: Final = Method(_prompt("Ask"), prompt.AskRequest, prompt.AskResponse)
ANSWER: Final = Method(_prompt("Answer"), prompt.AnswerRequest, prompt.AnswerResponse)
WATCH_TURN: Final = Method(_prompt("WatchTurn"), prompt.WatchTurnRequest, prompt.WatchTurnResponse)
CANCEL_TURN: Final = Method(
    _prompt("CancelTurn"), prompt.CancelTurnRequest, prompt.CancelTurnResponse
)
CHAT: Final = Method(_prompt("Chat"), chat.ChatRequest, chat.ChatResponse)
PREWARM: Final = Method(_prompt("Prewarm"), prompt.PrewarmRequest, prompt.PrewarmResponse)

CLASSIFY_INTENT: Final = Method(
    _prompt("ClassifyIntent"), prompt.ClassifyIntentRequest, prompt.ClassifyIntentResponse
)
OPTIMIZE_PROMPT: Final = Method(
    _prompt("OptimizePrompt"), prompt.OptimizePromptRequest, prompt.OptimizePromptResponse
)
GENERATE_CONTENT: Final = Method(
    _prompt("GenerateContent"), prompt.GenerateContentRequest, prompt.GenerateContentResponse
)

GET_CONSENT: Final = Method(
    _consent("GetConsent"), consent.GetConsentRequest, consent.GetConsentResponse
)
GIVE_CONSENT: Final = Method(
    _consent("GiveConsent"), consent.GiveConsentRequest, consent.GiveConsentResponse
)
WITHDRAW_CONSENT: Final = Method(
    _consent("WithdrawConsent"), consent.WithdrawConsentRequest, consent.WithdrawConsentResponse
)

GET_CONVERSATION: Final = Method(
    _history("GetConversation"), history.GetConversationRequest, history.GetConversationResponse
)
LIST_CONVERSATIONS: Final = Method(
    _history("ListConversations"),
    history.ListConversationsRequest,
    history.ListConversationsResponse,
)
LIST_MESSAGES: Final = Method(
    _history("ListMessages"), history.ListMessagesRequest, history.ListMessagesResponse
)
SEARCH_MESSAGES: Final = Method(
    _history("SearchMessages"), history.SearchMessagesRequest, history.SearchMessagesResponse
)
GET_PROMPT_ANALYTICS: Final = Method(
    _history("GetPromptAnalytics"),
    history.GetPromptAnalyticsRequest,
    history.GetPromptAnalyticsResponse,
)
DELETE_CONVERSATION: Final = Method(
    _history("DeleteConversation"),
    history.DeleteConversationRequest,
    history.DeleteConversationResponse,
)
EXPORT_CONVERSATIONS: Final = Method(
    _history("ExportConversations"),
    history.ExportConversationsRequest,
    history.ExportConversationsResponse,
)
LIST_PROMPT_RESPONSES: Final = Method(
    _history("ListPromptResponses"),
    history.ListPromptResponsesRequest,
    history.ListPromptResponsesResponse,
)

INGEST_EVENTS: Final = Method(
    _events("IngestEvents"), events.IngestEventsRequest, events.IngestEventsResponse
)
BATCH_INGEST_EVENTS: Final = Method(
    _events("BatchIngestEvents"),
    events.BatchIngestEventsRequest,
    events.BatchIngestEventsResponse,
)
LIST_EVENTS: Final = Method(
    _events("ListEvents"), events.ListEventsRequest, events.ListEventsResponse
)
GET_EVENT: Final = Method(_events("GetEvent"), events.GetEventRequest, events.GetEventResponse)
COUNT_EVENTS: Final = Method(
    _events("CountEvents"), events.CountEventsRequest, events.CountEventsResponse
)
LIST_CAMERAS: Final = Method(
    _events("ListCameras"), events.ListCamerasRequest, events.ListCamerasResponse
)
LIST_COVERAGE: Final = Method(
    _events("ListCoverage"), events.ListCoverageRequest, events.ListCoverageResponse
)

SUBSCRIBE_INSIGHTS: Final = Method(
    _insights("SubscribeInsights"),
    insights.SubscribeInsightsRequest,
    insights.SubscribeInsightsResponse,
)
LIST_INSIGHTS: Final = Method(
    _insights("ListInsights"), insights.ListInsightsRequest, insights.ListInsightsResponse
)
GET_INSIGHT: Final = Method(
    _insights("GetInsight"), insights.GetInsightRequest, insights.GetInsightResponse
)
ACKNOWLEDGE_INSIGHTS: Final = Method(
    _insights("AcknowledgeInsights"),
    insights.AcknowledgeInsightsRequest,
    insights.AcknowledgeInsightsResponse,
)
MUTE_INSIGHTS: Final = Method(
    _insights("MuteInsights"), insights.MuteInsightsRequest, insights.MuteInsightsResponse
)
PUBLISH_INSIGHT: Final = Method(
    _insights("PublishInsight"), insights.PublishInsightRequest, insights.PublishInsightResponse
)
COMMIT_SUBSCRIPTION: Final = Method(
    _insights("CommitSubscription"),
    insights.CommitSubscriptionRequest,
    insights.CommitSubscriptionResponse,
)
CREATE_STANDING_QUESTION: Final = Method(
    _insights("CreateStandingQuestion"),
    insights.CreateStandingQuestionRequest,
    insights.CreateStandingQuestionResponse,
)
LIST_STANDING_QUESTIONS: Final = Method(
    _insights("ListStandingQuestions"),
    insights.ListStandingQuestionsRequest,
    insights.ListStandingQuestionsResponse,
)
UPDATE_STANDING_QUESTION: Final = Method(
    _insights("UpdateStandingQuestion"),
    insights.UpdateStandingQuestionRequest,
    insights.UpdateStandingQuestionResponse,
)
DELETE_STANDING_QUESTION: Final = Method(
    _insights("DeleteStandingQuestion"),
    insights.DeleteStandingQuestionRequest,
    insights.DeleteStandingQuestionResponse,
)

PUT_SITE: Final = Method(_site("PutSite"), site.PutSiteRequest, site.PutSiteResponse)
GET_SITE: Final = Method(_site("GetSite"), site.GetSiteRequest, site.GetSiteResponse)
LIST_SITES: Final = Method(_site("ListSites"), site.ListSitesRequest, site.ListSitesResponse)

SUBSCRIBE_METRICS: Final = Method(
    "/enhanced_prompt.v1.MetricsService/SubscribeMetrics",
    metrics.SubscribeMetricsRequest,
    metrics.SubscribeMetricsResponse,
)
GET_METRICS: Final = Method(
    "/enhanced_prompt.v1.MetricsService/GetMetrics",
    metrics.GetMetricsRequest,
    metrics.GetMetricsResponse,
)
GET_SYSTEM_HEALTH: Final = Method(
    "/enhanced_prompt.v1.MetricsService/GetSystemHealth",
    metrics.GetSystemHealthRequest,
    metrics.GetSystemHealthResponse,
)

CREATE_TEMPLATE: Final = Method(
    _template("CreateTemplate"), template.CreateTemplateRequest, template.CreateTemplateResponse
)
GET_TEMPLATE: Final = Method(
    _template("GetTemplate"), template.GetTemplateRequest, template.GetTemplateResponse
)
LIST_TEMPLATES: Final = Method(
    _template("ListTemplates"), template.ListTemplatesRequest, template.ListTemplatesResponse
)
UPDATE_TEMPLATE: Final = Method(
    _template("UpdateTemplate"), template.UpdateTemplateRequest, template.UpdateTemplateResponse
)
DELETE_TEMPLATE: Final = Method(
    _template("DeleteTemplate"), template.DeleteTemplateRequest, template.DeleteTemplateResponse
)
RENDER_TEMPLATE: Final = Method(
    _template("RenderTemplate"), template.RenderTemplateRequest, template.RenderTemplateResponse
)
CREATE_TEMPLATE_FROM_CONVERSATION: Final = Method(
    _template("CreateTemplateFromConversation"),
    template.CreateTemplateFromConversationRequest,
    template.CreateTemplateFromConversationResponse,
)

# grpc.health.v1 without its package, which a plain install does not have: HealthCheckRequest is
# one string in field 1 and HealthCheckResponse one enum in field 1, which on the wire are what the
# well-known wrappers are.
HEALTH: Final = Method("/grpc.health.v1.Health/Check", StringValue, Int32Value)
