"""The command line and the service as they ship, the embedded engine included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.protobuf import json_format
from typer.testing import CliRunner, Result

from enhanced_prompt import PromptResponse
from enhanced_prompt.v1.turns_pb2 import TurnFrame
from enhanced_prompt_service.cli.app import app

from .test_import import wait_for

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """EPS_HOME of an `eps serve` that runs while the module's tests do."""
    folder = tmp_path_factory.mktemp("whole")
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "serve", "--port", "0"],
        env={**os.environ, "EPS_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        record = folder / "server.json"
        wait_for(lambda: record.exists() or process.poll() is not None)
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.fail(process.stderr.read())
        yield folder
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert not record.exists()


@pytest.fixture(scope="module")
def eps(home: Path) -> Callable[..., Result]:
    """`eps`, which finds the server by its record."""

    def call(*arguments: object) -> Result:
        env = {"EPS_HOME": str(home), "EPS_SERVER": None, "EPS_CLOCK": None, "COLUMNS": "200"}
        result = CliRunner().invoke(app, [str(one) for one in arguments], env=env)
        assert result.exit_code == 0, result.stderr
        return result

    return call


@pytest.fixture(scope="module", autouse=True)
def shop(eps: Callable[..., Result]) -> None:
    """The example of the documents, imported."""
    said = eps(
        "import", EXAMPLES / "shop.jsonl", "--catalogue", EXAMPLES / "shop.toml", "--site", "shop"
    ).stdout
    assert said == "shop.jsonl: 4 rows · 4 created\n"


def test_a_question_is_answered_from_what_was_imported(eps: Callable[..., Result]) -> None:
    question = "what happened at the corner shop on 13 March 2026?"
    rows = [json.loads(line) for line in (EXAMPLES / "shop.jsonl").read_text().splitlines()]
    there = sum(1 for row in rows if row["time"].startswith("2026-03-13"))

    found = json_format.Parse(eps("ask", question, "-o", "json").stdout, PromptResponse())

    assert found.total_matches == there
    assert {one.event_id for one in found.evidence} <= {row["id"] for row in rows}
    assert found.interpretation.time_zone == "Europe/Berlin"
    assert found.interpretation.rendered
    assert found.follow_up_questions


def test_text_and_frames_say_the_same(eps: Callable[..., Result]) -> None:
    question = "what happened at the corner shop on 13 March 2026?"
    lines = eps("ask", question, "-o", "frames").stdout.splitlines()
    frames = [json_format.Parse(line, TurnFrame()) for line in lines]
    streamed = "".join(frame.text_delta.text for frame in frames)
    assert streamed == frames[-1].completed.response.response

    printed = eps("ask", question).stdout

    assert printed.startswith(streamed)
    for one in frames[-1].completed.response.evidence:
        assert one.description in printed


def test_a_follow_up_keeps_to_its_conversation(eps: Callable[..., Result]) -> None:
    eps("ask", "what happened at the corner shop on 13 March 2026?", "-c", "asked-on")
    eps("ask", "and at the front door?", "-c", "asked-on")
    assert "2 questions, 2 answers" in eps("history", "asked-on").stderr
