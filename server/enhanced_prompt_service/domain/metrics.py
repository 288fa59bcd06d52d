"""How the service itself is doing: what is noted when something ends, and what is told of it.

Times of day are UTC, real time; durations are seconds here and milliseconds in the contract.
Totals and rates are the whole service's, of all tenants; rows (requests and errors) are a tenant's,
and are shown as `Looker` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .answers import ModelUsage
from .errors import Reason
from .health import SystemHealth
from .insights import Severity
from .turns import TurnState

GROUNDED = "grounded"
"""The embedded engine, among models."""
RECENT_REQUESTS = 100
RECENT_ERRORS = 50


# ---- what is noted ------------------------------------------------------------------------------


@dataclass(slots=True)
class EndedCall:
    """A call that ended.

    Attributes:
        method: Its path, such as "/enhanced_prompt.v1.PromptService/Ask".
        code: Name of its gRPC status.
        seconds: From its start to its end.
        request_id: As in the server's log.
        tenant: Of its caller; "" where nobody knows who called.
        user: Likewise.
        streamed: Whether its answer was a stream.
        first_token_s: From its start to its first token; None where there was none.
        turn_id: Of its turn, "" where it had none.
        began: Whether it asked for that turn: then the turn's tokens and cost are its own.
        reason: Name of the error's reason, "" where it succeeded or its client went away.
        message: As the caller saw it.
        incident_id: "" where there is none.
    """

    method: str
    code: str
    seconds: float
    request_id: str = ""
    tenant: str = ""
    user: str = ""
    streamed: bool = False
    first_token_s: float | None = None
    turn_id: str = ""
    began: bool = False
    reason: str = ""
    message: str = ""
    incident_id: str = ""


@dataclass(slots=True)
class EndedTurn:
    """An attempt of a turn that was closed. `model` is what answered, "" where nothing did;
    `first_text_s` counts from the attempt's beginning."""

    turn_id: str
    state: TurnState
    seconds: float
    first_text_s: float | None
    model: str = ""
    usage: tuple[ModelUsage, ...] = ()


@dataclass(slots=True)
class EndedModelCall:
    """A call of a language model that ended. `usage` None: it used nothing that is charged for.
    `failure` names the kind of its failure, "" where it answered; `detail` is for people."""

    model: str
    seconds: float
    first_token_s: float | None
    usage: ModelUsage | None
    failure: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom something runs that does not know it: a model's call, in a turn."""

    tenant: str
    user: str
    turn_id: str


SCOPE: ContextVar[Scope | None] = ContextVar("metrics_scope", default=None)
"""Set by a turn's own task; None outside of turns."""


# ---- what is told -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Metrics:
    """Numbers of the whole service, as the contract's `Metrics` explains them."""

    total_requests: int
    total_tokens: int
    total_cost: float
    avg_latency_s: float
    error_rate: float
    streaming_share: float
    requests_per_second: float
    tokens_per_second: float
    active_connections: int
    first_token_p50_s: float | None
    first_token_p95_s: float | None
    prewarm_s: float | None
    hot_memory_hit_rate: float | None
    degraded: bool
    running_turns: int
    active_subscriptions: int
    latency_p95_s: float | None
    since: datetime
    replicas: int


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """Numbers of one model, as the contract's `ModelMetrics` explains them."""

    model: str
    request_count: int
    avg_latency_s: float
    total_tokens: int
    total_cost: float
    error_count: int
    first_token_p50_s: float | None = None
    first_token_p95_s: float | None = None


@dataclass(slots=True)  # one is made for each call, and freezing would cost more than all else
class RequestRow:
    """A call that ended, with what its turn used. `method` is short: "PromptService/Ask". Nobody
    changes it."""

    time: datetime
    request_id: str
    method: str
    model: str
    seconds: float
    code: str
    streamed: bool
    tenant: str
    user: str
    tokens: int | None = None
    cost: float | None = None
    first_token_s: float | None = None
    turn_id: str = ""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A failure. `reason` is a `domain.errors.Reason`'s name or that of a status code."""

    time: datetime
    reason: str
    message: str
    severity: Severity
    code: str
    method: str
    model: str
    request_id: str
    incident_id: str
    tenant: str
    user: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment; rows newest first."""

    metrics: Metrics
    models: tuple[ModelMetrics, ...]
    requests: tuple[RequestRow, ...]
    errors: tuple[ErrorRow, ...]
    health: SystemHealth
    time: datetime


class Kind(StrEnum):
    """Kinds of messages after the snapshot."""

    UPDATE = "update"
    REQUEST = "request"
    ERROR = "error"
    HEALTH = "health"
    MODELS = "models"


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks at rows: of `tenant` only; of `user` only where that is not None. `names_users`:
    whether rows say whose they are."""

    tenant: str
    user: str | None = None
    names_users: bool = False

    def sees(self, row: RequestRow | ErrorRow) -> bool:
        """Whether a row is shown to it."""
        return row.tenant == self.tenant and self.user in (None, row.user)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted: these kinds, of these models ("" selects what no model answered); empty
    selects all. `requests` and `errors` are how many rows a snapshot has at most."""

    kinds: frozenset[Kind] = frozenset()
    models: frozenset[str] = frozenset()
    requests: int = RECENT_REQUESTS
    errors: int = RECENT_ERRORS

    def wants(self, kind: Kind) -> bool:
        """Whether messages of a kind are wanted."""
        return not self.kinds or kind in self.kinds

    def names(self, model: str) -> bool:
        """Whether what a model did is wanted."""
        return not self.models or model in self.models


Told = Snapshot | Metrics | RequestRow | ErrorRow | SystemHealth | tuple[ModelMetrics, ...]
"""What a message of a subscription holds."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a subscription. `sequence` counts those that were made for it, from 1."""

    sequence: int
    time: datetime
    told: Told


class MetricsSubscription(Protocol):
    """A reader's place. What it does not take in time is left out, the oldest first."""

    async def take(self, timeout_s: float) -> Message | None:
        """The next message; None when so many seconds passed without one, or after a nudge."""
        ...

    def next_sequence(self) -> int:
        """Number a message that the reader makes itself."""
        ...

    def nudge(self) -> None:
        """Let a waiting `take` return."""
        ...


class LooksAtMetrics(Protocol):
    """What RPCs need of the live metrics of the service."""

    async def snapshot(self, looker: Looker, selection: Selection) -> Snapshot:
        """Everything now."""
        ...

    def subscribe(
        self, looker: Looker, selection: Selection
    ) -> AbstractAsyncContextManager[MetricsSubscription]:
        """A snapshot, then what changes, until the block is left."""
        ...

    async def system_health(self) -> SystemHealth:
        """The state of all replicas."""
        ...


# ---- how bad it is ------------------------------------------------------------------------------

_FAULTS: Mapping[str, Severity] = {
    Reason.INTERNAL: Severity.CRITICAL,
    Reason.STORAGE_UNAVAILABLE: Severity.CRITICAL,
    Reason.TURN_FAILED: Severity.HIGH,
    Reason.TURN_TIMEOUT: Severity.HIGH,
    Reason.RUNNER_LOST: Severity.HIGH,
    Reason.BUS_UNAVAILABLE: Severity.HIGH,
    Reason.MODEL_UNAVAILABLE: Severity.HIGH,
    Reason.CANCELLED: Severity.HIGH,
    # Of foreign code, which has no reasons: names of status codes.
    "UNKNOWN": Severity.HIGH,
    "DATA_LOSS": Severity.CRITICAL,
}
_LIMITS = frozenset(
    {
        Reason.RATE_LIMITED,
        Reason.QUEUE_FULL,
        Reason.BUDGET_EXHAUSTED,
        Reason.SUBSCRIBER_TOO_SLOW,
        Reason.DRAINING,
    }
)


def is_fault(reason: str) -> bool:
    """Whether an error is the service's own, and not its caller's or a limit that was reached."""
    return reason in _FAULTS


def severity_of(reason: str) -> Severity:
    """How bad an error is for the service: its own faults high or critical, limits medium, what a
    caller did wrong low."""
    return _FAULTS.get(reason) or (Severity.MEDIUM if reason in _LIMITS else Severity.LOW)


@dataclass(slots=True)
class Delivered:
    """Pieces of text that turns wrote: a model's tokens, the embedded engine's words. Counted on
    the way of every token, so nothing but a number."""

    pieces: int = field(default=0)
