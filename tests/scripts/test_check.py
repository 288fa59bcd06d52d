"""The checks that are ours: locks that fit, and nothing that only works in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check, lock

PROJECT = """
[project]
dependencies = ["grpcio>=1.76"]
[project.optional-dependencies]
server = ["redis[hiredis]>=6"]
"""
DIRECT = "    # via enhanced-prompt-service (pyproject.toml)\n"
HASHED = f" \\\n    --hash=sha256:00\n{DIRECT}"
LOCK = f"grpcio==1.80.0{HASHED}redis==7.0.0{HASHED}"


@pytest.fixture
def differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Compares PROJECT with a lock's text."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    monkeypatch.setattr(lock, "ROOT", tmp_path)

    def compare(text: str) -> list[str]:
        (tmp_path / "lock.txt").write_text(text)
        return lock.differences("lock.txt", ("server",))

    return compare


def test_a_lock_that_pins_what_is_asked_for_fits(differences) -> None:
    assert differences(LOCK) == []


def test_a_dependency_that_is_not_pinned_is_named(differences) -> None:
    assert differences(LOCK.replace("redis==7.0.0", "hiredis==7.0.0")) == [
        "lock.txt: redis is not in it",
        "lock.txt: nothing asks for hiredis any more",
    ]


def test_a_pin_outside_of_what_is_asked_for_is_named(differences) -> None:
    assert differences(LOCK.replace("1.80.0", "1.70.0")) == [
        "lock.txt: grpcio 1.70.0 is not >=1.76"
    ]


def test_a_programs_lock_is_compared_with_what_is_asked_for_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    (tmp_path / "it.in").write_text("# why it is here\nredis[hiredis]>=6\n")
    pinned = "redis==7.0.0 \\\n    --hash=sha256:00\n    # via -r it.in\n"
    (tmp_path / "it.txt").write_text(pinned)
    assert lock.unmet("it.txt", "it.in") == []
    (tmp_path / "it.txt").write_text(pinned.replace("redis==7", "redis==5"))
    assert lock.unmet("it.txt", "it.in") == ["it.txt: redis 5.0.0 is not >=6"]
    (tmp_path / "it.txt").write_text(pinned.replace("redis==7", "other==7"))
    assert lock.unmet("it.txt", "it.in") == [
        "it.txt: redis is not in it",
        "it.txt: nothing asks for other any more",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "https://mirror.example/pypi/simp" + "le/",
        "--index-u" + "rl https://mirror.example/",
        '"resolved": "https' + '://mirror.example/left-pad.tgz"',
        "see /ho" + "me/somebody/notes.txt",
        "data = '/ro" + "ot/data'",
    ],
)
def test_what_only_works_in_one_place_is_found(line: str) -> None:
    assert len(check.bound_to_a_place(f"fine\n{line}\nfine")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "EPS_DATA defaults to ../shared/data",
        "a file in ~/.cache or /tmp/x",
        "https://mevadata.org",
        "--index-url is never needed",
    ],
)
def test_what_works_everywhere_is_left_alone(line: str) -> None:
    assert check.bound_to_a_place(line) == []
