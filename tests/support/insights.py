"""The mutation that conformance tests have to notice: positions from a plain sequence.

`python -m tests.support.insights` serves with it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, text

from enhanced_prompt_service.domain.insights import LogEnds
from enhanced_prompt_service.storage import Database, insight_log
from enhanced_prompt_service.storage.insight_tables import insight_revisions
from enhanced_prompt_service.storage.session import Session


async def make_sequence(database: Database) -> None:
    """The sequence that the mutation uses (PostgreSQL only)."""
    await database.write(lambda s: s.execute(text("CREATE SEQUENCE IF NOT EXISTS positions")))


def sequence_instead_of_counter(monkeypatch: Any) -> None:
    """Do what looks right and is not."""
    monkeypatch.setattr(insight_log, "take", take)
    monkeypatch.setattr(insight_log, "ends", ends)


def take(session: Session, tenant: str, count: int) -> int:
    """Numbers that come in the order of asking, not of committing; nobody waits for anybody."""
    del tenant
    assert count == 1
    position = int(session.execute(text("SELECT nextval('positions')")).scalar_one())
    # What writers do after it, or a slow network, takes one of them longer than another.
    session.execute(text("SELECT pg_sleep(random() * 0.02)"))
    return position


def ends(session: Session, tenant: str) -> LogEnds:
    """What the log holds is told from its entries."""
    row = insight_revisions.c
    newest = session.execute(
        select(func.coalesce(func.max(row.position), 0)).where(row.tenant == tenant)
    ).scalar_one()
    return LogEnds(0, int(newest))


def _serve() -> None:
    from enhanced_prompt_service.app import run
    from enhanced_prompt_service.config import Settings

    insight_log.take, insight_log.ends = take, ends
    run(Settings())  # pyright: ignore[reportCallIssue]


if __name__ == "__main__":
    _serve()
