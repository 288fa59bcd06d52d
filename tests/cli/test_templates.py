"""`eps templates`, `eps classify` and `eps optimize`."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Eps


def made(eps: Eps, *arguments: object) -> str:
    result = eps("templates", "create", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def test_a_template_is_made_shown_listed_rendered_and_deleted(eps: Eps) -> None:
    name = made(eps, "--title", "Purple rounds", "--body", "Who came {{when}}?", "--category", "r")
    shown = eps("templates", "show", name).stdout
    assert "Purple rounds" in shown
    assert "Who came {{when}}?" in shown
    assert "required" in shown
    assert "Purple rounds" in eps("templates").stdout
    assert name in eps("templates", "list", "purple", "--category", "r").stdout
    assert "no templates" in eps("templates", "list", "unicorn").stderr
    (listed,) = eps("templates", "list", "purple", "-o", "json").stdout.splitlines()
    assert json.loads(listed)["template_id"] == name
    rendered = eps("templates", "render", name, "when=yesterday = Monday")
    assert rendered.stdout == "Who came yesterday = Monday?\n"
    wrong = eps("templates", "render", name, "where=here")
    assert wrong.exit_code == 1
    assert "where" in wrong.stderr
    assert "when" in wrong.stderr
    assert eps("templates", "render", name, "nothing").exit_code == 2
    refused = eps("templates", "delete", name)  # nobody answers the question
    assert refused.exit_code == 1
    deleted = eps("templates", "delete", name, "never-there", "--yes")
    assert deleted.stdout == f"{name}: deleted\n"
    assert deleted.exit_code == 1
    assert "never-there" in deleted.stderr


def test_a_text_comes_from_a_file_and_runs(eps: Eps, tmp_path: Path) -> None:
    file = tmp_path / "body.txt"
    file.write_text("What {{what}}?\n")
    name = made(eps, "--title", "T", "--file", file)
    asked = eps("templates", "render", name, "what=cameras do I have", "--ask")
    assert asked.exit_code == 0
    assert asked.stdout.strip()
    assert "from grounded" in asked.stderr


def test_a_conversation_becomes_a_template(eps: Eps) -> None:
    eps("ask", "who came in the green coat?", "-c", "coat")
    name = made(eps, "--conversation", "coat", "--answers")
    body = json.loads(eps("templates", "show", name, "-o", "json").stdout)["body"]
    assert body.startswith("who came in the green coat?\n> ")


def test_what_to_make_it_of_is_said_once(eps: Eps) -> None:
    assert eps("templates", "create", "--title", "T").exit_code == 2
    assert eps("templates", "create", "--body", "b").exit_code == 2
    both = eps("templates", "create", "--title", "T", "--body", "b", "--conversation", "c")
    assert both.exit_code == 2


def test_a_prompt_is_classified(eps: Eps) -> None:
    result = eps("classify", "how", "many", "came", "yesterday?")
    assert result.exit_code == 0
    assert result.stdout.startswith("question, ")
    assert "time: yesterday" in result.stdout
    assert "from grounded" in result.stderr
    whole = json.loads(eps("classify", "what is your name", "-o", "json").stdout)
    assert whole["intent"]["category"] == "off_subject"


def test_a_prompt_is_made_better_with_its_reasons(eps: Eps) -> None:
    result = eps("optimize", "what happend", "--type", "clarity")
    assert result.stdout.splitlines()[0] == "What happened?"
    assert "happend → happened: spelling" in result.stdout
    known = json.dumps({"time": "yesterday"})
    better = json.loads(eps("optimize", "what happened", "--context", known, "-o", "json").stdout)
    assert any("the context says so" in one["reason"] for one in better["changes"])
    assert eps("optimize", "x", "--context", "[1]").exit_code == 2
    assert eps("optimize", "x", "--model", "a:b").exit_code == 1
