"""What calls raise: one tree, the contract's `ErrorReason` inverted.

The server answers a failed call with a `google.rpc.Status` that holds exactly one `ErrorInfo`. Its
reason picks the leaf, the status code the branch; a reason that this version does not know gives
the branch itself, so that a newer server never breaks an older client.

    EnhancedPromptError
    ├── InvalidArgument          can never work as it is; see field_violations
    │   ├── RequiredFieldMissing, LimitExceeded, InvalidFormat, MalformedMessage
    │   ├── PageTokenInvalid, ResumeTokenInvalid
    │   ├── TemplateInvalid, TemplateVariableInvalid
    │   └── ModelNotConfigured
    ├── NotFound                 does not exist, or belongs to somebody else
    │   ├── ConversationNotFound, TurnNotFound
    │   ├── EventNotFound, SiteNotFound
    │   ├── TemplateNotFound
    │   └── InsightNotFound, StandingQuestionNotFound
    ├── Conflict                 the present state forbids it
    │   ├── TurnInProgress       turn_id names the turn that runs
    │   ├── RequestIdReused      turn_id names the turn that has the id
    │   ├── EtagMismatch, TemplateAlreadyExists
    │   ├── QuestionNotUnderstood
    │   ├── ConsentRequired      policy_version names what to consent to
    │   ├── ChatProtocolBroken, ChatIdle
    │   └── CallAborted          ended by the server; may be repeated
    ├── OutOfRange
    │   └── CursorOutOfRange     before what is kept, or beyond what exists
    ├── ResourceExhausted        a limit or quota; retry_after may say when it opens
    │   ├── RateLimited, BudgetExhausted
    │   ├── QueueFull, SubscriberTooSlow
    │   └── MessageTooLarge
    ├── Unavailable              away for now; trying again may work
    │   ├── RunnerLost, Draining
    │   ├── BusUnavailable, StorageUnavailable, ModelUnavailable
    │   ├── ConnectionFailed     made here: no server was reached
    │   └── StreamCut            made here: a turn's stream ended without its closing frame
    ├── DeadlineExceeded         of the call
    │   └── TurnTimeout          of the turn itself
    ├── Unimplemented
    │   └── NotImplementedYet    in the contract, built by a later version
    ├── Unauthenticated
    │   ├── CredentialsMissing, CredentialsInvalid
    │   └── CredentialsExpired, CredentialsRevoked
    ├── PermissionDenied
    ├── CallCancelled            somebody stopped the call, or the turn that it waited for
    └── Internal                 something broke; incident_id finds it in the server's log
        └── TurnFailed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grpc import StatusCode


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field that was refused: its path (`filter.cameras[3]`) and why, with the limit."""

    field: str
    description: str


class EnhancedPromptError(Exception):
    """Base of everything that a call of this package raises.

    `code` is the gRPC status, `reason` the name of the `ErrorReason` without its prefix ("" where
    the server gave none), `message` a sentence for people. `retry_after` is seconds, None where
    the server did not say; `retryable` says that repeating the call may help and does no harm.
    `incident_id` and `request_id` find the call in the server's log ("" where there is none).
    `metadata` is the ErrorInfo's.
    """

    code: StatusCode = StatusCode.UNKNOWN
    reason: str = ""
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: StatusCode | None = None,
        reason: str | None = None,
        field_violations: tuple[FieldViolation, ...] = (),
        retry_after: float | None = None,
        request_id: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if reason is not None:
            self.reason = reason
        self.field_violations = field_violations
        self.retry_after = retry_after
        self.request_id = request_id
        self.metadata: dict[str, str] = dict(metadata or {})

    @property
    def incident_id(self) -> str:
        """What to quote when asking the service's operator why."""
        return self.metadata.get("incident_id", "")

    def __str__(self) -> str:
        if self.incident_id and self.incident_id not in self.message:
            return f"{self.message} (incident {self.incident_id})"
        return self.message


# ---- INVALID_ARGUMENT ---------------------------------------------------------------------------


class InvalidArgument(EnhancedPromptError):
    """Input that can never work as it is; `field_violations` names each field."""

    code = StatusCode.INVALID_ARGUMENT


class RequiredFieldMissing(InvalidArgument):
    """A field that must be set is not."""

    reason = "REQUIRED_FIELD_MISSING"


class LimitExceeded(InvalidArgument):
    """A length, count or range is outside its limit."""

    reason = "LIMIT_EXCEEDED"


class InvalidFormat(InvalidArgument):
    """A value does not have the form that its field needs."""

    reason = "INVALID_FORMAT"


class MalformedMessage(InvalidArgument):
    """The bytes were no message of the contract."""

    reason = "MALFORMED_MESSAGE"


class PageTokenInvalid(InvalidArgument):
    """A page token that is broken, or belongs to another list."""

    reason = "PAGE_TOKEN_INVALID"


class ResumeTokenInvalid(InvalidArgument):
    """A resume token that is broken, or belongs to another server."""

    reason = "RESUME_TOKEN_INVALID"


class TemplateInvalid(InvalidArgument):
    """A template's body cannot be parsed, or does not fit its variables."""

    reason = "TEMPLATE_INVALID"


class TemplateVariableInvalid(InvalidArgument):
    """A value for rendering is missing, unknown or of the wrong type."""

    reason = "TEMPLATE_VARIABLE_INVALID"


class ModelNotConfigured(InvalidArgument):
    """The model asked for is not in the server's list."""

    reason = "MODEL_NOT_CONFIGURED"


# ---- NOT_FOUND ----------------------------------------------------------------------------------


class NotFound(EnhancedPromptError):
    """It does not exist, or it is not yours."""

    code = StatusCode.NOT_FOUND


class ConversationNotFound(NotFound):
    """No such conversation."""

    reason = "CONVERSATION_NOT_FOUND"


class TurnNotFound(NotFound):
    """No such turn."""

    reason = "TURN_NOT_FOUND"


class EventNotFound(NotFound):
    """No such event."""

    reason = "EVENT_NOT_FOUND"


class SiteNotFound(NotFound):
    """No such declared site."""

    reason = "SITE_NOT_FOUND"


class TemplateNotFound(NotFound):
    """No such template."""

    reason = "TEMPLATE_NOT_FOUND"


class InsightNotFound(NotFound):
    """No such insight."""

    reason = "INSIGHT_NOT_FOUND"


class StandingQuestionNotFound(NotFound):
    """No such standing question."""

    reason = "STANDING_QUESTION_NOT_FOUND"


# ---- ABORTED, ALREADY_EXISTS, FAILED_PRECONDITION -----------------------------------------------


class Conflict(EnhancedPromptError):
    """Well-formed, but the present state forbids it."""

    code = StatusCode.ABORTED

    @property
    def turn_id(self) -> str:
        """The turn that is in the way ("" where it is not a turn)."""
        return self.metadata.get("turn_id", "")


class TurnInProgress(Conflict):
    """The conversation has a running turn already: `turn_id`."""

    reason = "TURN_IN_PROGRESS"


class RequestIdReused(Conflict):
    """The request_id stands for another request, that of `turn_id`."""

    code = StatusCode.ALREADY_EXISTS
    reason = "REQUEST_ID_REUSED"


class EtagMismatch(Conflict):
    """Somebody changed it since it was read."""

    reason = "ETAG_MISMATCH"


class TemplateAlreadyExists(Conflict):
    """Another template has that id."""

    code = StatusCode.ALREADY_EXISTS
    reason = "TEMPLATE_ALREADY_EXISTS"


class QuestionNotUnderstood(Conflict):
    """A question that is to stand must be understood wholly, and this one was not."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "QUESTION_NOT_UNDERSTOOD"


class ConsentRequired(Conflict):
    """The call would store something of yours, which you did not consent to: `policy_version`."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "CONSENT_REQUIRED"

    @property
    def policy_version(self) -> str:
        """What `give_consent` takes."""
        return self.metadata.get("policy_version", "")


class ChatProtocolBroken(Conflict):
    """A frame did not fit the chat's state."""

    code = StatusCode.FAILED_PRECONDITION
    reason = "CHAT_PROTOCOL_BROKEN"


class ChatIdle(Conflict):
    """The chat heard nothing from its client for too long."""

    reason = "CHAT_IDLE"


class CallAborted(Conflict):
    """The server ended the call, which may be repeated."""

    reason = "CANCELLED"
    retryable = True


# ---- OUT_OF_RANGE, RESOURCE_EXHAUSTED -----------------------------------------------------------


class OutOfRange(EnhancedPromptError):
    """A position beyond what exists, or older than what is kept."""

    code = StatusCode.OUT_OF_RANGE


class CursorOutOfRange(OutOfRange):
    """A sequence or token points beyond what exists, or before what is kept."""

    reason = "CURSOR_OUT_OF_RANGE"


class ResourceExhausted(EnhancedPromptError):
    """A limit or quota was reached."""

    code = StatusCode.RESOURCE_EXHAUSTED


class RateLimited(ResourceExhausted):
    """Too many calls; `retry_after` says when the next one may come."""

    reason = "RATE_LIMITED"


class BudgetExhausted(ResourceExhausted):
    """A budget of tokens or money is used up."""

    reason = "BUDGET_EXHAUSTED"


class QueueFull(ResourceExhausted):
    """A bounded queue has no room."""

    reason = "QUEUE_FULL"


class SubscriberTooSlow(ResourceExhausted):
    """The subscriber fell behind what is kept."""

    reason = "SUBSCRIBER_TOO_SLOW"


class MessageTooLarge(ResourceExhausted):
    """A message is larger than the service takes."""

    reason = "MESSAGE_TOO_LARGE"


# ---- UNAVAILABLE, DEADLINE_EXCEEDED -------------------------------------------------------------


class Unavailable(EnhancedPromptError):
    """Away for now."""

    code = StatusCode.UNAVAILABLE
    retryable = True


class RunnerLost(Unavailable):
    """Whoever ran the turn is gone; asking again with the same request_id runs it anew."""

    reason = "RUNNER_LOST"


class Draining(Unavailable):
    """This replica is shutting down."""

    reason = "DRAINING"


class BusUnavailable(Unavailable):
    """What the service's replicas share is away."""

    reason = "BUS_UNAVAILABLE"


class StorageUnavailable(Unavailable):
    """The service's database is away."""

    reason = "STORAGE_UNAVAILABLE"


class ModelUnavailable(Unavailable):
    """Every model of the chain failed."""

    reason = "MODEL_UNAVAILABLE"


class ConnectionFailed(Unavailable):
    """No server was reached, or the connection broke before it answered."""


class StreamCut(Unavailable):
    """A turn's stream was cut, and attaching again failed too often; the turn may still run.

    `turn_id`, `attempt` and `last_sequence` say where the reader stood ("" and 0 before the first
    frame). Asking again with the same `turn_request_id` joins the turn instead of asking twice.
    """

    turn_id: str = ""
    attempt: int = 0
    last_sequence: int = 0
    turn_request_id: str = ""


class DeadlineExceeded(EnhancedPromptError):
    """No answer came in time. A turn runs on without its reader."""

    code = StatusCode.DEADLINE_EXCEEDED


class TurnTimeout(DeadlineExceeded):
    """The turn used up its own time."""

    reason = "TURN_TIMEOUT"


# ---- everything else ----------------------------------------------------------------------------


class Unimplemented(EnhancedPromptError):
    """The server does not have this call."""

    code = StatusCode.UNIMPLEMENTED


class NotImplementedYet(Unimplemented):
    """The contract has it, this server's version does not."""

    reason = "NOT_IMPLEMENTED_YET"


class Unauthenticated(EnhancedPromptError):
    """The server does not know who calls."""

    code = StatusCode.UNAUTHENTICATED


class CredentialsMissing(Unauthenticated):
    """The call carries no credentials, and the server wants some."""

    reason = "CREDENTIALS_MISSING"


class CredentialsInvalid(Unauthenticated):
    """The credentials are not valid here."""

    reason = "CREDENTIALS_INVALID"


class CredentialsExpired(Unauthenticated):
    """The credentials were valid once."""

    reason = "CREDENTIALS_EXPIRED"


class CredentialsRevoked(Unauthenticated):
    """Somebody withdrew the credentials."""

    reason = "CREDENTIALS_REVOKED"


class PermissionDenied(EnhancedPromptError):
    """The caller is known, and may not do this."""

    code = StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class CallCancelled(EnhancedPromptError):
    """The call, or the turn that it waited for, was cancelled."""

    code = StatusCode.CANCELLED


class Internal(EnhancedPromptError):
    """Something broke in the service, which tells no more than an incident_id."""

    code = StatusCode.INTERNAL
    reason = "INTERNAL"


class TurnFailed(Internal):
    """The turn broke."""

    reason = "TURN_FAILED"


def all_errors(
    base: type[EnhancedPromptError] = EnhancedPromptError,
) -> Iterator[type[EnhancedPromptError]]:
    """Every class of the tree, the base first."""
    yield base
    for child in base.__subclasses__():
        yield from all_errors(child)
