"""`eps serve`, and `eps` where the server's parts are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from enhanced_prompt import __version__
from enhanced_prompt_service.cli.app import app

from .conftest import Eps, Service

# What a plain install does not have. (Pydantic it has: typer brings it.)
PLAIN = """
import sys

class Blocker:
    gone = {"pydantic_settings", "sqlalchemy", "structlog", "langgraph", "numpy",
            "langchain_core", "httpx", "yaml", "uvloop", "grpc_health", "grpc_interceptor",
            "grpc_reflection", "grpc_status", "alembic", "redis", "rapidfuzz",
            "jinja2", "cryptography", "prometheus_client", "genai_prices", "langchain",
            "jwt", "limits", "paho"}
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.gone:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocker())
from enhanced_prompt_service.cli import main
sys.argv[1:] = {arguments!r}
main()
"""


def plain(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
    code = PLAIN.replace("{arguments!r}", repr([str(one) for one in arguments]))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_plain_install_has_the_commands_that_talk_to_a_server(
    service: Service, tmp_path: Path
) -> None:
    env = {"EPS_SERVER": service.address, "EPS_HOME": str(tmp_path)}
    path = tmp_path / "events.jsonl"
    row = {"event_id": "p-1", "start_time": "2018-03-15T18:00:00Z", "site": "plain",
           "camera_id": "c", "event_type": "motion"}  # fmt: skip
    path.write_text(json.dumps(row))

    for arguments in (["--help"], ["ask", "who?"], ["import", path], ["events"], ["health"]):
        done = plain(*arguments, **env)
        assert done.returncode == 0, (arguments, done.stderr)
    assert "p-1" in plain("events", "--site", "plain", "-o", "json", **env).stdout


@pytest.mark.parametrize("arguments", [["serve"], ["import", "meva", "."]])
def test_what_needs_more_says_what_to_install(
    service: Service, tmp_path: Path, arguments: list[str]
) -> None:
    done = plain(*arguments, EPS_SERVER=service.address, EPS_HOME=str(tmp_path))
    assert done.returncode == 1
    assert 'pip install "enhanced-prompt-service[server]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_and_version_need_no_server(eps: Eps) -> None:
    assert eps("--version").stdout == f"eps {__version__}\n"
    assert eps("-h").exit_code == 0
    for command in ("ask", "cameras", "events", "history", "health", "import", "simulate", "serve"):
        shown = eps(command, "--help")
        assert shown.exit_code == 0
        assert command in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--clock", "2018-03-15T16:30:00"], "EPS_CLOCK"),
        (["--time-zone", "Mars/Olympus"], "EPS_TIME_ZONE"),
        (["--log-level", "loud"], "EPS_LOG_LEVEL"),
        (["--host", "0.0.0.0"], "loopback"),
    ],
)
def test_settings_that_do_not_fit_are_named(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    env = {"EPS_HOME": str(tmp_path), "EPS_CLOCK": None}
    result = CliRunner().invoke(app, ["serve", "--port", "0", *arguments], env=env)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
