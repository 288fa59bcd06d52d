"""The script that builds the web app: what it needs, and when it has something to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import web


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def test_without_node_it_says_so_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert web.main([]) == 0
    assert "there is no Node.js with npm here" in capsys.readouterr().out
    assert web.main(["test"]) == 1


@pytest.mark.parametrize(("version", "enough"), [("v18.19.0", False), ("v20.19.1", True)])
def test_an_old_node_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, enough: bool
) -> None:
    program(tmp_path, "node", version)
    program(tmp_path, "npm", "11.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))
    lack = web.missing()
    assert (lack is None) == enough
    assert enough or version in str(lack)


def test_a_build_is_done_once_for_the_same_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("src", "public", "dist", "node_modules"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dist" / "index.html").touch()
    source = tmp_path / "src" / "main.ts"
    source.write_text("one")
    monkeypatch.setattr(web, "WEB", tmp_path)
    monkeypatch.setattr(web, "DIST", tmp_path / "dist")
    monkeypatch.setattr(web, "MODULES", tmp_path / "node_modules")
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(web, "_npm", lambda *arguments: ran.append(arguments) or 0)
    assert web.build() == 0
    assert [one[0] for one in ran] == ["ci", "run"]
    assert web.build() == 0
    assert len(ran) == 2
    source.write_text("two")
    assert web.build() == 0
    assert [one[0] for one in ran] == ["ci", "run", "run"]
