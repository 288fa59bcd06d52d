"""`eps` and a server that asks who calls, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from enhanced_prompt_service.cli.app import app as command
from enhanced_prompt_service.config import Settings
from tests.contract.servers import in_a_thread
from tests.support.identity import Authority


def eps(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(command, [*arguments], env=env)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment that leads to a server with TLS and API keys, but for the key."""
    authority = Authority()
    certificate, key = authority.issue(tmp_path, "server")
    home = tmp_path / "home"
    settings = Settings(
        home=home,
        port=0,
        metrics_port=None,
        drain_s=0,
        api_keys=True,
        tls_certificate=certificate,
        tls_key=key,
    )
    with in_a_thread(settings) as address:
        yield {
            "EPS_HOME": str(home),
            "EPS_SERVER": address,
            "EPS_SERVER_CA": str(authority.file(tmp_path)),
        }


def test_a_key_made_at_the_command_line_opens_the_server_until_it_is_revoked(
    server: dict[str, str],
) -> None:
    refused = eps("cameras", **server)
    assert refused.exit_code == 1
    assert "wants to know who calls" in refused.output
    key = eps("keys", "create", "bridge", **server).stdout.strip()
    assert eps("cameras", **server, EPS_TOKEN=key).exit_code == 0
    assert eps("keys", "revoke", key.split("_")[1], **server).exit_code == 0
    listed = eps("audit", "--json", "--tenant", "default", **server)
    assert "keys.create" in listed.stdout
    assert key not in listed.stdout


def test_a_server_of_somebody_else_is_not_believed(server: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    stranger = {**server, "EPS_SERVER_CA": str(Authority("stranger").file(other))}
    assert eps("cameras", **stranger).exit_code == 3
    assert eps("cameras", **{**server, "EPS_SERVER_CA": "nowhere.pem"}).exit_code == 2


def test_a_server_that_wants_certificates_is_shown_one(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue(tmp_path, "server")
    own, own_key = authority.issue(tmp_path, "mia", tenant="acme", role="viewer")
    settings = Settings(
        home=tmp_path / "home",
        port=0,
        metrics_port=None,
        drain_s=0,
        tls_certificate=certificate,
        tls_key=key,
        tls_client_ca=authority.file(tmp_path),
    )
    with in_a_thread(settings) as address:
        server = {"EPS_SERVER": address, "EPS_SERVER_CA": str(authority.file(tmp_path))}
        assert eps("cameras", **server).exit_code == 3
        assert eps("cameras", **server, EPS_CLIENT_CERTIFICATE=str(own)).exit_code == 2
        shown = {"EPS_CLIENT_CERTIFICATE": str(own), "EPS_CLIENT_KEY": str(own_key)}
        assert eps("cameras", **server, **shown).exit_code == 0
