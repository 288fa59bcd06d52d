"""The table from reasons to codes, and what a status carries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_interceptor import exceptions

from enhanced_prompt.v1 import errors_pb2
from enhanced_prompt_service.domain.errors import (
    Conflict,
    Exhausted,
    FieldViolation,
    InvalidArgument,
    NotFound,
    OutOfRange,
    Reason,
    ServiceError,
    Unavailable,
    Unimplemented,
)
from enhanced_prompt_service.domain.turns import TurnError
from enhanced_prompt_service.rpc import errors

from . import kit

PROTO = Path(__file__).parents[2] / "protos/enhanced_prompt/v1/errors.proto"


def contract_reasons() -> set[str]:
    names = set(errors_pb2.ErrorReason.keys())
    return {name.removeprefix("ERROR_REASON_") for name in names} - {"UNSPECIFIED"}


def test_the_contract_and_the_domain_know_the_same_reasons() -> None:
    assert contract_reasons() == {str(reason) for reason in Reason}


def test_every_reason_has_the_code_that_the_contract_documents() -> None:
    said = dict(re.findall(r"// ERROR_REASON_([A-Z_]+): ([A-Z_]+)\.", PROTO.read_text()))
    assert said == {str(reason): code.name for reason, code in errors.CODES.items()}


@pytest.mark.parametrize(
    ("error", "code", "reason", "extra"),
    [
        (
            InvalidArgument.of("query", "is required", reason=Reason.REQUIRED_FIELD_MISSING),
            grpc.StatusCode.INVALID_ARGUMENT,
            "REQUIRED_FIELD_MISSING",
            error_details_pb2.BadRequest,
        ),
        (
            NotFound("Turn", "t-1", reason=Reason.TURN_NOT_FOUND),
            grpc.StatusCode.NOT_FOUND,
            "TURN_NOT_FOUND",
            error_details_pb2.ResourceInfo,
        ),
        (
            Conflict("a turn is running", metadata={"turn_id": "t-1"}),
            grpc.StatusCode.ABORTED,
            "TURN_IN_PROGRESS",
            None,
        ),
        (
            Conflict("another request", reason=Reason.REQUEST_ID_REUSED),
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
            None,
        ),
        (OutOfRange("too far"), grpc.StatusCode.OUT_OF_RANGE, "CURSOR_OUT_OF_RANGE", None),
        (
            Exhausted("slower", retry_after_s=1.5),
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "RATE_LIMITED",
            error_details_pb2.RetryInfo,
        ),
        (Exhausted("slower"), grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", None),
        (
            Unavailable("later", retry_after_s=0),
            grpc.StatusCode.UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
            error_details_pb2.RetryInfo,
        ),
        (Unimplemented("later"), grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED_YET", None),
    ],
)
def test_each_kind_of_error_carries_one_reason_and_what_helps(
    error: ServiceError, code: grpc.StatusCode, reason: str, extra: Any
) -> None:
    status = errors.status_of(error)
    assert errors.code_of(status) is code
    assert status.message == error.message
    (info,) = kit.details(status, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == (reason, "enhanced-prompt.v1")
    assert dict(info.metadata) == error.metadata
    assert len(status.details) == (1 if extra is None else 2)
    assert extra is None or len(kit.details(status, extra)) == 1


def test_retry_info_keeps_fractions_of_a_second() -> None:
    status = errors.status_of(Exhausted("slower", retry_after_s=1.5))
    (retry,) = kit.details(status, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1500


def test_a_failed_turn_has_the_status_of_its_reason_and_says_whether_to_retry() -> None:
    lost = TurnError("RUNNER_LOST", "the runner is gone", retryable=True, incident_id="i-7")
    status = errors.status_of_turn(lost)
    assert errors.code_of(status) is grpc.StatusCode.UNAVAILABLE
    (info,) = kit.details(status, error_details_pb2.ErrorInfo)
    assert dict(info.metadata) == {"retryable": "true", "incident_id": "i-7"}
    assert len(kit.details(status, error_details_pb2.RetryInfo)) == 1

    broken = errors.status_of_turn(TurnError("TURN_FAILED", "broken", retryable=False))
    assert errors.code_of(broken) is grpc.StatusCode.INTERNAL
    assert kit.details(broken, error_details_pb2.RetryInfo) == []


def test_a_turns_reason_of_a_newer_version_is_a_failed_turn() -> None:
    status = errors.status_of_turn(TurnError("FROM_THE_FUTURE", "?", retryable=False))
    (info,) = kit.details(status, error_details_pb2.ErrorInfo)
    assert info.reason == "TURN_FAILED"


def test_the_exceptions_of_grpc_interceptor_keep_code_and_text() -> None:
    status = errors.status_of_rejection(exceptions.PermissionDenied("not you"))
    assert errors.code_of(status) is grpc.StatusCode.PERMISSION_DENIED
    assert status.message == "not you"


@pytest.mark.parametrize("character", ["x", "é", "日", "🎥", "%"])
async def test_the_largest_status_still_reaches_a_client(character: str) -> None:
    """A client refuses metadata over 8 KiB, so texts and violations are cut to fit."""
    violations = [FieldViolation(f"filter.cameras[{n}]", character * 5000) for n in range(1000)]
    error = InvalidArgument(violations, reason=Reason.LIMIT_EXCEEDED)
    error.metadata["turn_id"] = character * 5000

    async def fail(_: Any, __: Any) -> None:
        raise error

    async with kit.serving([kit.method("unary_unary", fail)], guard=kit.new_guard(kit.Log())) as ch:
        got = await kit.refused(kit.finish(kit.open_call(ch, "unary_unary"), "unary_unary"))
        await kit.gone()
    assert got.code() is grpc.StatusCode.INVALID_ARGUMENT
    (request,) = kit.details(kit.status(got), error_details_pb2.BadRequest)
    assert request.field_violations[0].field == "filter.cameras[0]"
    assert request.field_violations[-1].description.startswith("and ")


def test_a_cut_never_splits_a_character() -> None:
    for limit in range(3, 20):
        found = errors.cut("日本語の長い文章です", limit)
        assert len(found.encode()) <= limit
        assert found.endswith("…")
    assert errors.cut("short", 5) == "short"
    assert errors.cut("half a pair \ud800", 100) == "half a pair ?"
