"""`eps keys`: made, shown once, listed, revoked, on the database itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from enhanced_prompt_service.cli.app import app
from enhanced_prompt_service.domain.credentials import key_id_of


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPS_HOME", str(tmp_path))


def eps(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def listed() -> list[dict[str, object]]:
    return [json.loads(line) for line in eps("list", "--json").stdout.splitlines()]


def test_a_key_is_shown_once_and_revoked_by_its_id() -> None:
    made = eps("create", "bridge", "--tenant", "acme", "--camera", "G1", "--days", "7")
    assert made.exit_code == 0
    key = made.stdout.strip()
    key_id = key_id_of(key)
    assert key_id is not None
    (found,) = listed()
    assert (found["key_id"], found["state"], found["role"]) == (key_id, "valid", "service")
    assert (found["tenant"], found["user"]) == ("acme", "bridge")
    assert (found["cameras"], found["sites"]) == (["G1"], None)
    assert key not in eps("list").stdout + eps("list", "--json").stdout
    assert eps("revoke", key_id).exit_code == 0
    assert listed()[0]["state"] == "revoked"
    assert f"{key_id}  revoked" in eps("list").stdout


def test_what_is_no_name_or_no_key_is_refused() -> None:
    assert eps("create", "a / b").exit_code == 2
    assert eps("create", "bridge", "--role", "root").exit_code == 2
    assert eps("revoke", "0123456789ab").exit_code == 1
    assert listed() == []
