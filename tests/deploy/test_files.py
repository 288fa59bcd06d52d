"""Dockerfiles, compose files and secrets as they stand: what can be known without a container."""

from __future__ import annotations

import fnmatch
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from enhanced_prompt_service.config import Settings
from tests.support.binaries import ROOT
from tests.support.require import program

from .compose import compose, seconds, service

DOCKERFILES = ("server/Dockerfile", "gateway/Dockerfile")
OURS = ("gateway", "server")
SERVICES = ("gateway", "postgres", "redis", "server")


def instructions(name: str) -> list[tuple[str, str]]:
    """Instructions of a Dockerfile and what stands behind them, continued lines joined."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [
        (line.partition(" ")[0], line.partition(" ")[2].strip())
        for line in lines
        if line and not line.startswith("#")
    ]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_linter_finds_nothing(name: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run(
        [str(hadolint), "--no-color", name], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_has_stages_a_fixed_base_and_a_user_that_is_not_root(name: str) -> None:
    found = instructions(name)
    bases = [what.split()[0] for how, what in found if how == "FROM"]
    assert len(bases) >= 2
    assert all(re.search(r":[\w.-]*\d", base) for base in bases), bases
    last = max(number for number, (how, _) in enumerate(found) if how == "FROM")
    users = [what for how, what in found[last:] if how == "USER"]
    assert users
    assert users[-1].isdecimal()
    assert users[-1] != "0"
    assert not [what for how, what in found if how == "ADD"]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_copies_is_there_and_may_be_copied(name: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    for how, what in instructions(name):
        if how != "COPY" or "--from=" in what:
            continue
        *sources, _ = what.split()
        for source in sources:
            assert any(source == one or fnmatch.fnmatch(source, f"{one}/*") for one in allowed), (
                f"{source} is ignored"
            )
            if source.startswith("clients/web") and not (ROOT / "clients" / "web").exists():
                continue  # the app is built elsewhere
            assert (ROOT / source).exists(), source


def test_the_composition_is_one() -> None:
    spec = program("compose-spec")
    for files in (["docker-compose.yml"], ["docker-compose.yml", "docker-compose.tls.yml"]):
        said = subprocess.run(
            [str(spec), *files], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout + said.stderr
        assert "8443" in said.stdout or len(files) == 1


def test_a_broken_composition_is_seen(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    text = (ROOT / "docker-compose.yml").read_text()
    broken.write_text(text.replace("stop_grace_period: 45s", "stop_grace: 45s"))
    said = subprocess.run(
        [str(program("compose-spec")), str(broken)], capture_output=True, text=True, check=False
    )
    assert said.returncode != 0


def test_there_are_two_replicas_and_time_to_drain_them() -> None:
    server = service("server")
    assert server["deploy"]["replicas"] == 2
    assert seconds(server["stop_grace_period"]) == 45
    assert seconds(server["stop_grace_period"]) > float(server["environment"]["EPS_DRAIN_S"])


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_asked_for_its_health_and_writes_nowhere_else(name: str) -> None:
    one = service(name)
    assert one["healthcheck"]["test"]
    assert one["read_only"] is True
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["restart"] == "unless-stopped"
    if name != "postgres":  # whose image becomes another user itself
        assert one["cap_drop"] == ["ALL"]


def test_only_the_gateway_is_reached_from_outside_and_only_from_this_machine() -> None:
    assert compose()["networks"]["inside"]["internal"] is True
    published = {name: service(name).get("ports", []) for name in SERVICES}
    assert {name for name, ports in published.items() if ports} == {"gateway"}
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])
    assert {name for name in SERVICES if "outside" in service(name)["networks"]} == {"gateway"}


def test_secrets_come_by_file_and_stand_nowhere_in_the_composition() -> None:
    named = set(compose()["secrets"])
    used: set[str] = set()
    for name in SERVICES:
        one = service(name)
        used |= set(one.get("secrets", ()))
        mounted = {f"/run/secrets/{secret}" for secret in one.get("secrets", ())}
        told = [str(value) for value in one.get("environment", {}).values()]
        told += [str(word) for word in one.get("command", ())]
        assert {word for word in told if word.startswith("/run/secrets/")} == mounted
        assert not [word for word in told if re.search(r"://[^/]*@", word)]
    assert used == named


def test_every_setting_of_the_server_is_one_that_it_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And with them it starts on an address that others reach."""
    known = {f"EPS_{name.upper()}" for name in Settings.model_fields}
    environment: dict[str, str] = service("server")["environment"]
    assert {name.removesuffix("_FILE") for name in environment} <= known
    made = secrets_in(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(made)))
    settings = Settings()
    assert settings.database_url.startswith("postgresql://eps:")
    assert settings.identity_configured
    assert settings.limited
    assert settings.insecure


def secrets_in(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "scripts/make_secrets.py", str(folder / "secrets")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "secrets"


def test_secrets_are_made_once_and_only_their_owner_finds_them(tmp_path: Path) -> None:
    folder = secrets_in(tmp_path)
    assert sorted(one.name for one in folder.iterdir()) == sorted(compose()["secrets"])
    before = {one.name: one.read_text() for one in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len({*before.values()}) == len(before)
    (folder / "secret_key").unlink()
    secrets_in(tmp_path)
    after = {one.name: one.read_text() for one in folder.iterdir()}
    assert after.pop("secret_key") != before.pop("secret_key")
    assert after == before
