"""The one table from what went wrong to what the caller is told.

Every status but OK carries a `google.rpc.Status` (AIP-193) with exactly one `ErrorInfo`, whose
reason is a value of the contract's `ErrorReason` without its prefix, and where they help:
`BadRequest` (which fields), `RetryInfo` (when to try again), `QuotaFailure` (which limit),
`ResourceInfo` (what was not found).
It travels as `grpc-status-details-bin`. The clients invert `CODES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status
from grpc_interceptor.exceptions import GrpcException

from ..domain.errors import (
    DOMAIN,
    Exhausted,
    FieldViolation,
    InvalidArgument,
    NotFound,
    QuotaViolation,
    Reason,
    ServiceError,
    Unavailable,
)
from ..domain.turns import TurnError

STATUS_DETAILS = "grpc-status-details-bin"

CODES: Mapping[Reason, grpc.StatusCode] = {
    Reason.REQUIRED_FIELD_MISSING: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.LIMIT_EXCEEDED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INVALID_FORMAT: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.MALFORMED_MESSAGE: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.PAGE_TOKEN_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_IMPLEMENTED_YET: grpc.StatusCode.UNIMPLEMENTED,
    Reason.TURN_IN_PROGRESS: grpc.StatusCode.ABORTED,
    Reason.REQUEST_ID_REUSED: grpc.StatusCode.ALREADY_EXISTS,
    Reason.CONVERSATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.TURN_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.EVENT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.SITE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.ETAG_MISMATCH: grpc.StatusCode.ABORTED,
    Reason.CURSOR_OUT_OF_RANGE: grpc.StatusCode.OUT_OF_RANGE,
    Reason.RUNNER_LOST: grpc.StatusCode.UNAVAILABLE,
    Reason.TURN_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Reason.TURN_FAILED: grpc.StatusCode.INTERNAL,
    Reason.DRAINING: grpc.StatusCode.UNAVAILABLE,
    Reason.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.BUS_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.STORAGE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.INTERNAL: grpc.StatusCode.INTERNAL,
    Reason.CREDENTIALS_MISSING: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CREDENTIALS_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CREDENTIALS_EXPIRED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.CREDENTIALS_REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    Reason.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.QUEUE_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.CHAT_PROTOCOL_BROKEN: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CHAT_IDLE: grpc.StatusCode.ABORTED,
    Reason.TEMPLATE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.TEMPLATE_ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.TEMPLATE_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.TEMPLATE_VARIABLE_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.INSIGHT_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.STANDING_QUESTION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Reason.QUESTION_NOT_UNDERSTOOD: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.RESUME_TOKEN_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.SUBSCRIBER_TOO_SLOW: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.MODEL_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Reason.MODEL_NOT_CONFIGURED: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.BUDGET_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.MESSAGE_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.CONSENT_REQUIRED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.CANCELLED: grpc.StatusCode.ABORTED,
}

# A client refuses a response whose metadata is over 8 KiB (16 KiB at most), and the text of a
# status travels twice: percent-encoded, and inside the details.
_TEXT_BYTES = 600
_VIOLATION_BYTES = 2400
_METADATA_BYTES = 200

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


def status_of(error: ServiceError) -> Status:
    """The public status of a domain error."""
    details: list[Message] = [_info(error.reason, error.metadata)]
    if isinstance(error, InvalidArgument):
        details.append(_bad_request(error.violations))
    elif isinstance(error, NotFound):
        details.append(
            ResourceInfo(
                resource_type=error.resource_type,
                resource_name=cut(error.resource_name, _METADATA_BYTES),
            )
        )
    elif isinstance(error, (Exhausted, Unavailable)) and error.retry_after_s is not None:
        details.append(_retry(error.retry_after_s))
    if isinstance(error, Exhausted) and error.violations:
        details.append(_quota(error.violations))
    return _status(CODES[error.reason], error.message, details)


def status_of_turn(error: TurnError) -> Status:
    """The status inside a `failed` frame, with which its RPC ends as well (design 3, rule 5)."""
    try:
        reason = Reason(error.reason)
    except ValueError:
        reason = Reason.TURN_FAILED
    metadata = {"retryable": "true" if error.retryable else "false"}
    if error.incident_id:
        metadata["incident_id"] = error.incident_id
    details: list[Message] = [_info(reason, metadata)]
    if error.retryable:
        details.append(_retry(0))
    return _status(CODES[reason], error.message, details)


def status_of_unexpected(incident_id: str) -> Status:
    """What a caller learns of an error that nobody foresaw: a number to ask about, nothing else."""
    return _status(
        grpc.StatusCode.INTERNAL,
        f"internal error, incident {incident_id}",
        [_info(Reason.INTERNAL, {"incident_id": incident_id})],
    )


def status_of_interruption() -> Status:
    """For a call that was cancelled from inside: the client is there and waits for a status."""
    return _status(
        grpc.StatusCode.ABORTED,
        "the server gave up this call; it may be repeated",
        [_info(Reason.CANCELLED, {})],
    )


def status_of_timeout(incident_id: str) -> Status:
    """For a `TimeoutError` that nobody gave a better name.

    Not DEADLINE_EXCEEDED: the caller would take it for its own deadline, which has not passed.
    """
    return _status(
        grpc.StatusCode.ABORTED,
        f"something that the server needs took too long, incident {incident_id}",
        [_info(Reason.CANCELLED, {"incident_id": incident_id})],
    )


def status_of_rejection(error: GrpcException) -> Status:
    """For grpc-interceptor's exceptions, which interceptors raise: their code and text.

    An interceptor's exception may have a `reason`; without one it is the code's name.
    """
    reason: object = getattr(error, "reason", error.status_code.name)
    return _status(error.status_code, error.details, [_info(str(reason), {})])


def code_of(status: Status) -> grpc.StatusCode:
    """grpc's enum for the number in a status."""
    return _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)


def metadata_of(status: Status) -> tuple[str, bytes]:
    """The trailing metadata that carries a status."""
    return (STATUS_DETAILS, status.SerializeToString())


def cut(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, never half a character, with an ellipsis where cut."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: limit - 3].decode("utf-8", "ignore") + "…"


def _status(code: grpc.StatusCode, message: str, details: Iterable[Message]) -> Status:
    number: Any = code.value[0]
    status = Status(code=number, message=cut(message, _TEXT_BYTES))
    for one in details:
        status.details.add().Pack(one)
    return status


def _info(reason: Reason | str, metadata: Mapping[str, str]) -> ErrorInfo:
    return ErrorInfo(
        reason=str(reason),
        domain=DOMAIN,
        metadata={key: cut(value, _METADATA_BYTES) for key, value in metadata.items()},
    )


def _bad_request(violations: Iterable[FieldViolation]) -> BadRequest:
    request = BadRequest()
    room = _VIOLATION_BYTES
    left_out = 0
    for one in violations:
        field, description = cut(one.field, 200), cut(one.description, 300)
        room -= len(field.encode()) + len(description.encode()) + 8
        if room < 0:
            left_out += 1
            continue
        request.field_violations.add(field=field, description=description)
    if left_out:
        request.field_violations.add(field="", description=f"and {left_out} more")
    return request


def _quota(violations: Iterable[QuotaViolation]) -> QuotaFailure:
    failure = QuotaFailure()
    for one in violations:
        failure.violations.add(subject=one.subject, description=cut(one.description, 200))
    return failure


def _retry(seconds: float) -> RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(max(0, round(seconds * 1e9)))
    return RetryInfo(retry_delay=delay)
