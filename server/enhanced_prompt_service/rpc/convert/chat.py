"""What a chat asks, and what it is told."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt.v1 import answers_pb2, turns_pb2
from enhanced_prompt.v1 import chat_pb2 as pb

from ...domain.errors import ServiceError
from ...domain.identity import Caller, Identity, Role
from ...domain.turns import OnDisconnect, TurnRequest
from ..errors import status_of
from .times import instant, timestamp
from .turns import question_filter


def prompt_request(prompt: pb.ChatPrompt, setup: pb.ChatSetup, conversation_id: str) -> TurnRequest:
    """What is asked: its message_id is the request_id. Raises InvalidArgument."""
    cancels = setup.on_disconnect == turns_pb2.ON_DISCONNECT_CANCEL
    return TurnRequest(
        query=prompt.query,
        conversation_id=conversation_id,
        request_id=prompt.message_id,
        on_disconnect=OnDisconnect.CANCEL if cancels else OnDisconnect.CONTINUE,
        filter=question_filter(prompt.filter, "prompt.filter"),
        time_zone=prompt.time_zone or setup.time_zone,
        as_of=instant(prompt.as_of, "prompt.as_of") if prompt.HasField("as_of") else None,
        model=prompt.model,
    )


def repeats(setup: pb.ChatSetup, first: pb.ChatSetup, conversation_id: str) -> bool:
    """Whether a later setup says nothing else than the first one, but for its token."""
    known = pb.ChatSetup()
    known.CopyFrom(first)
    known.conversation_id = conversation_id
    return all(
        field.name == "access_token" or value == getattr(known, field.name)
        for field, value in setup.ListFields()
    )


def ready(
    session_id: str,
    conversation_id: str,
    caller: Caller,
    *,
    templates: bool = False,
    tools: bool = False,
    identity: Identity | None = None,
    models: tuple[str, ...],
    running_turn_id: str,
) -> bytes:
    """The chat is open. Nobody proves who they are until identity is configured."""
    ready = pb.ChatReady(
        session_id=session_id,
        conversation_id=conversation_id,
        authenticated=identity is not None and caller.role is not Role.ANONYMOUS,
        identity=pb.ChatIdentity(tenant=caller.tenant, user_id=caller.user, name=caller.name),
        features=pb.ChatFeatures(
            template_creation=templates,
            ai_optimization=tools,
            langchain_fallback=len(models) > 1,
            models=models,
        ),
        running_turn_id=running_turn_id,
    )
    if identity is not None:
        ready.identity.roles.append(caller.role.value)
        if identity.expires_at is not None:
            ready.token_expire_time.CopyFrom(timestamp(identity.expires_at))
    return pb.ChatResponse(ready=ready).SerializeToString()


def accepted(message_id: str, turn_id: str, queue_position: int) -> bytes:
    """A prompt runs, or waits."""
    return pb.ChatResponse(
        accepted=pb.ChatAccepted(
            message_id=message_id, turn_id=turn_id, queue_position=queue_position
        )
    ).SerializeToString()


def opportunity(suggestion: answers_pb2.TemplateSuggestion, turn_id: str) -> bytes:
    """A template is offered."""
    return pb.ChatResponse(
        template_opportunity=pb.ChatTemplateOpportunity(suggestion=suggestion, turn_id=turn_id)
    ).SerializeToString()


def rejected(message_id: str, error: ServiceError) -> bytes:
    """A frame was not carried out."""
    return pb.ChatResponse(
        rejected=pb.ChatRejected(message_id=message_id, status=status_of(error))
    ).SerializeToString()


def pong(ping_time: Timestamp, now: datetime) -> bytes:
    """The reply to a ping."""
    return pb.ChatResponse(
        pong=pb.ChatPong(ping_time=ping_time, time=timestamp(now))
    ).SerializeToString()
