"""Which messages a change makes, for which destination, under which key.

`<kind>:<id>:r<revision>`. The revision is a turn's attempt, an insight's own, and of a history how
many answers it holds: the same content has the same key, whoever makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from ..domain.answers import PromptResponse
from ..domain.conversations import Conversation
from ..domain.identity import Caller
from ..domain.insights import Insight, Seen
from ..domain.outbox import (
    MessageKind,
    Outgoing,
    conversation_lane,
    digest,
    insight_lane,
)
from ..domain.turns import TurnState
from ..schemas import SERVICE_NAME, PromptResponsePayload
from .destinations import Destination, DestinationKind
from .notifications import (
    insight_notification,
    requires_acknowledgment,
    response_notification,
    worth_notifying,
)
from .payloads import history_payload, insight_payload, response_payload


class Announcements:
    """`domain.outbox.Announcer` for these destinations."""

    def __init__(self, destinations: Sequence[Destination]) -> None:
        self._destinations = tuple(destinations)

    def turn_ended(
        self,
        caller: Caller,
        state: TurnState,
        attempt: int,
        response: PromptResponse,
        now: datetime,
    ) -> list[Outgoing]:
        """The answer of a turn that was completed, or stopped after it had begun to answer.

        A notifier hears only of completed ones that are sure enough, or proactive.
        """
        kind = MessageKind.PROMPT_RESPONSE
        wanted = self._wanting(kind, caller.tenant)
        if not wanted:
            return []
        key = f"{kind}:{response.turn_id}:r{attempt}"
        lane = conversation_lane(caller.tenant, caller.user, response.conversation_id)
        made = _Made(kind, key, caller.tenant, lane, response.conversation_id, now)
        try:
            payload = response_payload(response, state)
            text = _dump(payload)
        except ValueError as error:
            return [made.refused(one, error) for one in wanted]
        found: list[Outgoing] = []
        for one in wanted:
            if one.kind is not DestinationKind.NOTIFIER:
                found.append(made.message(one, text))
            elif state is TurnState.COMPLETED and worth_notifying(payload, one.min_confidence):
                found.append(_response_notice(made, one, payload))
        return found

    def insight_said(
        self, tenant: str, insight: Insight, heard: Seen | None, now: datetime
    ) -> list[Outgoing]:
        """An insight that is new, or worse than it was when it was last heard of.

        What is muted is not sent; once the mute is over, the next revision is.
        """
        kind = MessageKind.PROACTIVE_INSIGHT
        what = insight.content
        until = insight.muted_until
        if until is not None and until > insight.updated_at:
            return []
        if heard is not None and what.severity <= heard.severity:
            return []
        wanted = [
            one
            for one in self._wanting(kind, tenant)
            if what.severity >= one.severity
            and (not one.insight_types or what.type in one.insight_types)
        ]
        if not wanted:
            return []
        key = f"{kind}:{insight.insight_id}:r{insight.revision}"
        lane = insight_lane(tenant, insight.insight_id)
        made = _Made(kind, key, tenant, lane, insight.insight_id, now)
        try:
            payload = insight_payload(insight)
            text = _dump(payload)
        except ValueError as error:
            return [made.refused(one, error) for one in wanted]
        # The seeds' name for the first notification of an insight; later ones add the revision.
        name = f"notif_{insight.insight_id}"
        if insight.revision > 1:
            name += f"_r{insight.revision}"
        found: list[Outgoing] = []
        for one in wanted:
            if one.kind is DestinationKind.NOTIFIER:
                notice = _text(insight_notification(payload, name, key))
                urgent = requires_acknowledgment(payload)
                found.append(made.message(one, notice, notification_id=name, acknowledged=urgent))
            else:
                found.append(made.message(one, text))
        return found

    def conversation_deleted(
        self, owner: Caller, conversation_id: str, turns: int, now: datetime
    ) -> list[Outgoing]:
        """That a conversation is gone, to those who asked for such messages."""
        kind = MessageKind.CONVERSATION_DELETED
        wanted = self._wanting(kind, owner.tenant)
        if not wanted:
            return []
        at = now.astimezone(UTC)
        name = digest(owner.tenant, owner.user, conversation_id)
        made = _Made(
            kind,
            f"{kind}:{name}:r{int(at.timestamp() * 1_000_000)}",
            owner.tenant,
            conversation_lane(owner.tenant, owner.user, conversation_id),
            conversation_id,
            now,
        )
        text = _text(
            {
                "service_name": SERVICE_NAME,
                "timestamp": at.isoformat(),
                "conversation_id": conversation_id,
                "user_id": owner.user,
                "deleted_turns": turns,
            }
        )
        return [made.message(one, text) for one in wanted]

    def conversation_rested(
        self, owner: Caller, conversation: Conversation, now: datetime, destination: str = ""
    ) -> list[Outgoing]:
        """The history of a conversation, once for each number of answers in it."""
        kind = MessageKind.CONVERSATION_HISTORY
        wanted = [
            one
            for one in self._wanting(kind, owner.tenant)
            if destination in ("", one.name) and conversation.responses
        ]
        if not wanted:
            return []
        summary = conversation.summary
        born = int(summary.created_at.timestamp() * 1_000_000)
        name = digest(owner.tenant, owner.user, summary.conversation_id, born)
        made = _Made(
            kind,
            f"{kind}:{name}:r{len(conversation.responses)}",
            owner.tenant,
            conversation_lane(owner.tenant, owner.user, summary.conversation_id),
            summary.conversation_id,
            now,
        )
        try:
            text = _dump(history_payload(conversation, owner.user, now))
        except ValueError as error:
            return [made.refused(one, error) for one in wanted]
        return [made.message(one, text) for one in wanted]

    def _wanting(self, kind: MessageKind, tenant: str) -> list[Destination]:
        return [one for one in self._destinations if one.wants(kind, tenant)]


class _Made:
    """What the messages of one change have in common."""

    def __init__(
        self, kind: MessageKind, key: str, tenant: str, lane: str, subject: str, now: datetime
    ) -> None:
        self._kind = kind
        self.key = key
        self._tenant = tenant
        self._lane = lane
        self.subject = subject
        self._now = now

    def message(
        self,
        to: Destination,
        payload: str,
        *,
        notification_id: str = "",
        acknowledged: bool = False,
        refused: str = "",
    ) -> Outgoing:
        """For one destination; what is too large for it is refused at once and not kept."""
        size = len(payload) if payload.isascii() else len(payload.encode())
        if size > to.max_bytes:
            payload, refused = "", f"too large: {size} bytes, and max_bytes is {to.max_bytes}"
        return Outgoing(
            destination=to.name,
            kind=self._kind,
            key=self.key,
            tenant=self._tenant,
            lane=self._lane,
            subject=self.subject,
            payload=payload,
            deadline=self._now + timedelta(seconds=to.deadline_s),
            acknowledged=acknowledged,
            notification_id=notification_id,
            refused=refused,
        )

    def refused(self, to: Destination, error: ValueError) -> Outgoing:
        """What can't be said in the schema's words: nobody will ever be able to send it."""
        where = ""
        if isinstance(error, ValidationError):  # where, never what: reasons go into logs
            places = [one["loc"] for one in error.errors(include_input=False)]
            where = ": " + ", ".join(".".join(map(str, one)) for one in places[:5])
        return self.message(to, "", refused=f"not in the payload's schema{where}")


def _response_notice(made: _Made, to: Destination, payload: PromptResponsePayload) -> Outgoing:
    name = f"notif_{payload.conversation_id}_{payload.conversation_turn}"
    notice = _text(response_notification(payload, name, made.key))
    return made.message(to, notice, notification_id=name)


_encode: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode


def _text(document: dict[str, Any]) -> str:
    return _encode(document)


def _dump(payload: BaseModel) -> str:
    try:
        return payload.model_dump_json()
    except PydanticSerializationError:  # half of a surrogate pair, which JSON can only escape
        return _encode(_plain(payload.model_dump()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}  # pyright: ignore
    if isinstance(value, list):
        return [_plain(one) for one in value]  # pyright: ignore
    return value.isoformat() if isinstance(value, datetime) else value
