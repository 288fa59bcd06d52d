"""Standing questions: the same calls for both clients."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

from google.protobuf.field_mask_pb2 import FieldMask

from . import _methods as methods
from ._calls import AsyncCalls, Calls
from .v1.insight_service_pb2 import (
    CreateStandingQuestionRequest,
    CreateStandingQuestionResponse,
    DeleteStandingQuestionRequest,
    ListStandingQuestionsRequest,
    UpdateStandingQuestionRequest,
)
from .v1.insights_pb2 import Severity, StandingQuestion

SeverityWord = Literal["low", "medium", "high", "critical"]
StandingField = Literal["query", "time_zone", "severity", "paused", "*"]


def _question(
    query: str, time_zone: str, severity: SeverityWord | None, paused: bool
) -> StandingQuestion:
    word = (severity or "unspecified").upper()
    return StandingQuestion(
        query=query,
        time_zone=time_zone,
        severity=Severity.Value(f"SEVERITY_{word}"),
        paused=paused,
    )


def _update(
    question: StandingQuestion, fields: Sequence[StandingField]
) -> UpdateStandingQuestionRequest:
    mask = FieldMask(paths=fields) if fields else None
    return UpdateStandingQuestionRequest(standing_question=question, update_mask=mask)


def _paused(standing_question_id: str, paused: bool) -> UpdateStandingQuestionRequest:
    return _update(
        StandingQuestion(standing_question_id=standing_question_id, paused=paused), ["paused"]
    )


class StandingCalls(Calls):
    """Standing questions, blocking."""

    def watch(
        self,
        query: str,
        *,
        time_zone: str = "",
        severity: SeverityWord | None = None,
        paused: bool = False,
        validate_only: bool = False,
        request_id: str = "",
    ) -> CreateStandingQuestionResponse:
        """Keep a question whose hits become insights; with what it would have found of late.

        "Tell me when anyone enters G330 between 22:00 and 06:00", in the IANA `time_zone` or that
        of the cameras. `validate_only` keeps nothing. Raises QuestionNotUnderstood.
        """
        request = CreateStandingQuestionRequest(
            standing_question=_question(query, time_zone, severity, paused),
            request_id=request_id or uuid.uuid4().hex,
            validate_only=validate_only,
        )
        return self._unary(methods.CREATE_STANDING_QUESTION, request)

    def list_standing_questions(self, *, page_size: int = 0) -> Iterator[StandingQuestion]:
        """All of one's own, newest first, by pages."""
        return self._pages(
            methods.LIST_STANDING_QUESTIONS,
            ListStandingQuestionsRequest(page_size=page_size),
            lambda page: page.standing_questions,
        )

    def update_standing_question(
        self, question: StandingQuestion, *, fields: Sequence[StandingField] = ()
    ) -> StandingQuestion:
        """Change the named fields, by default those that are set.

        Where `question.etag` is set it must be the stored one: raises EtagMismatch, and then the
        call is never repeated. Raises StandingQuestionNotFound and QuestionNotUnderstood.
        """
        request = _update(question, fields)
        changed = self._once(
            methods.UPDATE_STANDING_QUESTION, request, repeatable=not question.etag
        )
        return changed.standing_question

    def pause_standing_question(
        self, standing_question_id: str, *, paused: bool = True
    ) -> StandingQuestion:
        """Let one make no insights, or with `paused` False go on. Raises StandingQuestionNotFound.
        What happened meanwhile is not told."""
        request = _paused(standing_question_id, paused)
        changed = self._unary(methods.UPDATE_STANDING_QUESTION, request)
        return changed.standing_question

    def delete_standing_question(self, standing_question_id: str) -> None:
        """Delete one; its insights stay. Raises StandingQuestionNotFound."""
        request = DeleteStandingQuestionRequest(standing_question_id=standing_question_id)
        self._once(methods.DELETE_STANDING_QUESTION, request, repeatable=False)


class AsyncStandingCalls(AsyncCalls):
    """The same for asyncio."""

    async def watch(
        self,
        query: str,
        *,
        time_zone: str = "",
        severity: SeverityWord | None = None,
        paused: bool = False,
        validate_only: bool = False,
        request_id: str = "",
    ) -> CreateStandingQuestionResponse:
        """Keep a question whose hits become insights; with what it would have found of late.

        "Tell me when anyone enters G330 between 22:00 and 06:00", in the IANA `time_zone` or that
        of the cameras. `validate_only` keeps nothing. Raises QuestionNotUnderstood.
        """
        request = CreateStandingQuestionRequest(
            standing_question=_question(query, time_zone, severity, paused),
            request_id=request_id or uuid.uuid4().hex,
            validate_only=validate_only,
        )
        return await self._unary(methods.CREATE_STANDING_QUESTION, request)

    def list_standing_questions(self, *, page_size: int = 0) -> AsyncIterator[StandingQuestion]:
        """All of one's own, newest first, by pages."""
        return self._pages(
            methods.LIST_STANDING_QUESTIONS,
            ListStandingQuestionsRequest(page_size=page_size),
            lambda page: page.standing_questions,
        )

    async def update_standing_question(
        self, question: StandingQuestion, *, fields: Sequence[StandingField] = ()
    ) -> StandingQuestion:
        """Change the named fields, by default those that are set.

        Where `question.etag` is set it must be the stored one: raises EtagMismatch, and then the
        call is never repeated. Raises StandingQuestionNotFound and QuestionNotUnderstood.
        """
        request = _update(question, fields)
        changed = await self._once(
            methods.UPDATE_STANDING_QUESTION, request, repeatable=not question.etag
        )
        return changed.standing_question

    async def pause_standing_question(
        self, standing_question_id: str, *, paused: bool = True
    ) -> StandingQuestion:
        """Let one make no insights, or with `paused` False go on. Raises StandingQuestionNotFound.
        What happened meanwhile is not told."""
        request = _paused(standing_question_id, paused)
        changed = await self._unary(methods.UPDATE_STANDING_QUESTION, request)
        return changed.standing_question

    async def delete_standing_question(self, standing_question_id: str) -> None:
        """Delete one; its insights stay. Raises StandingQuestionNotFound."""
        request = DeleteStandingQuestionRequest(standing_question_id=standing_question_id)
        await self._once(methods.DELETE_STANDING_QUESTION, request, repeatable=False)
