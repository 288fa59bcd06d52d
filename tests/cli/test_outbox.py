"""`eps outbox`, on a database."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from enhanced_prompt_service.cli.app import app
from enhanced_prompt_service.domain.audit import AuditEntry
from enhanced_prompt_service.storage import Database, open_stores
from tests.delivery.kit import EPOCH, outgoing


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with one entry that is owed and two that are parked, one of them empty."""
    made = f"sqlite:///{tmp_path / 'eps.db'}"
    monkeypatch.setenv("EPS_DATABASE_URL", made)
    monkeypatch.setenv("EPS_HOME", str(tmp_path / "home"))

    async def fill() -> None:
        database = await Database.open(made)
        await database.migrate()
        stores = await open_stores(database)
        messages = [
            outgoing(1),
            outgoing(2, refused="HTTP 422"),
            outgoing(3, refused="too large", payload=""),
        ]
        await stores.outbox.add(messages, EPOCH)
        await database.close()

    asyncio.run(fill())
    return made


def eps(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["outbox", *arguments])
    return found.exit_code, found.output


def audit(url: str) -> list[AuditEntry]:
    async def read() -> list[AuditEntry]:
        database = await Database.open(url)
        try:
            return await (await open_stores(database)).audit.read_audit()
        finally:
            await database.close()

    return asyncio.run(read())


def test_lists_show_where_entries_stand_and_not_what_is_in_them(url: str) -> None:
    status, said = eps("list", "--state", "parked", "--json")
    found = [json.loads(line) for line in said.splitlines()]
    assert status == 0
    assert [one["reason"] for one in found] == ["too large", "HTTP 422"]
    assert all("payload" not in one for one in found)
    assert eps("list")[1].count("\n") == 3


def test_one_entry_is_shown_whole(url: str) -> None:
    status, said = eps("show", "1")
    assert status == 0
    assert json.loads(said)["payload"] == {"conversation_id": "a", "number": 1}
    assert eps("show", "99")[0] == 1


def test_what_was_parked_is_owed_again_where_it_has_something_to_send(url: str) -> None:
    assert eps("retry")[0] == 2
    assert eps("retry", "--destination", "archive") == (0, "1 owed again\n")
    (entry,) = audit(url)
    assert (entry.action, entry.subject, entry.reason) == (
        "outbox.retry",
        "archive",
        "1 entries",
    )


def test_what_is_owed_is_removed_only_by_who_says_so(url: str) -> None:
    assert eps("purge")[0] == 2
    assert eps("purge", "--state", "pending")[0] == 2
    assert eps("purge", "1") == (0, "0 removed\n")
    assert eps("purge", "2", "3") == (0, "2 removed\n")
    assert eps("purge", "1", "--yes") == (0, "1 removed\n")
