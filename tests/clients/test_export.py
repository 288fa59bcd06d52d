"""An export's state between two messages."""

from __future__ import annotations

import pytest

from enhanced_prompt import Retry
from enhanced_prompt._export import ExportFlow
from enhanced_prompt.errors import ResumeTokenInvalid, StorageUnavailable, StreamCut
from enhanced_prompt.v1.history_service_pb2 import (
    ExportCompleted,
    ExportConversationsRequest,
    ExportConversationsResponse,
    ExportedConversation,
)


def exported(token: str) -> ExportConversationsResponse:
    return ExportConversationsResponse(exported=ExportedConversation(), resume_token=token)


def flow(attempts: int = 2) -> ExportFlow:
    return ExportFlow(ExportConversationsRequest(), Retry(attempts=attempts))


def test_the_next_attempt_goes_on_behind_the_last_message() -> None:
    found = flow()
    assert found.take(exported("t-1"))
    assert found.wait(None) >= 0
    assert found.request.resume_token == "t-1"
    assert not found.done


def test_only_the_closing_message_ends_it() -> None:
    found = flow()
    assert not found.take(ExportConversationsResponse(completed=ExportCompleted(conversations=0)))
    assert found.done


def test_attempts_are_counted_anew_after_progress_and_then_given_up() -> None:
    found = flow(attempts=2)
    found.wait(StorageUnavailable("away"))
    found.take(exported("t-1"))
    found.wait(None)
    with pytest.raises(StreamCut):
        found.wait(None)


def test_what_would_fail_again_is_raised_at_once() -> None:
    with pytest.raises(ResumeTokenInvalid):
        flow().wait(ResumeTokenInvalid("not ours"))
