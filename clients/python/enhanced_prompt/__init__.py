"""Ask what cameras saw: the client of Enhanced Prompt Service.

    from enhanced_prompt import Client

    with Client() as client:
        print(client.answer("how many people came in this morning?").response)

`AsyncClient` is the same for asyncio. Messages are those of `enhanced_prompt.v1`, the contract's
generated stubs; the ones that calls take and give are here under their own names. Everything that
a call raises is an `EnhancedPromptError`; `enhanced_prompt.errors` draws the tree.
"""

from . import errors
from ._async_chat import AsyncChat, AsyncChatTurn
from ._async_client import AsyncClient
from ._async_turn import AsyncTurnStream
from ._client import Client
from ._frames import (
    AgentStarted,
    Cancelled,
    ClosingFrame,
    Completed,
    EvidenceFound,
    Failed,
    Frame,
    Reset,
    Started,
    TextDelta,
    TextWithdrawn,
    Thinking,
    ToolFinished,
    ToolStarted,
    UnknownFrame,
)
from ._health import HealthStatus
from ._ingest import IngestOutcome, Rejected
from ._insights import InsightSelection, InsightUpdate
from ._options import DEFAULT_TARGET, ClientOptions, Keepalive, Retry, Timeouts
from ._requests import (
    AnswerOptions,
    AskOptions,
    ChatOptions,
    EventQuery,
    GroupByName,
    OrderName,
    PromptOptions,
)
from ._sync_chat import Chat, ChatTurn
from ._turn import TextView
from ._turn_stream import TurnStream
from ._version import __version__
from .errors import (
    ConnectionFailed,
    EnhancedPromptError,
    FieldViolation,
    StreamCut,
)
from .v1.answers_pb2 import Evidence, PromptResponse
from .v1.consent_service_pb2 import Consent, ConsentState
from .v1.event_service_pb2 import CameraStatus, CountEventsResponse
from .v1.events_pb2 import Coverage, CoverageState, Event
from .v1.history_service_pb2 import Conversation, ConversationSummary
from .v1.insight_service_pb2 import PublishInsightRequest
from .v1.insights_pb2 import Insight, StandingQuestion
from .v1.metrics_service_pb2 import Metrics, MetricsSnapshot, SystemHealth
from .v1.prompts_pb2 import ClassifiedIntent, GeneratedContent, OptimizedPrompt
from .v1.site_service_pb2 import Camera, Site, Zone
from .v1.templates_pb2 import Template, TemplateVariable, TemplateVariableType

__all__ = [
    "DEFAULT_TARGET",
    "AgentStarted",
    "AnswerOptions",
    "AskOptions",
    "AsyncChat",
    "AsyncChatTurn",
    "AsyncClient",
    "AsyncTurnStream",
    "Camera",
    "CameraStatus",
    "Cancelled",
    "Chat",
    "ChatOptions",
    "ChatTurn",
    "ClassifiedIntent",
    "Client",
    "ClientOptions",
    "ClosingFrame",
    "Completed",
    "ConnectionFailed",
    "Consent",
    "ConsentState",
    "Conversation",
    "ConversationSummary",
    "CountEventsResponse",
    "Coverage",
    "CoverageState",
    "EnhancedPromptError",
    "Event",
    "EventQuery",
    "Evidence",
    "EvidenceFound",
    "Failed",
    "FieldViolation",
    "Frame",
    "GeneratedContent",
    "GroupByName",
    "HealthStatus",
    "IngestOutcome",
    "Insight",
    "InsightSelection",
    "InsightUpdate",
    "Keepalive",
    "Metrics",
    "MetricsSnapshot",
    "OptimizedPrompt",
    "OrderName",
    "PromptOptions",
    "PromptResponse",
    "PublishInsightRequest",
    "Rejected",
    "Reset",
    "Retry",
    "Site",
    "StandingQuestion",
    "Started",
    "StreamCut",
    "SystemHealth",
    "Template",
    "TemplateVariable",
    "TemplateVariableType",
    "TextDelta",
    "TextView",
    "TextWithdrawn",
    "Thinking",
    "Timeouts",
    "ToolFinished",
    "ToolStarted",
    "TurnStream",
    "UnknownFrame",
    "Zone",
    "__version__",
    "errors",
]
