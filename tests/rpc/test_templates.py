"""TemplateService over TCP and real storage."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import BadRequest

from enhanced_prompt.v1 import prompt_service_pb2, site_service_pb2, templates_pb2
from enhanced_prompt.v1 import template_service_pb2 as pb
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
    TemplateSuggestion,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.templates import Template

from . import kit
from .stack import NOW, Stack, running

CAMERA = templates_pb2.TEMPLATE_VARIABLE_TYPE_CAMERA


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running(tmp_path, tools=True) as found:
        yield found


def violations(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    (request,) = kit.details(kit.status(error), BadRequest)
    return [(one.field, one.description) for one in request.field_violations]


async def create(stack: Stack, request_id: str = "", **fields: Any) -> templates_pb2.Template:
    wanted = templates_pb2.Template(**{"title": "Gate", "body": "At {{camera}}?", **fields})
    answer = await stack.templates.CreateTemplate(
        pb.CreateTemplateRequest(template=wanted, request_id=request_id)
    )
    return answer.template


async def update(stack: Stack, paths: list[str] | None = None, **fields: Any) -> Any:
    mask = None if paths is None else FieldMask(paths=paths)
    request = pb.UpdateTemplateRequest(template=templates_pb2.Template(**fields), update_mask=mask)
    return (await stack.templates.UpdateTemplate(request)).template


async def ask(stack: Stack, *queries: str, conversation_id: str = "talk") -> None:
    for query in queries:
        await stack.prompts.Answer(
            prompt_service_pb2.AnswerRequest(query=query, conversation_id=conversation_id)
        )


async def test_a_template_is_made_with_the_variables_of_its_body_and_read_back(
    stack: Stack,
) -> None:
    made = await create(stack, description="d", category="c")
    assert made.template_id.startswith("template_")
    assert made.user_id == "local"
    assert made.etag
    assert made.create_time.ToDatetime(tzinfo=NOW.tzinfo) == NOW
    assert [(one.name, one.required) for one in made.variables] == [("camera", True)]
    assert made.variables[0].type == templates_pb2.TEMPLATE_VARIABLE_TYPE_TEXT
    got = await stack.templates.GetTemplate(pb.GetTemplateRequest(template_id=made.template_id))
    assert got.template == made


async def test_a_request_that_is_repeated_makes_one_template(stack: Stack) -> None:
    first = await create(stack, "r")
    assert await create(stack, "r") == first
    error = await kit.refused(create(stack, "r", title="Another"))
    assert kit.reason(error) == "REQUEST_ID_REUSED"
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    named = await kit.refused(create(stack, template_id=first.template_id))
    assert kit.reason(named) == "TEMPLATE_ALREADY_EXISTS"


async def test_a_body_that_does_not_fit_its_variables_is_refused_by_name(stack: Stack) -> None:
    error = await kit.refused(
        create(stack, variables=[templates_pb2.TemplateVariable(name="place")])
    )
    assert kit.reason(error) == "TEMPLATE_INVALID"
    assert violations(error) == [("body", 'names "camera", not among variables')]
    missing = await kit.refused(create(stack, title="", body=""))
    assert [field for field, _ in violations(missing)] == ["template.title", "template.body"]


async def test_only_what_the_mask_names_is_changed(stack: Stack) -> None:
    made = await create(stack, description="old", category="c")
    named = {"template_id": made.template_id}
    changed = await update(stack, ["description", "category"], description="new", **named)
    assert (changed.title, changed.description, changed.category) == ("Gate", "new", "")
    assert changed.etag != made.etag
    without = await update(stack, description="newer", **named)
    assert (without.title, without.description) == ("Gate", "newer")
    whole = await update(stack, ["*"], title="T", body="b", **named)
    assert (whole.title, whole.description, list(whole.variables)) == ("T", "", [])


async def test_a_change_must_fit_and_say_what_it_means(stack: Stack) -> None:
    made = await create(stack)
    named = {"template_id": made.template_id}
    for paths, fields, where in (
        (["title"], {}, "template.title"),
        (["*"], {"title": "t"}, "template.body"),
        (["user_id"], {}, "update_mask"),
        (["title.x"], {"title": "t"}, "update_mask"),
        (["body"], {"body": "{{other}}"}, "body"),
        (["title"], {"title": "x" * 201}, "template.title"),
    ):
        error = await kit.refused(update(stack, paths, **fields, **named))  # type: ignore[arg-type]
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [field for field, _ in violations(error)] == [where], paths
    error = await kit.refused(update(stack, ["title"], title="t"))
    assert [field for field, _ in violations(error)] == ["template.template_id"]
    assert await update(stack, **named) == made


async def test_stale_etags_change_and_delete_nothing(stack: Stack) -> None:
    made = await create(stack)
    await update(stack, ["title"], template_id=made.template_id, title="new", etag=made.etag)
    error = await kit.refused(
        update(stack, ["title"], template_id=made.template_id, title="x", etag=made.etag)
    )
    assert kit.reason(error) == "ETAG_MISMATCH"
    assert error.code() is grpc.StatusCode.ABORTED
    gone = stack.templates.DeleteTemplate
    error = await kit.refused(
        gone(pb.DeleteTemplateRequest(template_id=made.template_id, etag=made.etag))
    )
    assert kit.reason(error) == "ETAG_MISMATCH"
    await gone(pb.DeleteTemplateRequest(template_id=made.template_id))
    error = await kit.refused(gone(pb.DeleteTemplateRequest(template_id=made.template_id)))
    assert kit.reason(error) == "TEMPLATE_NOT_FOUND"
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_colleagues_template_is_seen_and_not_changed(stack: Stack) -> None:
    colleague = Caller("default", "colleague")
    theirs = Template("theirs", "Theirs", "body")
    await stack.stores.templates.create(colleague, theirs, NOW)
    await stack.stores.templates.create(Caller("other", "local"), theirs, NOW)
    listed = await stack.templates.ListTemplates(pb.ListTemplatesRequest())
    assert [(one.template_id, one.user_id) for one in listed.templates] == [("theirs", "colleague")]
    for call in (
        update(stack, ["title"], template_id="theirs", title="mine"),
        stack.templates.DeleteTemplate(pb.DeleteTemplateRequest(template_id="theirs")),
    ):
        error = await kit.refused(call)
        assert kit.reason(error) == "PERMISSION_DENIED"
    assert (await stack.stores.templates.get(colleague, "theirs")).title == "Theirs"


async def test_lists_are_found_by_words_and_category_page_by_page(stack: Stack) -> None:
    for number in range(5):
        await create(stack, template_id=f"t{number}", category="odd" if number % 2 else "even")
    call = stack.templates.ListTemplates
    first = await call(pb.ListTemplatesRequest(page_size=3))
    assert list(first.categories) == ["even", "odd"]
    second = await call(pb.ListTemplatesRequest(page_size=3, page_token=first.next_page_token))
    assert list(second.categories) == []
    assert {one.template_id for one in [*first.templates, *second.templates]} == {
        f"t{number}" for number in range(5)
    }
    odd = await call(pb.ListTemplatesRequest(category="odd", query="gates"))
    assert sorted(one.template_id for one in odd.templates) == ["t1", "t3"]
    error = await kit.refused(
        call(pb.ListTemplatesRequest(category="odd", page_token=first.next_page_token))
    )
    assert kit.reason(error) == "PAGE_TOKEN_INVALID"


async def test_rendering_inserts_values_and_names_everything_that_is_wrong(stack: Stack) -> None:
    await stack.sites.PutSite(
        site_service_pb2.PutSiteRequest(
            site=site_service_pb2.Site(
                site_id="s",
                time_zone="UTC",
                cameras=[site_service_pb2.Camera(camera_id="G1")],
            )
        )
    )
    made = await create(
        stack,
        body="At {{camera}}: {{what}}",
        variables=[
            templates_pb2.TemplateVariable(name="camera", type=CAMERA, required=True),
            templates_pb2.TemplateVariable(name="what", default_value="anything?"),
        ],
    )

    async def render(**variables: str) -> pb.RenderTemplateResponse:
        return await stack.templates.RenderTemplate(
            pb.RenderTemplateRequest(template_id=made.template_id, variables=variables)
        )

    rendered = await render(camera="G1")
    assert (rendered.prompt, rendered.etag) == ("At G1: anything?", made.etag)
    assert (await render(camera="G1", what="{{camera}}")).prompt == "At G1: {{camera}}"
    error = await kit.refused(render(what="x", which="y"))
    assert kit.reason(error) == "TEMPLATE_VARIABLE_INVALID"
    assert violations(error) == [
        ('variables["which"]', 'the template has no such variable: it has "camera", "what"'),
        ('variables["camera"]', "is required"),
    ]
    error = await kit.refused(render(camera="G2"))
    assert violations(error) == [
        ('variables["camera"]', '"G2" is the id of no camera of the catalogue')
    ]


async def test_a_conversation_becomes_a_template_with_or_without_its_answers(
    stack: Stack,
) -> None:
    await ask(stack, "How many cars came yesterday?", "{{x}} and who?")
    call = stack.templates.CreateTemplateFromConversation
    plain = await call(pb.CreateTemplateFromConversationRequest(conversation_id="talk"))
    assert plain.template.body == "How many cars came {{when}}?"
    assert plain.template.title == "How many cars came [when]?"
    assert plain.template.category == "statistics"
    assert plain.template.source_conversation_id == "talk"
    assert plain.template.title in plain.message
    rendered = await stack.templates.RenderTemplate(
        pb.RenderTemplateRequest(template_id=plain.template.template_id)
    )
    assert rendered.prompt == "How many cars came yesterday?"
    whole = await call(
        pb.CreateTemplateFromConversationRequest(
            conversation_id="talk",
            title="Cars",
            description="d",
            category="c",
            include_ai_responses=True,
        )
    )
    assert whole.template.body == "How many cars came {{when}}?\n> two cars"
    assert (whole.template.title, whole.template.description, whole.template.category) == (
        *("Cars", "d", "c"),
    )


async def test_a_conversation_of_nobody_or_without_answers_becomes_none(stack: Stack) -> None:
    call = stack.templates.CreateTemplateFromConversation
    error = await kit.refused(
        call(pb.CreateTemplateFromConversationRequest(conversation_id="nobody"))
    )
    assert kit.reason(error) == "CONVERSATION_NOT_FOUND"
    listed = await stack.templates.ListTemplates(pb.ListTemplatesRequest())
    assert list(listed.templates) == []


async def test_an_offer_is_accepted_by_its_title(stack: Stack) -> None:
    offer = TemplateSuggestion("Offered", "told", "rounds", 0.8, "why", "How many at {{place}}?")
    plain = Answer("two", ResponseType.ANSWER, 0.9, Interpretation(QuestionType.COUNT))

    async def answer(turn: Any) -> Answer:
        turn.writer.text("two")
        return dataclasses.replace(plain, template_suggestions=(offer,))

    stack.agent.answer = answer  # type: ignore[method-assign]
    await ask(stack, "How many at the gate?")
    made = await stack.templates.CreateTemplateFromConversation(
        pb.CreateTemplateFromConversationRequest(conversation_id="talk", title="Offered")
    )
    assert made.template.body == "How many at {{place}}?"
    assert made.template.description == "told"
