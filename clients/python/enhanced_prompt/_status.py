"""From a `google.rpc.Status` or a failed call to the exception that says the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from .errors import (
    CallCancelled,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    EnhancedPromptError,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    all_errors,
)

DOMAIN = "enhanced-prompt.v1"
STATUS_DETAILS = "grpc-status-details-bin"
REQUEST_ID = "x-request-id"
PREFIX = "ERROR_REASON_"
_BY_US = "Locally cancelled"  # how grpc's details begin where the caller cancelled

BY_REASON: Mapping[str, type[EnhancedPromptError]] = {
    found.reason: found for found in all_errors() if "reason" in vars(found) and found.reason
}
BY_CODE: Mapping[StatusCode, type[EnhancedPromptError]] = {
    StatusCode.INVALID_ARGUMENT: InvalidArgument,
    StatusCode.NOT_FOUND: NotFound,
    StatusCode.ABORTED: Conflict,
    StatusCode.ALREADY_EXISTS: Conflict,
    StatusCode.FAILED_PRECONDITION: Conflict,
    StatusCode.OUT_OF_RANGE: OutOfRange,
    StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    StatusCode.UNAVAILABLE: Unavailable,
    StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    StatusCode.UNIMPLEMENTED: Unimplemented,
    StatusCode.UNAUTHENTICATED: Unauthenticated,
    StatusCode.PERMISSION_DENIED: PermissionDenied,
    StatusCode.CANCELLED: CallCancelled,
    StatusCode.INTERNAL: Internal,
    StatusCode.UNKNOWN: Internal,
    StatusCode.DATA_LOSS: Internal,
}
_BY_NUMBER: Mapping[int, StatusCode] = {
    cast("tuple[int, str]", code.value)[0]: code for code in StatusCode
}


def from_status(status: Status, *, request_id: str = "") -> EnhancedPromptError:
    """The exception for a status, as `failed` frames and the trailers of failed calls carry it."""
    code = _BY_NUMBER.get(status.code, StatusCode.UNKNOWN)
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    retry_after: float | None = None
    for detail in status.details:
        try:
            detail.Unpack(info)
            detail.Unpack(bad)
            if detail.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        except DecodeError:  # a broken detail does not make the failure less of one
            continue
    reason = info.reason.removeprefix(PREFIX)
    cls = BY_REASON.get(reason) if info.domain == DOMAIN else None
    return (cls or BY_CODE.get(code, EnhancedPromptError))(
        status.message or code.name,
        code=code,
        reason=reason,
        field_violations=tuple(
            FieldViolation(one.field, one.description) for one in bad.field_violations
        ),
        retry_after=retry_after,
        request_id=request_id or info.metadata.get("request_id", ""),
        metadata=dict(info.metadata),
    )


def from_rpc(error: grpc.RpcError, target: str) -> EnhancedPromptError:
    """The exception for a failed call: from the status in its trailers, else from its code.

    A server of ours always sends details, so UNAVAILABLE without any comes from the transport, or
    from a proxy in between: no service was reached. Likewise CANCELLED, unless it was this side
    that cancelled: grpc says so to calls that cross a server's farewell.
    """
    trailers = _trailers(error)
    request_id = _text(trailers.get(REQUEST_ID, ""))
    packed = trailers.get(STATUS_DETAILS)
    if isinstance(packed, bytes):
        try:
            return from_status(Status.FromString(packed), request_id=request_id)
        except DecodeError:
            pass
    code, details = error.code(), error.details() or ""
    if code is StatusCode.UNAVAILABLE or (
        code is StatusCode.CANCELLED and not details.startswith(_BY_US)
    ):
        return ConnectionFailed(f"cannot reach {target}: {details}", request_id=request_id)
    if code is StatusCode.DEADLINE_EXCEEDED:
        details = "no answer before the deadline"
    return BY_CODE.get(code, EnhancedPromptError)(
        details or code.name, code=code, reason="", request_id=request_id
    )


def _trailers(error: grpc.RpcError) -> dict[str, str | bytes]:
    # Both transports give pairs, asyncio's in a class of its own; the type stubs say otherwise.
    return dict(cast("Iterable[tuple[str, str | bytes]] | None", error.trailing_metadata()) or ())


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
