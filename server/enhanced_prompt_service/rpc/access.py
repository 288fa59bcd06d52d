"""Who may call what, and what it keeps of its caller: the one table, RPC by RPC.

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


class Keeps(Enum):
    """Whether an RPC stores something of its caller, which consent may be needed for.

    Something of the caller is whatever is stored under their name or in their words: questions,
    answers, templates, notes, cursors, usage, request ids. What cameras saw is not, nor is the
    audit log, which security needs whoever agrees. Deleting and cancelling keep nothing new.
    """

    NOTHING = "nothing"
    MAYBE = "maybe"
    """Its handler asks `call.consented` when it comes to it."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an RPC, what it keeps of them, and what its calls are counted as.

    Attributes:
        roles: Those that may. None: anybody, and nobody is asked who they are.
        keeps: What it stores of its caller. There is no default: each row says it.
        budget: What a call takes from its caller's limits.
        audited: Whether each call is written down.
    """

    roles: frozenset[Role] | None
    keeps: Keeps
    budget: Budget = Budget.CALL
    audited: bool = False


_PEOPLE = frozenset({Role.VIEWER, Role.OPERATOR, Role.ADMIN})
_KNOWN = _PEOPLE | {Role.SERVICE}
_ALL = _KNOWN | {Role.ANONYMOUS}
_DESK = frozenset({Role.OPERATOR, Role.ADMIN})
_SENDERS = frozenset({Role.SERVICE, Role.ADMIN})
_WATCHERS = frozenset({Role.OPERATOR, Role.ADMIN, Role.SERVICE})

_Q, _S, _N = Budget.QUESTION, Budget.STREAM, Budget.NONE
_KEEPS, _MAY, _NOT = Keeps.ALWAYS, Keeps.MAYBE, Keeps.NOTHING

_TABLE: dict[str, dict[str, Rule]] = {
    "PromptService": {
        "Ask": Rule(_ALL, _KEEPS, _Q, audited=True),
        "Answer": Rule(_ALL, _KEEPS, _Q, audited=True),
        "Chat": Rule(_KNOWN, _MAY, _S),  # its prompts are questions, and asked for one by one
        "WatchTurn": Rule(_ALL, _NOT, _S),
        "CancelTurn": Rule(_ALL, _NOT),
        "Prewarm": Rule(_ALL, _NOT),
        "ClassifyIntent": Rule(_KNOWN, _KEEPS, _Q),
        "OptimizePrompt": Rule(_KNOWN, _KEEPS, _Q),
        "GenerateContent": Rule(_KNOWN, _KEEPS, _Q, audited=True),
    },
    "HistoryService": {
        "GetConversation": Rule(_KNOWN, _NOT),
        "ListConversations": Rule(_KNOWN, _NOT),
        "ListMessages": Rule(_KNOWN, _NOT),
        "SearchMessages": Rule(_KNOWN, _NOT),
        "ListPromptResponses": Rule(_KNOWN, _NOT),
        "GetPromptAnalytics": Rule(_KNOWN, _NOT),
        "DeleteConversation": Rule(_KNOWN, _NOT, audited=True),
        "ExportConversations": Rule(_KNOWN, _NOT, _S, audited=True),
    },
    "EventService": {
        "IngestEvents": Rule(_SENDERS, _NOT, _S),
        "BatchIngestEvents": Rule(_SENDERS, _NOT),
        "IngestCloudEvents": Rule(_SENDERS, _NOT),
        "ListEvents": Rule(_KNOWN, _NOT),
        "GetEvent": Rule(_KNOWN, _NOT),
        "GetEventClip": Rule(_KNOWN, _NOT),
        "CountEvents": Rule(_KNOWN, _NOT),
        "ListCameras": Rule(_ALL, _NOT),
        "ListCoverage": Rule(_ALL, _NOT),
    },
    "SiteService": {
        "PutSite": Rule(_SENDERS, _NOT, audited=True),
        "GetSite": Rule(_KNOWN, _NOT),
        "ListSites": Rule(_KNOWN, _NOT),
    },
    "InsightService": {
        "SubscribeInsights": Rule(_KNOWN, _MAY, _S),  # a named one keeps a cursor
        "ListInsights": Rule(_KNOWN, _NOT),
        "GetInsight": Rule(_KNOWN, _NOT),
        "AcknowledgeInsights": Rule(_DESK, _KEEPS, audited=True),
        "MuteInsights": Rule(_DESK, _KEEPS, audited=True),
        "PublishInsight": Rule(_SENDERS, _KEEPS, audited=True),
        "CommitSubscription": Rule(_KNOWN, _KEEPS),
        "CreateStandingQuestion": Rule(_DESK, _MAY, audited=True),  # validate_only: nothing
        "ListStandingQuestions": Rule(_KNOWN, _NOT),
        "UpdateStandingQuestion": Rule(_DESK, _KEEPS, audited=True),
        "DeleteStandingQuestion": Rule(_DESK, _NOT, audited=True),
    },
    "TemplateService": {
        "CreateTemplate": Rule(_KNOWN, _KEEPS),
        "GetTemplate": Rule(_KNOWN, _NOT),
        "ListTemplates": Rule(_KNOWN, _NOT),
        "UpdateTemplate": Rule(_KNOWN, _KEEPS),
        "DeleteTemplate": Rule(_KNOWN, _NOT, audited=True),
        "RenderTemplate": Rule(_KNOWN, _NOT),
        "CreateTemplateFromConversation": Rule(_KNOWN, _KEEPS),
    },
    "ConsentService": {
        "GetConsent": Rule(_KNOWN, _NOT),
        "GiveConsent": Rule(_KNOWN, _NOT, audited=True),  # consent itself needs none
        "WithdrawConsent": Rule(_KNOWN, _NOT, audited=True),
    },
    "MetricsService": {
        "SubscribeMetrics": Rule(_WATCHERS, _NOT, _S),
        "GetMetrics": Rule(_WATCHERS, _NOT),
        "GetSystemHealth": Rule(_KNOWN, _NOT),
        "GetUsage": Rule(_KNOWN, _NOT),
    },
    "CompatService": {
        "AskStream": Rule(_ALL, _KEEPS, _Q, audited=True),
        "CreateChatCompletion": Rule(_ALL, _KEEPS, _Q, audited=True),
        "GetChatbotPrewarm": Rule(_ALL, _NOT),
        "GetChatbotHealth": Rule(None, _NOT, _N),
        "ListDashboardPromptResponses": Rule(_KNOWN, _NOT),
        "ListDashboardProactiveInsights": Rule(_KNOWN, _NOT),
        "StreamMetrics": Rule(_WATCHERS, _NOT, _S),
    },
}

RULES: Mapping[str, Rule] = {
    f"/{_PACKAGE}.{service}/{rpc}": rule
    for service, rpcs in _TABLE.items()
    for rpc, rule in rpcs.items()
}
"""By the path of the RPC."""

_OPEN = Rule(None, Keeps.NOTHING, Budget.NONE)
_CLOSED = Rule(frozenset(), Keeps.NOTHING)
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
