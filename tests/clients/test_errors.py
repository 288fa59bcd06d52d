"""The exception tree: it covers the contract, says what the service says, and survives the odd."""

from __future__ import annotations

import pickle
import re

import grpc
import pytest
from google.rpc.status_pb2 import Status

from enhanced_prompt import EnhancedPromptError, FieldViolation, errors
from enhanced_prompt._status import BY_CODE, BY_REASON, from_status
from enhanced_prompt.v1.errors_pb2 import ErrorReason
from enhanced_prompt_service.domain import errors as domain
from enhanced_prompt_service.rpc.errors import CODES, status_of, status_of_unexpected

from .scripted import status

REASONS = sorted(name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys())  # noqa: SIM118
REASONS.remove("UNSPECIFIED")


def test_every_reason_of_the_contract_has_a_class_and_every_class_a_reason_of_the_contract() -> (
    None
):
    assert sorted(BY_REASON) == REASONS


def test_no_two_classes_share_a_reason() -> None:
    named = [cls for cls in errors.all_errors() if vars(cls).get("reason")]
    assert len({cls.reason for cls in named}) == len(named)


def test_the_picture_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    picture = errors.__doc__.split("EnhancedPromptError", 1)[1]
    drawn = re.findall(r"[├└]── ((?:[A-Z]\w+(?:, )?)+)", picture)
    names = {name for line in drawn for name in line.split(", ")}
    assert names == {cls.__name__ for cls in errors.all_errors()} - {"EnhancedPromptError"}


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_comes_back_as_its_class_with_the_servers_code(reason: str) -> None:
    code = CODES[domain.Reason(reason)]
    found = from_status(status(code, reason, "because", turn_id="t-1"))
    assert type(found) is BY_REASON[reason]
    assert (found.code, found.reason, found.message) == (code, reason, "because")
    assert found.code is type(found).code
    assert isinstance(found, BY_CODE[code])
    assert found.metadata["turn_id"] == "t-1"


def test_what_the_server_makes_of_bad_input_names_each_field() -> None:
    made = status_of(
        domain.InvalidArgument(
            [
                domain.FieldViolation("query", "is required"),
                domain.FieldViolation("filter.cameras[3]", "at most 128 characters"),
            ],
            reason=domain.Reason.REQUIRED_FIELD_MISSING,
        )
    )
    found = from_status(made)
    assert isinstance(found, errors.RequiredFieldMissing)
    assert found.field_violations == (
        FieldViolation("query", "is required"),
        FieldViolation("filter.cameras[3]", "at most 128 characters"),
    )


def test_when_to_try_again_comes_in_seconds() -> None:
    found = from_status(status_of(domain.Exhausted("slow down", retry_after_s=2.5)))
    assert isinstance(found, errors.RateLimited)
    assert found.retry_after == 2.5
    assert not found.retryable  # not by itself: the caller is told when


def test_an_incident_is_named_once() -> None:
    found = from_status(status_of_unexpected("i-42"))
    assert type(found) is errors.Internal
    assert found.incident_id == "i-42"
    assert str(found).count("i-42") == 1


def test_a_reason_of_a_newer_server_gives_the_branch_of_its_code() -> None:
    found = from_status(status(grpc.StatusCode.NOT_FOUND, "UNICORN_NOT_FOUND"))
    assert type(found) is errors.NotFound
    assert found.reason == "UNICORN_NOT_FOUND"


def test_a_reason_of_another_domain_is_not_taken_for_ours() -> None:
    foreign = status(grpc.StatusCode.ABORTED, "TURN_IN_PROGRESS")
    foreign.details[0].value = foreign.details[0].value.replace(
        b"enhanced-prompt.v1", b"another-service.v1"
    )
    assert type(from_status(foreign)) is errors.Conflict


def test_a_status_without_details_still_says_what_its_code_says() -> None:
    found = from_status(Status(code=grpc.StatusCode.PERMISSION_DENIED.value[0]))
    assert isinstance(found, errors.PermissionDenied)
    assert found.message == "PERMISSION_DENIED"


def test_details_that_cannot_be_parsed_do_not_hide_the_failure() -> None:
    broken = status(grpc.StatusCode.UNAVAILABLE, "DRAINING", "leaving")
    broken.details[0].value = b"\xff\xff\xff"
    found = from_status(broken)
    assert isinstance(found, errors.Unavailable)
    assert found.message == "leaving"


def test_a_code_that_does_not_exist_is_unknown() -> None:
    assert type(from_status(Status(code=99, message="?"))) is errors.Internal


@pytest.mark.parametrize("cls", list(errors.all_errors()))
def test_errors_survive_pickling(cls: type[EnhancedPromptError]) -> None:
    made = cls("because", retry_after=1.5, request_id="r-1", metadata={"incident_id": "i-1"})
    found = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own bytes
    assert type(found) is cls
    assert (str(found), found.retry_after, found.request_id, found.incident_id) == (
        str(made),
        1.5,
        "r-1",
        "i-1",
    )
