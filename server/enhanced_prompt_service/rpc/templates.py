"""What is done with templates wherever it is asked for: in a call, in a chat, for a generation."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from google.protobuf.message import Message

from ..domain.errors import Reason, ServiceError
from ..domain.identity import Caller
from ..domain.prompts import DraftAsk, TemplateDrafter
from ..domain.stores import CatalogueStore
from ..domain.template_rules import checked, needs_cameras, render
from ..domain.templates import Template, TemplateRequest, TemplateStore


def _random_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


class Templates:
    """Templates of a store, with the rules that they keep.

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


def digest(message: Message) -> str:
    """The same for the same message."""
    said = message.SerializeToString(deterministic=True)
    return hashlib.sha256(message.DESCRIPTOR.full_name.encode() + b"\0" + said).hexdigest()
