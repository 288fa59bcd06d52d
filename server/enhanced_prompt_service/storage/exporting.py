"""Whole conversations in order of their last activity, oldest first, from a place in that order.

A conversation that goes on during an export moves towards its end, and is exported again: at least
once, in its newest form. The place is a token, good for the same arguments only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sqlalchemy import and_, or_, select

from ..domain.conversations import Exported, ExportFilter
from ..domain.errors import InvalidArgument, Reason
from ..domain.identity import Caller
from . import codec, conversations, page_tokens
from .instants import to_us
from .session import Session
from .tables import conversations as table


def following(
    session: Session, caller: Caller, chosen: ExportFilter, resume_token: str
) -> Exported | None:
    """The next conversation behind a token ("" for the first), None where no more are."""
    within = chosen.active_range
    arguments: Mapping[str, object] = {
        "list": "export",
        "whole_tenant": chosen.whole_tenant,
        "range": None if within is None else codec.interval(within),
    }
    key = session.page_key()
    row = table.c
    query = select(row.user_id, row.conversation_id, row.last_activity_us).where(
        row.tenant == caller.tenant
    )
    if not chosen.whole_tenant:
        query = query.where(row.user_id == caller.user)
    if within is not None:
        query = query.where(
            row.last_activity_us >= to_us(within.start), row.last_activity_us < to_us(within.end)
        )
    if resume_token:
        at, user, talk = _read(key, caller, arguments, resume_token)
        query = query.where(
            row.last_activity_us >= at,
            or_(
                row.last_activity_us > at,
                row.user_id > user,
                and_(row.user_id == user, row.conversation_id > talk),
            ),
        )
    found = session.execute(
        query.order_by(row.last_activity_us, row.user_id, row.conversation_id).limit(1)
    ).one_or_none()
    if found is None:
        return None
    token = page_tokens.make(
        key, caller, arguments, [found.last_activity_us, found.user_id, found.conversation_id]
    )
    owner = Caller(caller.tenant, found.user_id)
    return Exported(conversations.get(session, owner, found.conversation_id), token)


def _read(
    key: bytes, caller: Caller, arguments: Mapping[str, object], token: str
) -> tuple[int, str, str]:
    try:
        at, user, talk = page_tokens.read(key, caller, arguments, token)
    except InvalidArgument:
        raise InvalidArgument.of(
            "resume_token",
            "not a token of this export: begin again without one, or with its own arguments",
            reason=Reason.RESUME_TOKEN_INVALID,
        ) from None
    return cast(int, at), cast(str, user), cast(str, talk)
