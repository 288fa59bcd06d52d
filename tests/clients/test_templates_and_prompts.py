"""Templates and tools of prompts through both clients, against the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt import (
    ClientOptions,
    Template,
    TemplateVariable,
    TemplateVariableType,
    errors,
)
from enhanced_prompt_service.app import create_app
from enhanced_prompt_service.config import Settings

from .drivers import DRIVERS, Driver


@pytest.fixture(params=DRIVERS)
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Driver]:
    async with create_app(Settings(home=tmp_path, port=0, drain_s=0)) as app:
        made = DRIVERS[request.param](app.address, ClientOptions())
        yield made
        await made.close()


async def test_a_template_is_made_found_changed_rendered_and_deleted(driver: Driver) -> None:
    wanted = Template(
        title="Rounds",
        category="rounds",
        body="What happened {{when}}?",
        variables=[
            TemplateVariable(
                name="when",
                type=TemplateVariableType.TEMPLATE_VARIABLE_TYPE_CHOICE,
                choices=["today", "yesterday"],
                default_value="today",
            )
        ],
    )
    made = await driver.call("create_template", wanted)
    assert await driver.call("get_template", made.template_id) == made
    assert await driver.collect("list_templates", query="round", category="rounds") == [made]
    assert await driver.call("list_template_categories") == ["rounds"]
    assert await driver.call("render_template", made.template_id) == "What happened today?"
    with pytest.raises(errors.TemplateVariableInvalid, match="tomorrow"):
        await driver.call("render_template", made.template_id, {"when": "tomorrow"})
    change = Template(template_id=made.template_id, title="New", etag=made.etag)
    changed = await driver.call("update_template", change)
    assert (changed.title, changed.body) == ("New", made.body)
    with pytest.raises(errors.EtagMismatch):
        await driver.call("update_template", change, fields=["title"])
    await driver.call("delete_template", made.template_id, etag=changed.etag)
    with pytest.raises(errors.TemplateNotFound):
        await driver.call("get_template", made.template_id)


async def test_a_template_with_a_request_id_is_made_once(driver: Driver) -> None:
    wanted = Template(title="T", body="b")
    first = await driver.call("create_template", wanted, request_id="r")
    assert await driver.call("create_template", wanted, request_id="r") == first
    assert await driver.call("create_template", wanted) != first
    with pytest.raises(errors.TemplateInvalid):
        await driver.call("create_template", Template(title="T", body="{{"))


async def test_a_conversation_becomes_a_template(driver: Driver) -> None:
    await driver.call("answer", "What cameras do I have?", conversation_id="c")
    made = await driver.call("create_template_from_conversation", "c", title="Cameras")
    assert (made.template.title, made.template.body) == ("Cameras", "What cameras do I have?")
    assert made.message
    with pytest.raises(errors.ConversationNotFound):
        await driver.call("create_template_from_conversation", "nobody")


async def test_prompts_are_classified_and_made_better(driver: Driver) -> None:
    found = await driver.call("classify_intent", "what happend yesterday", time_zone="UTC")
    assert (found.intent.category, found.model) == ("question", "grounded")
    better = await driver.call(
        "optimize_prompt",
        "what happend yesterday",
        optimization_type="clarity",
        context={"anything": [1, {"a": None}]},
        intent=found.intent,
    )
    assert better.prompt == "What happened yesterday?"
    with pytest.raises(errors.ModelNotConfigured):
        await driver.call("classify_intent", "q", model="a:b")


async def test_content_comes_in_parts_and_whole(driver: Driver) -> None:
    parts: list[Any] = await driver.collect("generate_content", "What cameras do I have?")
    assert parts[-1].completed.model == "grounded"
    text = "".join(one.text_delta.text for one in parts)
    assert parts[-1].completed.content == text != ""
    made = await driver.call("create_template", Template(title="T", body="What {{what}}?"))
    rendered = await driver.collect(
        "generate_content",
        template_id=made.template_id,
        variables={"what": "cameras do I have"},
        max_output_tokens=2,
    )
    assert len(rendered) == 3
    with pytest.raises(ValueError, match="prompt or from a template"):
        await driver.collect("generate_content")
