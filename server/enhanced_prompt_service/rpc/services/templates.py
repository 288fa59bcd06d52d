"""TemplateService: prompts worth asking again."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from google.protobuf.message import Message

from enhanced_prompt.v1 import template_service_pb2 as pb

from ...domain.errors import Reason, ServiceError
from ...domain.identity import Caller
from ...domain.prompts import DraftAsk, TemplateDrafter
from ...domain.stores import CatalogueStore
from ...domain.template_rules import checked, needs_cameras, render
from ...domain.templates import Template, TemplateRequest, TemplateStore
from ..call import Call
from ..convert.templates import change_of, required_id, template, template_message
from ._pages import fitting


def _random_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


class Templates:
    """What is done with templates wherever it is asked for: here, in a chat, for a generation.

    `now` is real time; `may_change` says who may change what others own.
    """

    def __init__(
        self,
        store: TemplateStore,
        catalogue: CatalogueStore,
        drafter: TemplateDrafter,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[str], str] = _random_id,
        may_change: Callable[[Caller], bool] = lambda _: False,
    ) -> None:
        self.store = store
        self._catalogue = catalogue
        self._drafter = drafter
        self._new_id = new_id
        self._may_change = may_change
        self.now = now

    async def create(self, caller: Caller, wanted: Template, request: TemplateRequest) -> Template:
        """Keep a template whose body and variables fit."""
        wanted = checked(wanted)
        if not wanted.template_id:
            wanted = replace(wanted, template_id=self._new_id("template"))
        return await self.store.create(caller, wanted, self.now(), request)

    async def create_from(
        self, caller: Caller, asked: DraftAsk, request: TemplateRequest
    ) -> tuple[Template, str]:
        """Keep a template of a conversation; and a sentence about it."""
        drafted = await self._drafter.draft(caller, asked)
        return await self.create(caller, drafted.template, request), drafted.message

    async def render(
        self, caller: Caller, template_id: str, values: dict[str, str]
    ) -> tuple[str, Template]:
        """The prompt, and the template that it was made with."""
        found = await self.store.get(caller, template_id)
        cameras: frozenset[str] = frozenset()
        if needs_cameras(found):
            catalogue = await self._catalogue.catalogue(caller)
            cameras = frozenset(
                camera.camera_id for site in catalogue.sites for camera in site.cameras
            )
        return render(found, values, cameras), found

    def allowed(self, caller: Caller, found: Template) -> Template:
        """The template, where the caller may change it. Raises PERMISSION_DENIED."""
        if found.user != caller.user and not self._may_change(caller):
            raise ServiceError(
                "only its owner changes a template, or who has the right to",
                reason=Reason.PERMISSION_DENIED,
                metadata={"permission": "templates"},
            )
        return found


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
    rest = type(request)()
    rest.CopyFrom(request)
    rest.request_id = ""
    return TemplateRequest(request.request_id, digest(rest))


def digest(message: Message) -> str:
    """The same for the same message."""
    said = message.SerializeToString(deterministic=True)
    return hashlib.sha256(message.DESCRIPTOR.full_name.encode() + b"\0" + said).hexdigest()
