"""Which server is meant, and what is said where there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from enhanced_prompt_service.cli.app import app
from enhanced_prompt_service.cli.target import find_target


def record(folder: Path, **values: object) -> None:
    found = {"address": "127.0.0.1:50055", "pid": os.getpid(), **values}
    (folder / "server.json").write_text(json.dumps(found))


def test_the_one_named_comes_first(tmp_path: Path) -> None:
    record(tmp_path)
    assert find_target("nvr:1234", tmp_path) == "nvr:1234"
    assert find_target("1234", tmp_path) == "127.0.0.1:1234"


def test_a_running_server_says_where_it_is(tmp_path: Path) -> None:
    record(tmp_path)
    assert find_target(None, tmp_path) == "127.0.0.1:50055"


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("0.0.0.0:50052", "127.0.0.1:50052"),
        ("[::]:50052", "127.0.0.1:50052"),
        ("[::1]:50052", "[::1]:50052"),
    ],
)
def test_an_address_to_listen_on_becomes_one_to_call(
    tmp_path: Path, address: str, target: str
) -> None:
    record(tmp_path, address=address)
    assert find_target(None, tmp_path) == target


def test_a_record_of_a_process_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record(tmp_path, pid=gone.pid)
    assert find_target(None, tmp_path) == "127.0.0.1:50051"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": 5, "pid": 1}', '{"pid": "x"}'])
def test_a_broken_record_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert find_target(None, tmp_path) == "127.0.0.1:50051"


@pytest.mark.parametrize(
    "arguments",
    [["ask", "who?"], ["cameras"], ["events"], ["history"], ["health"], ["simulate", "--once"]],
)
def test_no_server_is_code_3_and_one_line_that_says_how_to_start_one(
    tmp_path: Path, unused_tcp_port: int, arguments: list[str]
) -> None:
    target = f"127.0.0.1:{unused_tcp_port}"
    result = CliRunner().invoke(
        app, arguments, env={"EPS_SERVER": target, "EPS_HOME": str(tmp_path)}
    )
    assert result.exit_code == 3
    assert target in result.stderr
    assert "eps serve" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
