"""Templates: the same calls for both clients."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Literal

from google.protobuf.field_mask_pb2 import FieldMask

from . import _methods as methods
from ._calls import AsyncCalls, Calls
from .v1.template_service_pb2 import (
    CreateTemplateFromConversationRequest,
    CreateTemplateFromConversationResponse,
    CreateTemplateRequest,
    DeleteTemplateRequest,
    GetTemplateRequest,
    ListTemplatesRequest,
    RenderTemplateRequest,
    UpdateTemplateRequest,
)
from .v1.templates_pb2 import Template

TemplateField = Literal["title", "description", "category", "body", "variables", "*"]


def _create(template: Template, request_id: str) -> CreateTemplateRequest:
    return CreateTemplateRequest(template=template, request_id=request_id or uuid.uuid4().hex)


def _update(template: Template, fields: Sequence[TemplateField]) -> UpdateTemplateRequest:
    mask = FieldMask(paths=fields) if fields else None
    return UpdateTemplateRequest(template=template, update_mask=mask)


def _from_conversation(
    conversation_id: str,
    title: str,
    description: str,
    category: str,
    include_ai_responses: bool,
    request_id: str,
) -> CreateTemplateFromConversationRequest:
    return CreateTemplateFromConversationRequest(
        conversation_id=conversation_id,
        title=title,
        description=description,
        category=category,
        include_ai_responses=include_ai_responses,
        request_id=request_id or uuid.uuid4().hex,
    )


class TemplateCalls(Calls):
    """Templates, blocking."""

    def create_template(self, template: Template, *, request_id: str = "") -> Template:
        """Keep a template; returns it as stored, with its id, variables and etag.

        Raises TemplateInvalid and TemplateAlreadyExists.
        """
        return self._unary(methods.CREATE_TEMPLATE, _create(template, request_id)).template

    def get_template(self, template_id: str) -> Template:
        """One template. Raises TemplateNotFound."""
        request = GetTemplateRequest(template_id=template_id)
        return self._unary(methods.GET_TEMPLATE, request).template

    def list_templates(
        self, *, category: str = "", query: str = "", page_size: int = 0
    ) -> Iterator[Template]:
        """All templates, newest change first, or best match of a query first, a page at a time."""
        return self._pages(
            methods.LIST_TEMPLATES,
            ListTemplatesRequest(category=category, query=query, page_size=page_size),
            lambda page: page.templates,
        )

    def list_template_categories(self) -> list[str]:
        """The categories that occur, sorted: at most 200."""
        page = self._unary(methods.LIST_TEMPLATES, ListTemplatesRequest(page_size=1))
        return list(page.categories)

    def update_template(
        self, template: Template, *, fields: Sequence[TemplateField] = ()
    ) -> Template:
        """Change the named fields of a template, by default those that are set.

        Where `template.etag` is set it must be the stored one: raises EtagMismatch, and then the
        call is never repeated. Raises TemplateNotFound, TemplateInvalid and PermissionDenied.
        """
        request = _update(template, fields)
        return self._once(methods.UPDATE_TEMPLATE, request, repeatable=not template.etag).template

    def delete_template(self, template_id: str, *, etag: str = "") -> None:
        """Delete a template for good. Raises TemplateNotFound, EtagMismatch, PermissionDenied."""
        request = DeleteTemplateRequest(template_id=template_id, etag=etag)
        self._once(methods.DELETE_TEMPLATE, request, repeatable=False)

    def render_template(self, template_id: str, variables: Mapping[str, str] | None = None) -> str:
        """The prompt that a template makes of values, which are inserted as they are.

        Raises TemplateVariableInvalid, which names what is unknown, missing or wrong.
        """
        request = RenderTemplateRequest(template_id=template_id, variables=variables or {})
        return self._unary(methods.RENDER_TEMPLATE, request).prompt

    def create_template_from_conversation(
        self,
        conversation_id: str,
        *,
        title: str = "",
        description: str = "",
        category: str = "",
        include_ai_responses: bool = False,
        request_id: str = "",
    ) -> CreateTemplateFromConversationResponse:
        """Make a template of a conversation's questions; texts left empty are made from them.

        Raises ConversationNotFound.
        """
        return self._unary(
            methods.CREATE_TEMPLATE_FROM_CONVERSATION,
            _from_conversation(
                conversation_id, title, description, category, include_ai_responses, request_id
            ),
        )


class AsyncTemplateCalls(AsyncCalls):
    """Templates, for asyncio."""

    async def create_template(self, template: Template, *, request_id: str = "") -> Template:
        """Keep a template; returns it as stored, with its id, variables and etag.

        Raises TemplateInvalid and TemplateAlreadyExists.
        """
        made = await self._unary(methods.CREATE_TEMPLATE, _create(template, request_id))
        return made.template

    async def get_template(self, template_id: str) -> Template:
        """One template. Raises TemplateNotFound."""
        request = GetTemplateRequest(template_id=template_id)
        return (await self._unary(methods.GET_TEMPLATE, request)).template

    def list_templates(
        self, *, category: str = "", query: str = "", page_size: int = 0
    ) -> AsyncIterator[Template]:
        """All templates, newest change first, or best match of a query first, a page at a time."""
        return self._pages(
            methods.LIST_TEMPLATES,
            ListTemplatesRequest(category=category, query=query, page_size=page_size),
            lambda page: page.templates,
        )

    async def list_template_categories(self) -> list[str]:
        """The categories that occur, sorted: at most 200."""
        page = await self._unary(methods.LIST_TEMPLATES, ListTemplatesRequest(page_size=1))
        return list(page.categories)

    async def update_template(
        self, template: Template, *, fields: Sequence[TemplateField] = ()
    ) -> Template:
        """Change the named fields of a template, by default those that are set.

        Where `template.etag` is set it must be the stored one: raises EtagMismatch, and then the
        call is never repeated. Raises TemplateNotFound, TemplateInvalid and PermissionDenied.
        """
        request = _update(template, fields)
        changed = await self._once(methods.UPDATE_TEMPLATE, request, repeatable=not template.etag)
        return changed.template

    async def delete_template(self, template_id: str, *, etag: str = "") -> None:
        """Delete a template for good. Raises TemplateNotFound, EtagMismatch, PermissionDenied."""
        request = DeleteTemplateRequest(template_id=template_id, etag=etag)
        await self._once(methods.DELETE_TEMPLATE, request, repeatable=False)

    async def render_template(
        self, template_id: str, variables: Mapping[str, str] | None = None
    ) -> str:
        """The prompt that a template makes of values, which are inserted as they are.

        Raises TemplateVariableInvalid, which names what is unknown, missing or wrong.
        """
        request = RenderTemplateRequest(template_id=template_id, variables=variables or {})
        return (await self._unary(methods.RENDER_TEMPLATE, request)).prompt

    async def create_template_from_conversation(
        self,
        conversation_id: str,
        *,
        title: str = "",
        description: str = "",
        category: str = "",
        include_ai_responses: bool = False,
        request_id: str = "",
    ) -> CreateTemplateFromConversationResponse:
        """Make a template of a conversation's questions; texts left empty are made from them.

        Raises ConversationNotFound.
        """
        return await self._unary(
            methods.CREATE_TEMPLATE_FROM_CONVERSATION,
            _from_conversation(
                conversation_id, title, description, category, include_ai_responses, request_id
            ),
        )
