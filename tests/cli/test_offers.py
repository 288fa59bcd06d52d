"""What an answer offers, at the terminal."""

from __future__ import annotations

import pytest

from enhanced_prompt import PromptResponse
from enhanced_prompt.v1.answers_pb2 import TemplateSuggestion
from enhanced_prompt_service.cli.asking import show_rest


def test_an_offered_template_is_shown_with_the_command_that_keeps_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    offer = TemplateSuggestion(title="At [camera]'s\x1b?", reasoning="You asked this 3 times.")
    response = PromptResponse(
        conversation_id="c", conversation_turn=3, template_suggestions=[offer]
    )
    show_rest(response, 5)
    shown = capsys.readouterr()
    assert "Worth keeping: “At [camera]'s" in shown.out
    assert "You asked this 3 times." in shown.out
    assert "eps templates create --conversation c --title 'At [camera]'\"'\"'s" in shown.err
    assert "\x1b" not in shown.out + shown.err
