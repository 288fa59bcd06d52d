"""Templates: rows of a tenant, found by category, by words, or newest change first.

Ranks change with every template stored, so a page of a search begins at a count.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Text, and_, bindparam, func, literal_column, or_, select

from ..domain.errors import Conflict, NotFound, Reason
from ..domain.identity import Caller
from ..domain.stores import Page
from ..domain.templates import (
    MOST_CATEGORIES,
    Template,
    TemplateRequest,
    Variable,
    VariableType,
)
from . import codec, dialects, page_tokens
from .database import Database
from .instants import from_us, to_us
from .session import Session
from .tables import template_text, templates
from .words import storable, terms, words

KEPT = timedelta(hours=24)
"""How long a request_id is remembered."""
MOST = 1_000
"""Rows of a page at most."""
_TITLE_COUNTS = 3  # a word of the title is worth so many of the body

_row = templates.c


class SqlTemplateStore:
    """`domain.templates.TemplateStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        caller: Caller,
        template: Template,
        now: datetime,
        request: TemplateRequest | None = None,
    ) -> Template:
        """Keep a template as the caller's; the same request again returns what it made."""
        return await self._database.write(
            lambda s: _create(s, caller, template, now, request or TemplateRequest())
        )

    async def get(self, caller: Caller, template_id: str) -> Template:
        """One of the tenant's. Raises NotFound (TEMPLATE_NOT_FOUND)."""
        found = await self._database.read(lambda s: _find(s, caller, template_id))
        return _template(found)

    async def page(
        self,
        caller: Caller,
        *,
        category: str = "",
        text: str = "",
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Template]:
        """Newest change first; with a text, best match first."""
        return await self._database.read(
            lambda s: _page(s, caller, category, text, page_size, page_token)
        )

    async def categories(self, caller: Caller) -> tuple[str, ...]:
        """Categories that occur, sorted: the first MOST_CATEGORIES."""

        def read(session: Session) -> tuple[str, ...]:
            found = session.execute(
                select(_row.category)
                .where(_row.tenant == caller.tenant, _row.category != "")
                .distinct()
                .order_by(_row.category)
                .limit(MOST_CATEGORIES)
            )
            return tuple(found.scalars())

        return await self._database.read(read)

    async def has_body(self, caller: Caller, body: str) -> bool:
        """Whether the tenant has a template of exactly this body."""

        def read(session: Session) -> bool:
            found = session.execute(
                select(_row.id)
                .where(_row.tenant == caller.tenant, _row.body == codec.dump(body))
                .limit(1)
            )
            return found.one_or_none() is not None

        return await self._database.read(read)

    async def update(
        self,
        caller: Caller,
        template_id: str,
        change: Callable[[Template], Template],
        now: datetime,
        *,
        etag: str = "",
    ) -> Template:
        """Change a template in one transaction."""
        return await self._database.write(
            lambda s: _update(s, caller, template_id, change, now, etag)
        )

    async def delete(
        self, caller: Caller, template_id: str, allow: Callable[[Template], None], *, etag: str = ""
    ) -> None:
        """Delete one for good, unless `allow` raises."""
        await self._database.write(lambda s: _delete(s, caller, template_id, allow, etag))


# ---- writing ------------------------------------------------------------------------------------


def _create(
    session: Session, caller: Caller, template: Template, now: datetime, request: TemplateRequest
) -> Template:
    request_id = storable(request.request_id)
    if request_id:
        known = _known_request(session, caller, request_id, now)
        if known is not None:
            if known.request_hash != request.request_hash:
                raise Conflict(
                    "this request_id belongs to another request", reason=Reason.REQUEST_ID_REUSED
                )
            return _template(known)
    taken = session.execute(select(_row.id).where(*_named(caller, template.template_id)))
    if taken.one_or_none() is not None:
        raise Conflict(
            f"there is a template {template.template_id!r} already",
            reason=Reason.TEMPLATE_ALREADY_EXISTS,
        )
    kept = _stamped(
        dataclasses.replace(template, user=caller.user, create_time=now, update_time=now)
    )
    # Two that come at the same time: the later one's transaction runs again, and finds the other.
    number = session.execute(
        templates.insert()
        .values(
            tenant=caller.tenant,
            request_key=request_id or None,
            request_hash=request.request_hash,
            **_values(kept),
        )
        .returning(_row.id)
    ).scalar_one()
    _index(session, number, kept)
    return kept


def _known_request(
    session: Session, caller: Caller, request_id: str, now: datetime
) -> Row[*tuple[Any, ...]] | None:
    """The template that holds this request_id; one that is too old lets go of it."""
    row = session.execute(
        select(templates).where(
            _row.tenant == caller.tenant,
            _row.user_id == caller.user,
            _row.request_key == request_id,
        )
    ).one_or_none()
    if row is not None and row.created_us < to_us(now - KEPT):
        session.execute(templates.update().where(_row.id == row.id).values(request_key=None))
        return None
    return row


def _update(
    session: Session,
    caller: Caller,
    template_id: str,
    change: Callable[[Template], Template],
    now: datetime,
    etag: str,
) -> Template:
    row = _find(session, caller, template_id, lock=True)
    stored = _template(row)
    wanted = change(stored)
    _same_etag(stored, etag)
    if wanted == stored:
        return stored
    kept = _stamped(dataclasses.replace(wanted, update_time=now))
    session.execute(templates.update().where(_row.id == row.id).values(**_values(kept)))
    session.execute(template_text.delete().where(template_text.c.rowid == row.id))
    _index(session, row.id, kept)
    return kept


def _delete(
    session: Session,
    caller: Caller,
    template_id: str,
    allow: Callable[[Template], None],
    etag: str,
) -> None:
    row = _find(session, caller, template_id, lock=True)
    stored = _template(row)
    allow(stored)
    _same_etag(stored, etag)
    session.execute(template_text.delete().where(template_text.c.rowid == row.id))
    session.execute(templates.delete().where(_row.id == row.id))


def _same_etag(stored: Template, etag: str) -> None:
    if etag and etag != stored.etag:
        raise Conflict(
            "the template was changed meanwhile: get it again", reason=Reason.ETAG_MISMATCH
        )


def _index(session: Session, number: int, template: Template) -> None:
    said = [template.title] * _TITLE_COUNTS + [template.description, template.body]
    value: ColumnElement[str] = bindparam("said", " ".join(words("\n".join(said))), Text())
    if not session.sqlite:
        value = func.to_tsvector(literal_column("'english'::regconfig"), value)
    session.execute(template_text.insert().values(rowid=number, words=value))


# ---- reading ------------------------------------------------------------------------------------


def _named(caller: Caller, template_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return _row.tenant == caller.tenant, _row.template_id == storable(template_id)


def _find(
    session: Session, caller: Caller, template_id: str, *, lock: bool = False
) -> Row[*tuple[Any, ...]]:
    query = select(templates).where(*_named(caller, template_id))
    row = session.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound("template", template_id, reason=Reason.TEMPLATE_NOT_FOUND)
    return row


def _page(
    session: Session, caller: Caller, category: str, text: str, page_size: int, page_token: str
) -> Page[Template]:
    arguments: Mapping[str, object] = {"list": "templates", "category": category, "text": text}
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    position: page_tokens.Position = []
    if page_token:
        position = page_tokens.read(key, caller, arguments, page_token)
    where: list[ColumnElement[bool]] = [_row.tenant == caller.tenant]
    if category:
        where.append(_row.category == storable(category))
    query = select(templates).where(*where).limit(size + 1)
    if text:
        sought = terms(text)
        if not sought:
            return Page(())
        skip = cast(int, position[0]) if position else 0
        found = session.execute(
            query.where(template_text.c.rowid == _row.id, _matches(session))
            .order_by(
                dialects.own_rank(session, template_text, usual=300),
                _row.updated_us.desc(),
                _row.template_id,
            )
            .offset(skip),
            {"text": dialects.text_query(session, sought, every=True)},
        ).all()
        after: page_tokens.Position = [skip + size]
    else:
        if position:
            at, name = position
            query = query.where(
                _row.updated_us <= at,
                or_(_row.updated_us < at, and_(_row.template_id > name)),
            )
        found = session.execute(query.order_by(_row.updated_us.desc(), _row.template_id)).all()
        last = found[min(size, len(found)) - 1] if found else None
        after = [] if last is None else [last.updated_us, last.template_id]
    token = page_tokens.make(key, caller, arguments, after) if len(found) > size else ""
    return Page(tuple(_template(one) for one in found[:size]), token)


def _matches(session: Session) -> ColumnElement[bool]:
    if session.sqlite:
        return literal_column("template_text").op("MATCH")(bindparam("text", None, Text()))
    return template_text.c.words.op("@@")(dialects.tsquery_slot())


# ---- rows ---------------------------------------------------------------------------------------


def _stamped(template: Template) -> Template:
    """With the etag of its content and of the time of its last change."""
    return dataclasses.replace(
        template, etag=hashlib.sha256(codec.dump(_values(template)).encode()).hexdigest()[:32]
    )


def _values(template: Template) -> dict[str, Any]:
    assert template.create_time is not None
    assert template.update_time is not None
    return {
        "template_id": storable(template.template_id),
        "user_id": template.user,
        "title": codec.dump(template.title),
        "description": codec.dump(template.description),
        "category": storable(template.category),
        "body": codec.dump(template.body),
        "variables": codec.dump([_variable(one) for one in template.variables]),
        "source_conversation_id": storable(template.source_conversation_id),
        "created_us": to_us(template.create_time),
        "updated_us": to_us(template.update_time),
        "etag": template.etag,
    }


def _variable(one: Variable) -> list[Any]:
    return [
        *(one.name, one.type.value, one.description, one.required, one.default_value),
        list(one.choices),
    ]


def _template(row: Row[*tuple[Any, ...]]) -> Template:
    return Template(
        template_id=row.template_id,
        title=codec.load_text(row.title),
        description=codec.load_text(row.description),
        category=row.category,
        body=codec.load_text(row.body),
        variables=tuple(
            Variable(name, VariableType(kind), description, required, default, tuple(choices))
            for name, kind, description, required, default, choices in json.loads(row.variables)
        ),
        user=row.user_id,
        source_conversation_id=row.source_conversation_id,
        create_time=from_us(row.created_us),
        update_time=from_us(row.updated_us),
        etag=row.etag,
    )
