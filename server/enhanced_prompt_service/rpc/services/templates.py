"""TemplateService: prompts worth asking again."""

from __future__ import annotations

from enhanced_prompt.v1 import template_service_pb2 as pb

from ...domain.prompts import DraftAsk
from ...domain.template_rules import checked
from ...domain.templates import Template, TemplateRequest
from ..call import Call
from ..convert.templates import change_of, required_id, template, template_message
from ..templates import Templates, digest
from ._pages import fitting


class TemplateService:
    """All of it."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    async def CreateTemplate(  # noqa: N802
        self, request: pb.CreateTemplateRequest, call: Call
    ) -> pb.CreateTemplateResponse:
        """Keep a template."""
        made = await self._templates.create(
            call.caller, template(request.template), request_of(request)
        )
        return pb.CreateTemplateResponse(template=template_message(made))

    async def GetTemplate(  # noqa: N802
        self, request: pb.GetTemplateRequest, call: Call
    ) -> pb.GetTemplateResponse:
        """One template."""
        found = await self._templates.store.get(call.caller, request.template_id)
        return pb.GetTemplateResponse(template=template_message(found))

    async def ListTemplates(  # noqa: N802
        self, request: pb.ListTemplatesRequest, call: Call
    ) -> pb.ListTemplatesResponse:
        """Newest change first, or best match first; a page at a time."""
        store = self._templates.store
        categories = () if request.page_token else await store.categories(call.caller)

        async def fetch(size: int) -> pb.ListTemplatesResponse:
            page = await store.page(
                call.caller,
                category=request.category,
                text=request.query,
                page_size=size,
                page_token=request.page_token,
            )
            return pb.ListTemplatesResponse(
                templates=[template_message(one) for one in page.items],
                next_page_token=page.next_page_token,
                categories=categories,
            )

        return await fitting(request.page_size, fetch)

    async def UpdateTemplate(  # noqa: N802
        self, request: pb.UpdateTemplateRequest, call: Call
    ) -> pb.UpdateTemplateResponse:
        """Change the named fields, where the etag is the stored one."""
        template_id = required_id(request.template.template_id)
        change = change_of(request)
        templates = self._templates
        found = await templates.store.update(
            call.caller,
            template_id,
            lambda stored: checked(change(templates.allowed(call.caller, stored))),
            templates.now(),
            etag=request.template.etag,
        )
        return pb.UpdateTemplateResponse(template=template_message(found))

    async def DeleteTemplate(  # noqa: N802
        self, request: pb.DeleteTemplateRequest, call: Call
    ) -> pb.DeleteTemplateResponse:
        """Delete a template for good."""
        templates = self._templates

        def allow(stored: Template) -> None:
            templates.allowed(call.caller, stored)

        await templates.store.delete(call.caller, request.template_id, allow, etag=request.etag)
        return pb.DeleteTemplateResponse()

    async def RenderTemplate(  # noqa: N802
        self, request: pb.RenderTemplateRequest, call: Call
    ) -> pb.RenderTemplateResponse:
        """The prompt that a template makes of values."""
        prompt, found = await self._templates.render(
            call.caller, request.template_id, dict(request.variables)
        )
        return pb.RenderTemplateResponse(prompt=prompt, etag=found.etag)

    async def CreateTemplateFromConversation(  # noqa: N802
        self, request: pb.CreateTemplateFromConversationRequest, call: Call
    ) -> pb.CreateTemplateFromConversationResponse:
        """A template of the questions of a conversation."""
        asked = DraftAsk(
            conversation_id=request.conversation_id,
            title=request.title,
            description=request.description,
            category=request.category,
            include_answers=request.include_ai_responses,
        )
        made, message = await self._templates.create_from(call.caller, asked, request_of(request))
        return pb.CreateTemplateFromConversationResponse(
            template=template_message(made), message=message
        )


def request_of(
    request: pb.CreateTemplateRequest | pb.CreateTemplateFromConversationRequest,
) -> TemplateRequest:
    """The request_id of a call, and a hash of all else that it says."""
    if not request.request_id:
        return TemplateRequest()
    rest = type(request).FromString(request.SerializeToString())
    rest.request_id = ""
    return TemplateRequest(request.request_id, digest(rest))
