"""`eps history` and its commands."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Eps


def test_messages_are_found_by_their_words(eps: Eps) -> None:
    eps("ask", "did a purple tractor come?", "-c", "found")
    result = eps("history", "search", "purple", "tractors", "--role", "user", "--time-zone", "UTC")
    assert result.exit_code == 0
    assert "found · turn 1 · asked" in result.stdout
    assert "did a purple tractor come?" in result.stdout
    (match,) = [
        json.loads(one)
        for one in eps(
            "history", "search", "purple", "--role", "user", "-o", "json"
        ).stdout.splitlines()
    ]
    assert match["highlights"] == [{"start": 6, "end": 12}]
    nothing = eps("history", "search", "unicorn")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no messages match" in nothing.stderr


def test_showing_is_what_a_conversations_name_alone_means(eps: Eps) -> None:
    eps("ask", "who came?", "-c", "both-ways")
    shown = eps("history", "show", "both-ways").stdout
    assert "who came?" in shown
    assert eps("history", "both-ways").stdout == shown
    assert json.loads(eps("history", "-o", "json", "both-ways").stdout)["responses"]


def test_an_export_into_a_file_goes_on_where_the_file_ends(eps: Eps, tmp_path: Path) -> None:
    file = tmp_path / "export.jsonl"
    eps("ask", "one?", "-c", "export-1")
    first = eps("history", "export", "--to", file, "--responses")
    assert first.exit_code == 0
    lines = file.read_text().splitlines()
    whole = [json.loads(one)["exported"]["conversation"]["conversation_id"] for one in lines]
    assert whole[-1] == "export-1"
    assert json.loads(lines[-1])["exported"]["responses"][0]["query"] == "one?"
    file.write_text(file.read_text() + '{"torn')
    eps("ask", "two?", "-c", "export-2")
    assert "1 conversations exported" in eps("history", "export", "--to", file).stderr
    added = json.loads(file.read_text().splitlines()[-1])
    assert added["exported"]["conversation"]["conversation_id"] == "export-2"
    assert len(file.read_text().splitlines()) == len(lines) + 1
    printed = eps("history", "export", "--resume-token", json.loads(lines[-1])["resume_token"])
    assert [json.loads(one) for one in printed.stdout.splitlines()] != []


def test_deleting_asks_first_and_then_nothing_is_left(eps: Eps) -> None:
    eps("ask", "who came?", "-c", "gone")
    refused = eps("history", "delete", "gone")  # nobody answers the question
    assert refused.exit_code == 1
    assert eps("history", "show", "gone").exit_code == 0
    deleted = eps("history", "delete", "gone", "never-there", "--yes")
    assert deleted.stdout == "gone: deleted, 1 turns\n"
    assert deleted.exit_code == 1
    assert "never-there" in deleted.stderr
    assert eps("history", "gone").exit_code == 1
