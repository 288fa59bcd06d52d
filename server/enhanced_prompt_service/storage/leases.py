"""Leases of processes (rule 10): who lives, and whose running turns may be taken over.

Time is the database's on PostgreSQL, so that machines need not agree; on SQLite all processes are
on one machine, and it is that machine's.
"""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, exists, func, select, text

from ..domain.identity import Caller
from ..domain.turns import TurnState
from . import dialects
from .instants import SECOND
from .session import Session
from .tables import leases, turns
from .words import storable


def now_us(session: Session) -> int:
    """The present that leases are judged by, microseconds."""
    if session.sqlite:
        return time.time_ns() // 1000
    found = session.execute(
        text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    )
    return int(found.scalar_one())


def renew(session: Session, process: str, lease_s: float) -> list[str]:
    """Renew a lease; the ids of the process's running turns that somebody wants stopped."""
    until = now_us(session) + round(lease_s * SECOND)
    session.execute(
        dialects.insert(session, leases)
        .values(process=process, alive_until_us=until)
        .on_conflict_do_update(index_elements=[leases.c.process], set_={"alive_until_us": until})
    )
    prefix = f"{process}/"
    found = session.execute(
        select(turns.c.turn_id).where(
            turns.c.state == TurnState.RUNNING.value,
            turns.c.cancel_us.is_not(None),
            func.substr(turns.c.runner, 1, len(prefix)) == prefix,
        )
    )
    return list(found.scalars())


def release(session: Session, process: str) -> None:
    """Forget a lease."""
    session.execute(leases.delete().where(leases.c.process == process))


def alive(session: Session, runner: str) -> bool:
    """Whether a runner's process still has its lease, or never took one."""
    until = session.execute(
        select(leases.c.alive_until_us).where(leases.c.process == runner.rpartition("/")[0])
    ).scalar_one_or_none()
    return until is None or until > now_us(session)


def held(session: Session) -> ColumnElement[bool]:
    """For a statement over turns: whether the runner's process has its lease."""
    return _of_runner(leases.c.alive_until_us > now_us(session))


def ran_out(session: Session, after_s: float) -> ColumnElement[bool]:
    """For a statement over turns: whether the runner's lease ran out so many seconds ago."""
    return _of_runner(_old(session, after_s))


def forget(session: Session, after_s: float) -> None:
    """Drop leases that ran out so many seconds ago. Their turns must be closed before: a process
    without a lease counts as one that never took one."""
    session.execute(leases.delete().where(_old(session, after_s)))


def _of_runner(which: ColumnElement[bool]) -> ColumnElement[bool]:
    runner = func.substr(turns.c.runner, 1, func.length(leases.c.process) + 1)
    return exists().where(runner == leases.c.process + "/", which)


def _old(session: Session, after_s: float) -> ColumnElement[bool]:
    return leases.c.alive_until_us <= now_us(session) - round(after_s * SECOND)


def request_cancel(session: Session, caller: Caller, turn_id: str) -> None:
    """Note a wish to stop a running turn; the first one stays."""
    session.execute(
        turns.update()
        .where(
            turns.c.tenant == caller.tenant,
            turns.c.user_id == caller.user,
            turns.c.turn_id == storable(turn_id),
            turns.c.state == TurnState.RUNNING.value,
            turns.c.cancel_us.is_(None),
        )
        .values(cancel_us=now_us(session))
    )
