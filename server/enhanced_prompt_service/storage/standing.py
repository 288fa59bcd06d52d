"""Standing questions: rows of a user, and how far each was evaluated."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    Row,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

from ..domain.errors import Conflict, InvalidArgument, NotFound, Reason
from ..domain.fences import Fence
from ..domain.identity import Caller
from ..domain.insights import Severity
from ..domain.standing import MOST_A_USER, Progress, StandingQuestion
from ..domain.stores import Page
from . import fences, page_tokens, standing_codec
from .codec import dump, load_text
from .database import Database
from .instants import from_us, to_us
from .session import Session
from .tables import RowId, Str, metadata
from .words import storable

KEPT = timedelta(hours=24)
"""How long a request_id is remembered."""
MOST = 1_000
"""Rows of a page at most."""

standing_questions = Table(
    "standing_questions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("standing_question_id", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("owner", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("time_zone", Str, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("paused", SmallInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("hits", BigInteger, nullable=False),
    Column("last_hit_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("etag", Str, nullable=False),
    Column("request_key", Str),
    Column("request_hash", Str, nullable=False),
    UniqueConstraint("tenant", "standing_question_id", name="standing_questions_name"),
    UniqueConstraint("tenant", "user_id", "request_key", name="standing_questions_request"),
)
_row = standing_questions.c
Index("standing_questions_user", _row.tenant, _row.user_id, _row.id)


class SqlStandingStore:
    """`domain.standing.StandingStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        question: StandingQuestion,
        *,
        now: datetime,
        request_id: str = "",
        request_hash: str = "",
    ) -> StandingQuestion:
        """Keep a question as its owner's; the same request again returns what it made."""
        return await self._database.write(
            lambda s: _create(s, question, now, storable(request_id), request_hash)
        )

    async def get(self, caller: Caller, standing_question_id: str) -> StandingQuestion:
        """One of the caller's. Raises NotFound (STANDING_QUESTION_NOT_FOUND)."""
        return await self._database.read(
            lambda s: _question(_find(s, caller, standing_question_id))
        )

    async def page(
        self, caller: Caller, *, page_size: int = 50, page_token: str = ""
    ) -> Page[StandingQuestion]:
        """The caller's, newest first."""
        return await self._database.read(lambda s: _page(s, caller, page_size, page_token))

    async def update(
        self,
        caller: Caller,
        standing_question_id: str,
        change: Callable[[StandingQuestion], StandingQuestion],
        *,
        etag: str = "",
    ) -> StandingQuestion:
        """Change one in one transaction."""
        return await self._database.write(
            lambda s: _update(s, caller, standing_question_id, change, etag)
        )

    async def delete(self, caller: Caller, standing_question_id: str) -> None:
        """Delete one for good. Raises NotFound."""

        def delete(session: Session) -> None:
            row = _find(session, caller, standing_question_id, lock=True)
            session.execute(standing_questions.delete().where(_row.id == row.id))

        await self._database.write(delete)

    async def active(self) -> list[StandingQuestion]:
        """Those of all tenants that are not paused, by tenant, oldest first."""
        query = select(standing_questions).where(_row.paused == 0).order_by(_row.tenant, _row.id)
        return await self._database.read(
            lambda s: [_question(one) for one in s.execute(query).all()]
        )

    async def advance(
        self,
        question: StandingQuestion,
        progress: Progress,
        *,
        hits: int,
        last_hit: datetime | None,
        fence: Fence,
    ) -> bool:
        """Keep how far a question was evaluated, where it still is what was evaluated."""
        values: dict[str, Any] = {
            "progress": standing_codec.dump_progress(progress),
            "hits": _row.hits + hits,
        }
        if last_hit is not None:
            values["last_hit_us"] = to_us(last_hit)

        def advance(session: Session) -> bool:
            fences.check(session, fence)
            done = session.execute(
                standing_questions.update()
                .where(
                    *_named(question.owner, question.standing_question_id),
                    _row.etag == question.etag,
                    _row.paused == 0,
                )
                .values(**values)
                .returning(_row.id)
            )
            return done.one_or_none() is not None

        return await self._database.write(advance)


def _create(
    session: Session, question: StandingQuestion, now: datetime, request_id: str, hashed: str
) -> StandingQuestion:
    owner = question.owner
    mine = (_row.tenant == owner.tenant, _row.user_id == owner.user)
    if request_id:
        known = session.execute(
            select(standing_questions).where(*mine, _row.request_key == request_id)
        ).one_or_none()
        if known is not None and known.created_us >= to_us(now - KEPT):
            if known.request_hash != hashed:
                raise Conflict(
                    "this request_id belongs to another request", reason=Reason.REQUEST_ID_REUSED
                )
            return _question(known)
        if known is not None:
            session.execute(
                standing_questions.update().where(_row.id == known.id).values(request_key=None)
            )
    there = session.execute(select(func.count()).select_from(standing_questions).where(*mine))
    if there.scalar_one() >= MOST_A_USER:
        raise InvalidArgument.of(
            "standing_question",
            f"you have {MOST_A_USER} already, which is the most",
            reason=Reason.LIMIT_EXCEEDED,
        )
    kept = _stamped(dataclasses.replace(question, created_at=now), before="")
    # Two that come at the same time: the later one's transaction runs again, and finds the other.
    session.execute(
        standing_questions.insert().values(
            tenant=owner.tenant,
            standing_question_id=storable(kept.standing_question_id),
            created_us=to_us(now),
            request_key=request_id or None,
            request_hash=hashed,
            **_values(kept),
        )
    )
    return kept


def _update(
    session: Session,
    caller: Caller,
    standing_question_id: str,
    change: Callable[[StandingQuestion], StandingQuestion],
    etag: str,
) -> StandingQuestion:
    row = _find(session, caller, standing_question_id, lock=True)
    stored = _question(row)
    if etag and etag != stored.etag:
        raise Conflict(
            "the standing question was changed meanwhile: list them again",
            reason=Reason.ETAG_MISMATCH,
        )
    wanted = change(stored)
    if wanted == stored:
        return stored
    kept = _stamped(wanted, before=stored.etag)
    session.execute(standing_questions.update().where(_row.id == row.id).values(**_values(kept)))
    return kept


def _named(caller: Caller, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _row.tenant == caller.tenant,
        _row.user_id == caller.user,
        _row.standing_question_id == storable(name),
    )


def _find(
    session: Session, caller: Caller, name: str, *, lock: bool = False
) -> Row[*tuple[Any, ...]]:
    query = select(standing_questions).where(*_named(caller, name))
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("standing question", name, reason=Reason.STANDING_QUESTION_NOT_FOUND)
    return row


def _page(
    session: Session, caller: Caller, page_size: int, page_token: str
) -> Page[StandingQuestion]:
    arguments: Mapping[str, object] = {"list": "standing questions"}
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    query = select(standing_questions).where(
        _row.tenant == caller.tenant, _row.user_id == caller.user
    )
    if page_token:
        (last,) = page_tokens.read(key, caller, arguments, page_token)
        query = query.where(_row.id < cast(int, last))
    found = session.execute(query.order_by(_row.id.desc()).limit(size + 1)).all()
    token = ""
    if len(found) > size:
        token = page_tokens.make(key, caller, arguments, [found[size - 1].id])
    return Page(tuple(_question(one) for one in found[:size]), token)


def _stamped(question: StandingQuestion, *, before: str) -> StandingQuestion:
    """With the etag of this change: of what it says, and of the one before it."""
    values = {
        name: value
        for name, value in _values(question).items()
        if name not in ("hits", "last_hit_us", "etag")
    }
    said = dump([before, question.standing_question_id, values]).encode()
    return dataclasses.replace(question, etag=hashlib.sha256(said).hexdigest()[:32])


def _values(question: StandingQuestion) -> dict[str, Any]:
    return {
        "user_id": question.owner.user,
        "owner": standing_codec.dump_owner(question.owner),
        "query": dump(question.query),
        "time_zone": storable(question.time_zone),
        "severity": int(question.severity),
        "paused": int(question.paused),
        "rule": standing_codec.dump_rule(question.rule),
        "progress": standing_codec.dump_progress(question.progress),
        "hits": question.hits,
        "last_hit_us": None if question.last_hit is None else to_us(question.last_hit),
        "etag": question.etag,
    }


def _question(row: Row[*tuple[Any, ...]]) -> StandingQuestion:
    return StandingQuestion(
        standing_question_id=row.standing_question_id,
        query=load_text(row.query),
        owner=standing_codec.load_owner(row.tenant, row.user_id, json.loads(row.owner)),
        rule=standing_codec.load_rule(row.rule),
        progress=standing_codec.load_progress(row.progress),
        time_zone=row.time_zone,
        severity=Severity(row.severity),
        paused=bool(row.paused),
        hits=row.hits,
        last_hit=None if row.last_hit_us is None else from_us(row.last_hit_us),
        created_at=from_us(row.created_us),
        etag=row.etag,
    )
