"""What can go wrong, said once.

Each error has a `Reason`; `rpc.errors` holds the one table from reason to gRPC status, and the
clients invert it. The message of a `ServiceError` is public: it reaches the caller. Anything that
must stay inside goes into the exception chain (`raise ... from`), which is only logged.

    ServiceError
    ├── InvalidArgument      one or more fields, each with the limit it broke
    ├── NotFound             also for what belongs to somebody else
    ├── Conflict             the state forbids it now (a turn is running, an etag is stale)
    ├── OutOfRange           a cursor or position outside of what exists or is kept
    ├── Exhausted            a limit or quota; may say when to try again
    ├── Unavailable          try again later; may say when
    ├── Unauthenticated      nobody known: credentials are missing, wrong, expired or revoked
    ├── PermissionDenied     known, and not allowed to
    └── Unimplemented        in the contract, not built yet
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

DOMAIN = "enhanced-prompt.v1"


class Reason(StrEnum):
    """Names of the contract's `ErrorReason`, without its prefix (a test holds the two together)."""

    REQUIRED_FIELD_MISSING = "REQUIRED_FIELD_MISSING"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    INVALID_FORMAT = "INVALID_FORMAT"
    MALFORMED_MESSAGE = "MALFORMED_MESSAGE"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"  # noqa: S105
    NOT_IMPLEMENTED_YET = "NOT_IMPLEMENTED_YET"
    TURN_IN_PROGRESS = "TURN_IN_PROGRESS"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    TURN_NOT_FOUND = "TURN_NOT_FOUND"
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND"
    SITE_NOT_FOUND = "SITE_NOT_FOUND"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    CURSOR_OUT_OF_RANGE = "CURSOR_OUT_OF_RANGE"
    RUNNER_LOST = "RUNNER_LOST"
    TURN_TIMEOUT = "TURN_TIMEOUT"
    TURN_FAILED = "TURN_FAILED"
    DRAINING = "DRAINING"
    RATE_LIMITED = "RATE_LIMITED"
    BUS_UNAVAILABLE = "BUS_UNAVAILABLE"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    INTERNAL = "INTERNAL"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    CREDENTIALS_INVALID = "CREDENTIALS_INVALID"
    CREDENTIALS_EXPIRED = "CREDENTIALS_EXPIRED"
    CREDENTIALS_REVOKED = "CREDENTIALS_REVOKED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    QUEUE_FULL = "QUEUE_FULL"
    CHAT_PROTOCOL_BROKEN = "CHAT_PROTOCOL_BROKEN"
    CHAT_IDLE = "CHAT_IDLE"
    TEMPLATE_NOT_FOUND = "TEMPLATE_NOT_FOUND"
    TEMPLATE_ALREADY_EXISTS = "TEMPLATE_ALREADY_EXISTS"
    TEMPLATE_INVALID = "TEMPLATE_INVALID"
    TEMPLATE_VARIABLE_INVALID = "TEMPLATE_VARIABLE_INVALID"
    INSIGHT_NOT_FOUND = "INSIGHT_NOT_FOUND"
    STANDING_QUESTION_NOT_FOUND = "STANDING_QUESTION_NOT_FOUND"
    QUESTION_NOT_UNDERSTOOD = "QUESTION_NOT_UNDERSTOOD"
    RESUME_TOKEN_INVALID = "RESUME_TOKEN_INVALID"  # noqa: S105
    SUBSCRIBER_TOO_SLOW = "SUBSCRIBER_TOO_SLOW"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    MODEL_NOT_CONFIGURED = "MODEL_NOT_CONFIGURED"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    CANCELLED = "CANCELLED"  # the server gave up this call; it may be repeated


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that was refused: its path (`filter.cameras[3]`) and why, with the limit."""

    field: str
    description: str


class ServiceError(Exception):
    """Base of all errors whose text may be shown to the caller."""

    reason: Reason = Reason.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason
        self.metadata: dict[str, str] = dict(metadata or {})


class InvalidArgument(ServiceError):
    """Input that can never work, whatever the state of the system."""

    reason = Reason.INVALID_FORMAT

    def __init__(
        self,
        violations: Sequence[FieldViolation],
        *,
        reason: Reason | None = None,
        message: str | None = None,
    ) -> None:
        self.violations = tuple(violations)
        text = message or "; ".join(f"{v.field}: {v.description}" for v in self.violations)
        super().__init__(text, reason=reason)

    @classmethod
    def of(cls, field: str, description: str, *, reason: Reason | None = None) -> InvalidArgument:
        """The common case of a single field."""
        return cls([FieldViolation(field, description)], reason=reason)


def model_not_configured(model: str, models: Sequence[str]) -> InvalidArgument:
    """The refusal of a model that is not in the configured list; says which ones are."""
    refused = InvalidArgument.of(
        "model",
        f"{model[:128]!r} is not configured; there are: {', '.join(models)}",
        reason=Reason.MODEL_NOT_CONFIGURED,
    )
    refused.metadata["models"] = ", ".join(models)
    return refused


class NotFound(ServiceError):
    """It does not exist, or it is not yours: the two are answered alike."""

    reason = Reason.TURN_NOT_FOUND

    def __init__(self, resource_type: str, resource_name: str, *, reason: Reason) -> None:
        super().__init__(f"{resource_type} {resource_name!r} was not found", reason=reason)
        self.resource_type = resource_type
        self.resource_name = resource_name


class Conflict(ServiceError):
    """Well-formed, but the present state forbids it (ABORTED, or ALREADY_EXISTS for ids)."""

    reason = Reason.TURN_IN_PROGRESS


class OutOfRange(ServiceError):
    """A position that is beyond what exists, or older than what is kept."""

    reason = Reason.CURSOR_OUT_OF_RANGE


class _Retryable(ServiceError):
    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class QuotaViolation:
    """Whose limit was reached (user, tenant, server), and what it is."""

    subject: str
    description: str


class Exhausted(_Retryable):
    """A limit or quota was reached."""

    reason = Reason.RATE_LIMITED

    def __init__(
        self,
        message: str,
        *,
        reason: Reason | None = None,
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[QuotaViolation] = (),
    ) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s, metadata=metadata)
        self.violations = tuple(violations)


class Unavailable(_Retryable):
    """A dependency is away, or this replica is going away. Trying again may work."""

    reason = Reason.STORAGE_UNAVAILABLE


class Unimplemented(ServiceError):
    """In the contract, and not built yet."""

    reason = Reason.NOT_IMPLEMENTED_YET


class Unauthenticated(ServiceError):
    """The caller is not known. Never says more than that about credentials that are not valid."""

    reason = Reason.CREDENTIALS_INVALID


class PermissionDenied(ServiceError):
    """The caller is known, and may not do this; metadata `permission` names what is missing."""

    reason = Reason.PERMISSION_DENIED

    def __init__(self, message: str, permission: str) -> None:
        super().__init__(message, metadata={"permission": permission})
