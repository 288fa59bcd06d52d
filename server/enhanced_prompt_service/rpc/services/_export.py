"""ExportConversations: one conversation after another, and a heartbeat while one takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from enhanced_prompt.v1 import common_pb2
from enhanced_prompt.v1 import history_service_pb2 as pb

from ...domain.conversations import Conversation, Exported, ExportFilter
from ...domain.identity import Caller
from ...domain.stores import ConversationStore
from ..call import Call
from ..convert.answers import prompt_response
from ..convert.conversations import conversation_message
from ..convert.times import timestamp

OnExport = Callable[[Caller, Conversation], Awaitable[None]]
"""Hears of each conversation before it is written, and of whose it is."""


async def write_export(
    call: Call,
    conversations: ConversationStore,
    owner: Caller,
    chosen: ExportFilter,
    *,
    resume_token: str,
    include_responses: bool,
    heartbeat_s: float,
    now: Callable[[], datetime],
    on_export: OnExport | None = None,
) -> None:
    """Write all that follow a token, one at a time, then `completed`.

    Only one conversation is held at a time, whatever their number: the next one is read when the
    network has taken the last.
    """
    token, count = resume_token, 0
    while True:
        found = await _next(call, conversations, owner, chosen, token, heartbeat_s, now)
        if found is None:
            break
        token = found.resume_token
        message = pb.ExportedConversation(
            conversation=conversation_message(
                found.conversation, now(), most=len(found.conversation.messages) or 1
            )
        )
        if include_responses:
            message.responses.extend(prompt_response(one) for one in found.conversation.responses)
        if on_export is not None:
            await on_export(
                replace(owner, user=found.conversation.summary.user), found.conversation
            )
        await call.write(pb.ExportConversationsResponse(exported=message, resume_token=token))
        count += 1
    await call.write(
        pb.ExportConversationsResponse(
            completed=pb.ExportCompleted(conversations=count), resume_token=token
        )
    )


async def _next(
    call: Call,
    conversations: ConversationStore,
    owner: Caller,
    chosen: ExportFilter,
    token: str,
    heartbeat_s: float,
    now: Callable[[], datetime],
) -> Exported | None:
    reading = asyncio.create_task(conversations.next_exported(owner, chosen, token))
    try:
        while not (await asyncio.wait({reading}, timeout=heartbeat_s))[0]:
            beat = common_pb2.Heartbeat(time=timestamp(now()))
            await call.write(pb.ExportConversationsResponse(heartbeat=beat, resume_token=token))
        return reading.result()
    finally:
        reading.cancel()
        await asyncio.wait({reading})
