"""EPS_MODELS: what a list says, and what is wrong with one, without giving a secret away."""

from __future__ import annotations

import pytest

from enhanced_prompt_service.agent.models import Link, parse_links


def test_links_come_in_the_order_of_the_list() -> None:
    found = parse_links(" deepseek:deepseek-chat,openai:gpt-4o-mini , grounded,")
    assert [one.name for one in found] == [
        "deepseek:deepseek-chat",
        "openai:gpt-4o-mini",
        "grounded",
    ]


def test_an_address_and_the_variable_of_its_key_are_no_part_of_the_name() -> None:
    (found,) = parse_links("openai:glm-4.6@https://api.z.ai/api/paas/v4#ZAI_API_KEY")
    address = "https://api.z.ai/api/paas/v4"
    assert found == Link("openai:glm-4.6", "openai", "glm-4.6", address, "ZAI_API_KEY")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("bedrock_converse:anthropic.claude-v1:0", "anthropic.claude-v1:0"),
        ("google_vertexai:claude@20240620", "claude@20240620"),
        ("openai:qwen3:8b@http://127.0.0.1:11434/v1", "qwen3:8b"),
        ("openai:Qwen/Qwen3-8B@http://127.0.0.1:8000/v1", "Qwen/Qwen3-8B"),
    ],
)
def test_models_may_be_named_as_their_providers_do(text: str, model: str) -> None:
    assert parse_links(text)[0].model == model


def test_one_model_at_two_addresses_is_two_links() -> None:
    found = parse_links("openai:q@http://a:1/v1, openai:q@http://b:1/v1")
    assert [one.name for one in found] == ["openai:q", "openai:q@b:1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "gpt-4o",
        "openai:",
        ":gpt",
        "OpenAI:gpt",
        "grounded, grounded",
        "openai:a, openai:a",
        "openai:a@http://x/v1, openai:a@http://x/v1, openai:a@http://x/v1",
        "openai:a@ftp://x",
        "openai:a@http://user:pa55@x/v1",
        "openai:a@http://",
        "openai:a#KEY",
        "openai:a@http://x/v1#not-a-name",
        ",".join(f"openai:m{n}" for n in range(17)),
    ],
)
def test_a_list_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        parse_links(text)
    assert "pa55" not in str(refused.value)


def test_a_key_in_the_wrong_place_is_not_repeated() -> None:
    key = "sk-proj-" + "a1B2" * 12
    with pytest.raises(ValueError, match="provider:model") as refused:
        parse_links(f"openai={key}")
    assert "a1B2" not in str(refused.value)
