"""Setting up: does what is needed, once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import bootstrap

REAL_MAKE_VENV = bootstrap._make_venv


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A checkout in a folder with a space, whose installs are only written down."""
    root = tmp_path / "a checkout"
    (root / "requirements").mkdir(parents=True)
    locks = {name: root / "requirements" / f"{name}.txt" for name in ("run", "dev")}
    for name, lock in locks.items():
        lock.write_text(f"{name}==1\n")
    done: list[str] = []

    def make_venv() -> None:
        done.append("venv")
        python = root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    def install(python: Path, lock: Path) -> None:
        done.append(lock.stem)

    monkeypatch.setattr(bootstrap, "ROOT", root)
    monkeypatch.setattr(bootstrap, "VENV", root / ".venv")
    monkeypatch.setattr(bootstrap, "LOCKS", locks)
    monkeypatch.setattr(bootstrap, "_make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "_alive", lambda python: python.exists())
    monkeypatch.setattr(bootstrap, "_install", install)
    monkeypatch.setattr(bootstrap, "_link_project", lambda python: None)
    return done


def test_a_second_run_does_nothing(done: list[str]) -> None:
    bootstrap.ensure("dev")
    bootstrap.ensure("dev")
    assert done == ["venv", "dev"]


def test_what_development_needs_is_enough_to_run(done: list[str]) -> None:
    bootstrap.ensure("dev")
    bootstrap.ensure("run")
    assert done == ["venv", "dev"]


def test_what_running_needs_is_not_enough_for_development(done: list[str]) -> None:
    bootstrap.ensure("run")
    bootstrap.ensure("dev")
    assert done == ["venv", "run", "dev"]


def test_a_changed_lock_is_installed_into_the_same_environment(done: list[str]) -> None:
    bootstrap.ensure("dev")
    bootstrap.LOCKS["dev"].write_text("dev==2\n")
    bootstrap.ensure("dev")
    assert done == ["venv", "dev", "dev"]


def test_a_moved_checkout_gets_a_new_environment(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.ensure("dev")
    elsewhere = bootstrap.ROOT.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(bootstrap, "ROOT", elsewhere)
    bootstrap.ensure("dev")
    assert done == ["venv", "dev", "venv", "dev"]


def test_an_environment_that_is_linked_in_from_elsewhere_is_left_as_it_is(
    done: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / ".lock").write_text("dev\nsome digest\n/somewhere/else\n")
    bootstrap.VENV.symlink_to(theirs)
    cleared: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        cleared.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    REAL_MAKE_VENV()
    assert not bootstrap.VENV.is_symlink()
    assert cleared[0][-1] == str(bootstrap.VENV)
    assert (theirs / ".lock").exists()


def test_a_failed_install_is_tried_again(done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(python: Path, lock: Path) -> None:
        raise SystemExit("no network")

    with monkeypatch.context() as broken:
        broken.setattr(bootstrap, "_install", fail)
        with pytest.raises(SystemExit):
            bootstrap.ensure("dev")
    bootstrap.ensure("dev")
    assert done == ["venv", "dev"]


def test_an_old_python_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"3\.11 or newer is needed(.|\n)*apt-get install"):
        bootstrap.ensure("run")
