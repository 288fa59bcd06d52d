"""The audit log: what was added stays, and stays as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from enhanced_prompt_service.domain.audit import AuditEntry
from enhanced_prompt_service.storage import Database, Stores
from enhanced_prompt_service.storage.session import Session

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = AuditEntry(
    NOW, "acme", "mia", "viewer", "PromptService.Ask", "OK", subject="turn_1", proof="key:ab"
)
TWO = replace(ONE, at=NOW + timedelta(hours=1), user="noah", log_id="l\x00\ud800", subject="")
NOBODY = replace(ONE, tenant="", user="", outcome="UNAUTHENTICATED")


async def test_entries_come_back_newest_first_by_tenant_user_and_time(stores: Stores) -> None:
    await stores.audit.append_audit([])
    await stores.audit.append_audit([ONE, TWO])
    await stores.audit.append_audit([NOBODY])
    read = stores.audit.read_audit
    stored = replace(TWO, log_id="l\ufffd\ufffd")
    assert await read() == [NOBODY, stored, ONE]
    assert await read(limit=2) == [NOBODY, stored]
    assert await read(tenant="acme") == [stored, ONE]
    assert await read(tenant="") == [NOBODY]
    assert await read(user="noah") == [stored]
    assert await read(since=NOW + timedelta(minutes=1)) == [stored]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET user_id = 'x'", "DELETE FROM audit_log"]
)
async def test_the_database_itself_refuses_to_change_or_delete_them(
    stores: Stores, database: Database, statement: str
) -> None:
    await stores.audit.append_audit([ONE])

    def tamper(session: Session) -> None:
        session.execute(text(statement))

    with pytest.raises(DBAPIError, match="only be added to"):
        await database.write(tamper)
    assert await stores.audit.read_audit() == [ONE]
