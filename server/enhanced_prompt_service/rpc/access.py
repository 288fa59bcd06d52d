"""Who may call what: the one table of roles, RPC by RPC.

An RPC of the contract that is not in it fails a test, and at run time is refused to everybody.
Whose rows a call then sees is not decided here but in storage, by tenant, user and cameras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..domain.errors import PermissionDenied, Reason, Unauthenticated
from ..domain.identity import Caller, Role

_PACKAGE = "enhanced_prompt.v1"


class Budget(Enum):
    """What a call is counted as."""

    NONE = "none"
    CALL = "call"
    STREAM = "stream"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an RPC, and what its calls are counted as.

    Attributes:
        roles: Those that may. None: anybody, and nobody is asked who they are.
        budget: What a call takes from its caller's limits.
        audited: Whether each call is written down.
    """

    roles: frozenset[Role] | None
    budget: Budget = Budget.CALL
    audited: bool = False


_PEOPLE = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
_KNOWN = _PEOPLE | {Role.SERVICE}
_ALL = _KNOWN | {Role.ANONYMOUS}
_DESK = frozenset({Role.OPERATOR, Role.ADMIN})
_SENDERS = frozenset({Role.SERVICE, Role.ADMIN})
_WATCHERS = frozenset({Role.OPERATOR, Role.ADMIN, Role.SERVICE})

_Q, _S, _N = Budget.QUESTION, Budget.STREAM, Budget.NONE

_TABLE: dict[str, dict[str, Rule]] = {
    "PromptService": {
        "Ask": Rule(_ALL, _Q, audited=True),
        "Answer": Rule(_ALL, _Q, audited=True),
        "Chat": Rule(_KNOWN, _S),  # its prompts are questions
        "WatchTurn": Rule(_ALL, _S),
        "CancelTurn": Rule(_ALL),
        "Prewarm": Rule(_ALL),
        "ClassifyIntent": Rule(_KNOWN, _Q),
        "OptimizePrompt": Rule(_KNOWN, _Q),
        "GenerateContent": Rule(_KNOWN, _Q, audited=True),
    },
    "HistoryService": {
        "GetConversation": Rule(_KNOWN),
        "ListConversations": Rule(_KNOWN),
        "ListMessages": Rule(_KNOWN),
        "SearchMessages": Rule(_KNOWN),
        "ListPromptResponses": Rule(_KNOWN),
        "GetPromptAnalytics": Rule(_KNOWN),
        "DeleteConversation": Rule(_KNOWN, audited=True),
        "ExportConversations": Rule(_KNOWN, _S, audited=True),
    },
    "EventService": {
        "IngestEvents": Rule(_SENDERS, _S),
        "BatchIngestEvents": Rule(_SENDERS),
        "IngestCloudEvents": Rule(_SENDERS),
        "ListEvents": Rule(_KNOWN),
        "GetEvent": Rule(_KNOWN),
        "GetEventClip": Rule(_KNOWN),
        "CountEvents": Rule(_KNOWN),
        "ListCameras": Rule(_ALL),
    },
    "SiteService": {
        "PutSite": Rule(_SENDERS, audited=True),
        "GetSite": Rule(_KNOWN),
        "ListSites": Rule(_KNOWN),
    },
    "InsightService": {
        "SubscribeInsights": Rule(_KNOWN, _S),
        "ListInsights": Rule(_KNOWN),
        "GetInsight": Rule(_KNOWN),
        "AcknowledgeInsights": Rule(_DESK, audited=True),
        "MuteInsights": Rule(_DESK, audited=True),
        "PublishInsight": Rule(_SENDERS, audited=True),
        "CommitSubscription": Rule(_KNOWN),
        "CreateStandingQuestion": Rule(_DESK, audited=True),
        "ListStandingQuestions": Rule(_KNOWN),
        "UpdateStandingQuestion": Rule(_DESK, audited=True),
        "DeleteStandingQuestion": Rule(_DESK, audited=True),
    },
    "TemplateService": {
        "CreateTemplate": Rule(_KNOWN),
        "GetTemplate": Rule(_KNOWN),
        "ListTemplates": Rule(_KNOWN),
        "UpdateTemplate": Rule(_KNOWN),
        "DeleteTemplate": Rule(_KNOWN, audited=True),
        "RenderTemplate": Rule(_KNOWN),
        "CreateTemplateFromConversation": Rule(_KNOWN),
    },
    "MetricsService": {
        "SubscribeMetrics": Rule(_WATCHERS, _S),
        "GetMetrics": Rule(_WATCHERS),
        "GetSystemHealth": Rule(_KNOWN),
        "GetUsage": Rule(_KNOWN),
    },
    "CompatService": {
        "AskStream": Rule(_ALL, _Q, audited=True),
        "CreateChatCompletion": Rule(_ALL, _Q, audited=True),
        "GetChatbotPrewarm": Rule(_ALL),
        "GetChatbotHealth": Rule(None, _N),
        "ListDashboardPromptResponses": Rule(_KNOWN),
        "ListDashboardProactiveInsights": Rule(_KNOWN),
        "StreamMetrics": Rule(_WATCHERS, _S),
    },
}

RULES: Mapping[str, Rule] = {
    f"/{_PACKAGE}.{service}/{rpc}": rule
    for service, rpcs in _TABLE.items()
    for rpc, rule in rpcs.items()
}
"""By the path of the RPC."""

_OPEN = Rule(None, Budget.NONE)
_CLOSED = Rule(frozenset())
_PUBLIC_PREFIXES = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")


def rule_of(method: str) -> Rule:
    """The rule of a path. Probes, reflection (where it is on) and paths that do not exist are
    open; what is the contract's and not in the table is closed."""
    found = RULES.get(method)
    if found is not None:
        return found
    return _CLOSED if method.startswith(f"/{_PACKAGE}.") else _OPEN


def is_public(method: str) -> bool:
    """Whether nobody is asked who they are."""
    return rule_of(method).roles is None


def check(method: str, caller: Caller) -> None:
    """Raises PermissionDenied; Unauthenticated where credentials would help the anonymous."""
    roles = rule_of(method).roles
    if roles is None or caller.role in roles:
        return
    if caller.role is Role.ANONYMOUS and roles:
        raise Unauthenticated(
            "this needs credentials: send `authorization: Bearer …`",
            reason=Reason.CREDENTIALS_MISSING,
        )
    service, _, rpc = method.rpartition("/")
    permission = f"{service.rpartition('.')[2]}.{rpc}"
    raise PermissionDenied(f"{permission} is not for the role {caller.role.value}", permission)


def may_audit(caller: Caller) -> bool:
    """Whether somebody may read what other users of the tenant asked and were told: an admin who
    sees every camera, for answers speak of all of them."""
    return caller.role is Role.ADMIN and caller.sees_all
