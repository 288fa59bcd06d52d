"""Standing questions over TCP and real storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from enhanced_prompt.v1 import insight_service_pb2 as pb
from enhanced_prompt.v1 import insights_pb2
from enhanced_prompt_service.domain.catalogue import Camera, Site
from enhanced_prompt_service.domain.events import Event
from enhanced_prompt_service.domain.identity import Caller

from . import kit
from .stack import NOW, Stack, running

ME = Caller()
QUERY = "tell me when anyone enters G330 between 22:00 and 06:00"


def event(minutes: float, camera: str = "G330") -> Event:
    at = NOW + timedelta(minutes=minutes)
    return Event(f"{camera}{minutes}", at, "school", camera, "person_enters", label="person")


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A service with a camera that has seen people, by day and by night (it is 03:04 UTC)."""
    async with running(tmp_path) as found:
        site = Site("school", "UTC", cameras=(Camera("G330"), Camera("G331")))
        await found.stores.catalogue.put_site(ME, site)
        await found.stores.events.ingest(ME, [event(-10), event(-12 * 60), event(-5, "G331")])
        yield found


async def create(
    stack: Stack, query: str = QUERY, *, request_id: str = "", dry: bool = False, **fields: Any
) -> pb.CreateStandingQuestionResponse:
    return await stack.insights.CreateStandingQuestion(
        pb.CreateStandingQuestionRequest(
            standing_question=insights_pb2.StandingQuestion(query=query, **fields),
            request_id=request_id,
            validate_only=dry,
        )
    )


async def listed(stack: Stack) -> list[insights_pb2.StandingQuestion]:
    answer = await stack.insights.ListStandingQuestions(pb.ListStandingQuestionsRequest())
    return list(answer.standing_questions)


async def update(stack: Stack, paths: list[str] | None = None, **fields: Any) -> Any:
    request = pb.UpdateStandingQuestionRequest(
        standing_question=insights_pb2.StandingQuestion(**fields),
        update_mask=None if paths is None else FieldMask(paths=paths),
    )
    return (await stack.insights.UpdateStandingQuestion(request)).standing_question


def reason(error: grpc.aio.AioRpcError) -> str:
    (info,) = kit.details(kit.status(error), ErrorInfo)
    return info.reason


async def test_a_question_is_kept_as_it_was_understood(stack: Stack) -> None:
    answer = await create(stack)
    made = answer.standing_question
    assert made.standing_question_id
    assert (made.query, made.time_zone, made.user_id) == (QUERY, "UTC", "local")
    assert made.severity == insights_pb2.SEVERITY_MEDIUM
    assert list(made.interpretation.cameras) == ["G330"]
    assert "22:00–06:00 each day" in made.interpretation.rendered
    assert made.create_time.ToDatetime() == NOW.replace(tzinfo=None)
    assert (made.hits, made.HasField("last_hit_time")) == (0, False)
    assert await listed(stack) == [made]


async def test_what_it_would_have_found_is_of_its_times_alone(stack: Stack) -> None:
    answer = await create(stack)
    assert [one.event_id for one in answer.past_hits] == ["G330-10"]


async def test_validate_only_keeps_nothing(stack: Stack) -> None:
    answer = await create(stack, dry=True)
    assert answer.standing_question.interpretation.rendered
    assert answer.standing_question.standing_question_id == ""
    assert await listed(stack) == []


async def test_a_repeated_request_makes_one(stack: Stack) -> None:
    first = await create(stack, request_id="r")
    again = await create(stack, request_id="r")
    assert again.standing_question == first.standing_question
    error = await kit.refused(create(stack, "tell me when anyone enters G331", request_id="r"))
    assert reason(error) == "REQUEST_ID_REUSED"
    assert len(await listed(stack)) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("tell me when anyone enters G999", "There is no camera G999"),
        ("tell me when a giraffe is at G330", "giraffe"),
        ("tell me when anyone enters G330 tomorrow", "“tomorrow” is one time"),
    ],
)
async def test_what_is_not_understood_is_named(stack: Stack, query: str, said: str) -> None:
    error = await kit.refused(create(stack, query))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(error) == "QUESTION_NOT_UNDERSTOOD"
    assert said in (error.details() or "")
    assert await listed(stack) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"query": " "}, "standing_question.query"),
        ({"query": QUERY, "time_zone": "Moon/Base"}, "standing_question.time_zone"),
    ],
)
async def test_a_wrong_field_is_named(stack: Stack, fields: dict[str, str], field: str) -> None:
    error = await kit.refused(create(stack, **fields))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    (request,) = kit.details(kit.status(error), BadRequest)
    assert [one.field for one in request.field_violations] == [field]


async def test_it_is_paused_and_goes_on(stack: Stack) -> None:
    made = (await create(stack)).standing_question
    name = made.standing_question_id
    paused = await update(stack, standing_question_id=name, paused=True, etag=made.etag)
    assert paused.paused
    assert paused.etag != made.etag
    assert paused.query == QUERY
    stack.clock.at = NOW + timedelta(hours=1)
    assert not (await update(stack, ["paused"], standing_question_id=name)).paused
    kept = await stack.stores.standing.get(ME, name)
    assert kept.progress.since == stack.clock.at


async def test_another_question_is_understood_anew(stack: Stack) -> None:
    name = (await create(stack)).standing_question.standing_question_id
    changed = await update(
        stack, standing_question_id=name, query="tell me when anyone enters G331"
    )
    assert list(changed.interpretation.cameras) == ["G331"]
    error = await kit.refused(update(stack, standing_question_id=name, query="anyone at G999"))
    assert reason(error) == "QUESTION_NOT_UNDERSTOOD"
    assert await listed(stack) == [changed]


async def test_an_old_etag_a_foreign_name_and_a_wrong_mask_are_refused(stack: Stack) -> None:
    made = (await create(stack)).standing_question
    name = made.standing_question_id
    await update(stack, standing_question_id=name, paused=True)
    calls = {
        "ETAG_MISMATCH": update(stack, standing_question_id=name, paused=True, etag=made.etag),
        "STANDING_QUESTION_NOT_FOUND": update(stack, standing_question_id="x", paused=True),
        "REQUIRED_FIELD_MISSING": update(stack, paused=True),
        "INVALID_FORMAT": update(stack, ["hits"], standing_question_id=name),
    }
    for expected, call in calls.items():
        assert reason(await kit.refused(call)) == expected


async def test_a_deleted_one_is_gone(stack: Stack) -> None:
    name = (await create(stack)).standing_question.standing_question_id
    request = pb.DeleteStandingQuestionRequest(standing_question_id=name)
    await stack.insights.DeleteStandingQuestion(request)
    assert await listed(stack) == []
    error = await kit.refused(stack.insights.DeleteStandingQuestion(request))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert reason(error) == "STANDING_QUESTION_NOT_FOUND"
