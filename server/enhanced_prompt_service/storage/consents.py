"""Consent as rows: a history by user, to which triggers only let rows be added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, SmallInteger, Text, func, literal, select

from ..domain.consent import Consent, ConsentChange, ConsentState
from ..domain.identity import Caller
from . import dialects
from .database import Database
from .failures import RunAgain
from .instants import from_us, to_us
from .session import Session, Statement, slot
from .tables import consents

_MOST = 100
_row = consents.c
_STATES = {1: ConsentState.GIVEN, 0: ConsentState.WITHDRAWN}


class SqlConsentStore:
    """`domain.consent.ConsentStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give_consent(self, caller: Caller, policy_version: str, now: datetime) -> None:
        """Consent to a version from now on; nothing where that holds already."""

        def give(session: Session) -> None:
            number = _number(session, caller)
            if not _holds(session, caller, policy_version):
                _append(session, caller, number, policy_version, given=True, now=now)

        await self._database.write(give)

    async def withdraw_consent(self, caller: Caller, now: datetime) -> None:
        """End consent to every version; nothing where none holds."""

        def withdraw(session: Session) -> None:
            last = _last(session, caller)
            if last is not None and last.given:
                _append(session, caller, last.number, last.policy_version, given=False, now=now)

        await self._database.write(withdraw)

    async def holds_consent(self, caller: Caller, policy_version: str) -> bool:
        """Whether consent to this version holds."""
        return await self._database.read(lambda session: _holds(session, caller, policy_version))

    async def read_consent(self, caller: Caller, policy_version: str) -> Consent:
        """Where the caller stands toward a version; "" means the one said last."""
        return await self._database.read(lambda session: _read(session, caller, policy_version))


def _of(caller: Caller) -> tuple[ColumnElement[bool], ...]:
    return (_row.tenant == caller.tenant, _row.user_id == caller.user)


def _number(session: Session, caller: Caller) -> int:
    """Of the last entry. Looked at before anything is decided, so that what came in between
    stands in the way of `_append`."""
    last = session.execute(select(func.max(_row.number)).where(*_of(caller))).scalar_one()
    return last or 0


def _append(
    session: Session, caller: Caller, last: int, policy_version: str, *, given: bool, now: datetime
) -> None:
    """Add an entry behind the last one. Raises RunAgain where somebody else's came first: what
    was decided may not hold any more."""
    added = session.execute(
        dialects.insert(session, consents)
        .values(
            tenant=caller.tenant,
            user_id=caller.user,
            number=last + 1,
            policy_version=policy_version,
            given=int(given),
            at_us=to_us(now),
        )
        .on_conflict_do_nothing()
    )
    if added.rowcount != 1:
        raise RunAgain


def _last(session: Session, caller: Caller) -> Row[*tuple[Any, ...]] | None:
    query = select(consents).where(*_of(caller)).order_by(_row.number.desc()).limit(1)
    return session.execute(query).one_or_none()


def _holds(session: Session, caller: Caller, policy_version: str) -> bool:
    """Given, and not withdrawn since."""

    def build() -> Statement:
        mine = (_row.tenant == slot("tenant", Text()), _row.user_id == slot("user", Text()))

        def newest(*chosen: ColumnElement[bool]) -> ScalarSelect[int]:
            found = select(_row.number).where(*mine, *chosen)
            return found.order_by(_row.number.desc()).limit(1).scalar_subquery()

        withdrawn = newest(_row.given == literal(0, SmallInteger))
        given = newest(
            _row.given == literal(1, SmallInteger),
            _row.policy_version == slot("policy", Text()),
        )
        return select(func.coalesce(given, 0) > func.coalesce(withdrawn, 0))

    values = {"tenant": caller.tenant, "user": caller.user, "policy": policy_version}
    return bool(session.run("consent", build, values).scalar_one())


def _read(session: Session, caller: Caller, policy_version: str) -> Consent:
    newest = select(consents).where(*_of(caller)).order_by(_row.number.desc())
    rows = session.execute(newest.limit(_MOST)).all()
    changes = tuple(
        ConsentChange(_STATES[one.given], one.policy_version, from_us(one.at_us)) for one in rows
    )
    policy = policy_version or (changes[0].policy_version if changes else "")
    given = session.execute(
        newest.where(_row.given == 1, _row.policy_version == policy).limit(1)
    ).one_or_none()
    if given is None:
        return Consent(policy, ConsentState.NOT_GIVEN, None, changes)
    # The withdrawal that ended it is the first one after it, not the newest of all.
    ended = session.execute(
        select(consents)
        .where(*_of(caller), _row.given == 0, _row.number > given.number)
        .order_by(_row.number)
        .limit(1)
    ).one_or_none()
    last, state = (given, ConsentState.GIVEN) if ended is None else (ended, ConsentState.WITHDRAWN)
    return Consent(policy, state, from_us(last.at_us), changes)
