"""`eps ask`: what is printed, what is asked, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime

import pytest
from google.protobuf import json_format

from enhanced_prompt import Client, PromptResponse
from enhanced_prompt.v1.turns_pb2 import TurnFrame

from .agent import ZONE
from .conftest import Eps, Service


def test_text_then_evidence_coverage_and_what_to_ask_next(eps: Eps) -> None:
    result = eps("ask", "who", "came?")

    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "You asked: who came?[31m."
    header = next(line for line in lines if line.startswith("time"))
    assert ZONE in header
    first = next(line for line in lines if "Person 0" in line)
    assert first.startswith("2018-03-15 14:00:30")
    assert "G330" in first
    assert "person_enters_facility · person" in first
    assert "90%" in first
    assert "3 of 12 events shown" in lines
    assert "Understood: All of 15 March 2018." in lines
    assert (
        "Coverage: over 99 % of the window recorded (2.5 h of 2.5 h of camera time, 1 camera); "
        "2 cameras never reported" in lines
    )
    assert lines[-2:] == ["Ask next:", "Which camera was busiest?"]
    assert "turn 1 of conversation" in result.stderr


def test_nothing_that_a_terminal_would_obey_is_printed(eps: Eps) -> None:
    result = eps("ask", "who came?", "--detail", "reasoning")
    printed = result.stdout + result.stderr
    assert not [character for character in printed if ord(character) < 32 and character != "\n"]
    assert "\x7f" not in printed


def test_unknown_coverage_is_neither_none_nor_all(eps: Eps) -> None:
    result = eps("ask", "nothing")
    assert "Coverage: no camera here ever reported when it recorded" in result.stdout
    assert "camera   what" not in result.stdout


def test_reasoning_is_shown_beside_the_answer(eps: Eps) -> None:
    plain, detailed = eps("ask", "who?"), eps("ask", "who?", "--detail", "reasoning")
    assert "understand" not in plain.stderr
    assert "· understand" in detailed.stderr
    assert '· count_events {"camera": "G330"}' in detailed.stderr
    assert "count_events → 3 events" in detailed.stderr
    assert plain.stdout == detailed.stdout


def test_json_is_the_prompt_response_with_the_contracts_names(eps: Eps) -> None:
    result = eps("ask", "who?", "-o", "json")
    found = json.loads(result.stdout)
    assert found["evidence_count"] == 3
    assert found["evidence"][0]["event_id"] == "e-0"
    assert found["clip_links"] == []
    parsed = json_format.Parse(result.stdout, PromptResponse())
    assert parsed.total_matches == 12
    assert parsed.query == "who?"


def test_frames_are_one_json_line_each_up_to_the_closing_one(eps: Eps) -> None:
    result = eps("ask", "who?", "-o", "frames")
    frames = [json_format.Parse(line, TurnFrame()) for line in result.stdout.splitlines()]
    kinds = [frame.WhichOneof("payload") for frame in frames]
    assert kinds[0] == "started"
    assert kinds[-1] == "completed"
    assert [frame.previous_sequence for frame in frames[1:]] == [
        frame.sequence for frame in frames[:-1]
    ]


def test_options_reach_the_question(eps: Eps, service: Service) -> None:
    conversation = uuid.uuid4().hex
    result = eps(
        "ask", "who?", "--camera", "G330", "--camera", "G331", "--site", "school",
        "--type", "motion", "--as-of", "2018-03-15T16:30:00-04:00", "--since", "2h",
        "--until", "2018-03-15T16:00", "--time-zone", ZONE, "--min-confidence", "0.5",
        "--conversation", conversation,
    )  # fmt: skip
    assert result.exit_code == 0
    asked = service.agent.requests[-1]
    assert asked.conversation_id == conversation
    assert asked.filter.cameras == ("G330", "G331")
    assert asked.filter.sites == ("school",)
    assert asked.filter.event_types == ("motion",)
    assert asked.filter.min_confidence == 0.5
    assert asked.as_of == datetime(2018, 3, 15, 20, 30, tzinfo=UTC)
    assert asked.filter.time_range is not None
    assert asked.filter.time_range.start == datetime(2018, 3, 15, 18, 30, tzinfo=UTC)
    assert asked.filter.time_range.end == datetime(2018, 3, 15, 20, 0, tzinfo=UTC)
    assert asked.time_zone == ZONE


def test_a_conversation_goes_on(eps: Eps) -> None:
    conversation = uuid.uuid4().hex
    eps("ask", "first", "-c", conversation)
    assert "turn 2 of conversation" in eps("ask", "second", "-c", conversation).stderr


@pytest.mark.parametrize("output", ["text", "json", "frames"])
def test_a_failed_turn_is_one_line_on_standard_error(eps: Eps, output: str) -> None:
    result = eps("ask", "fail", "-o", output)
    assert result.exit_code == 1
    assert result.stderr == "eps: the model is away\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", " "], "empty question"),
        (["ask", "who?", "--as-of", "yesterday"], "--as-of"),
        (["ask", "who?", "--time-zone", "Mars/Olympus"], "--time-zone"),
        (["ask", "who?", "--since", "1h", "--until", "2h"], "--since"),
        (["ask", "who?", "--output", "xml"], "--output"),
        (["ask", "who?", "--min-confidence", "2"], "--min-confidence"),
        (["ask"], "Missing argument"),
        (["events", "--by", "colour"], "--by"),
    ],
)
def test_a_wrong_command_line_is_code_2_and_says_what_is_wrong(
    eps: Eps, arguments: list[str], says: str
) -> None:
    result = eps(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_what_the_service_refuses_names_the_field(eps: Eps) -> None:
    result = eps("ask", "who?", "-c", "not valid!")
    assert result.exit_code == 1
    assert result.stderr.startswith("eps: ")
    assert "conversation_id" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_question_may_come_from_standard_input(service: Service, client_home: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "ask", "-", "-o", "json"],
        input="who came?\n",
        env={**os.environ, "EPS_SERVER": service.address, "EPS_HOME": str(client_home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["query"] == "who came?"


def test_ctrl_c_ends_the_turn_and_is_code_130(service: Service, client: Client) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "ask", "wait", "-c", "stopped"],
        env={**os.environ, "EPS_SERVER": service.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(10) == "You asked:"
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert complaint == ""
    assert service.agent.cancelled.wait(30)


def test_a_reader_that_stops_reading_is_no_traceback(service: Service) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "ask", "who?", "-o", "frames"],
        env={**os.environ, "EPS_SERVER": service.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        complaint = process.stderr.read()
    assert "Traceback" not in complaint
