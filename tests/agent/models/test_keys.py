"""Where a model's key comes from: a variable, or a file that a variable names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.agent.models.links import parse_links
from enhanced_prompt_service.agent.models.providers import NotBuilt, build

KEY = "sk-from-a-file"


def key_of(link: str, environment: dict[str, str]) -> str:
    [parsed] = parse_links(link)
    built: Any = build(parsed, output_tokens=16, environment=environment).model
    return built.openai_api_key.get_secret_value()


@pytest.mark.parametrize(
    ("link", "variable"),
    [("openai:m", "OPENAI_API_KEY"), ("openai:m@http://127.0.0.1:1/v1#OTHER_KEY", "OTHER_KEY")],
)
def test_a_key_may_stand_in_a_file(tmp_path: Path, link: str, variable: str) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert key_of(link, {f"{variable}_FILE": str(file)}) == KEY
    assert key_of(link, {variable: "sk-itself", f"{variable}_FILE": str(file)}) == "sk-itself"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match=r"OPENAI_API_KEY_FILE: .*none"):
        key_of("openai:m", {"OPENAI_API_KEY_FILE": str(tmp_path / "none")})
