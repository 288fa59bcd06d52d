"""Levels and lists of events, as older clients and settings spell them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.levels import FRAME_OF, StreamEvent, stream_events


@pytest.mark.parametrize("text", ["L1", "l1", " token ", "Token,token"])
def test_the_first_level_is_tokens_alone(text: str) -> None:
    assert stream_events(text) == {StreamEvent.TOKEN}


@pytest.mark.parametrize("text", ["L2", "token,tool_start,tool_end,agent_start, thinking"])
def test_the_second_level_is_all_of_them(text: str) -> None:
    assert stream_events(text) == set(StreamEvent) == set(FRAME_OF)


@pytest.mark.parametrize("text", ["", "L3", "complete", "token,", "token;thinking"])
def test_what_is_neither_is_refused_by_name_also_as_a_setting(text: str) -> None:
    with pytest.raises(ValueError, match="tool_start"):
        stream_events(text)
    with pytest.raises(ValidationError, match="tool_start"):
        Settings(compat_events=text)
