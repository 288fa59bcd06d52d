"""Prompts worth asking again: what a template is, and what stores do with them.

A template belongs to a tenant: everybody there sees it, its owner changes it. What its body and its
variables may be, and how they become a prompt, stands in `template_rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .identity import Caller
from .stores import Page

MAX_BODY = 16_000  # characters
MAX_PROMPT = 32_000  # characters that rendering may make: what may be generated from
MAX_VARIABLES = 50
MAX_TITLE = 200
MAX_DESCRIPTION = 2_000
MAX_CATEGORY = 64
MOST_CATEGORIES = 200


class VariableType(StrEnum):
    """What the values of a variable are; they are always sent as text."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    CAMERA = "camera"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a template that a value goes into.

    `default_value` stands in where no value is given and none is required; `choices` are those of
    a CHOICE.
    """

    name: str
    type: VariableType = VariableType.TEXT
    description: str = ""
    required: bool = False
    default_value: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with variables as `{{name}}`.

    `user` is its owner. Times are real time, None on one that was never stored; `etag` changes
    with each change.
    """

    template_id: str
    title: str
    body: str
    description: str = ""
    category: str = ""
    variables: tuple[Variable, ...] = ()
    user: str = ""
    source_conversation_id: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class TemplateRequest:
    """What makes creating idempotent for 24 hours: the id, and a hash of all else that was said."""

    request_id: str = ""
    request_hash: str = ""


class TemplateStore(Protocol):
    """Templates of a tenant. All methods raise Unavailable when the database is away."""

    async def create(
        self,
        caller: Caller,
        template: Template,
        now: datetime,
        request: TemplateRequest | None = None,
    ) -> Template:
        """Keep a template as the caller's; the same request again returns what it made.

        Raises Conflict: TEMPLATE_ALREADY_EXISTS, or REQUEST_ID_REUSED for another request's id.
        """
        ...

    async def get(self, caller: Caller, template_id: str) -> Template:
        """One of the tenant's. Raises NotFound (TEMPLATE_NOT_FOUND)."""
        ...

    async def page(
        self,
        caller: Caller,
        *,
        category: str = "",
        text: str = "",
        page_size: int = 50,
        page_token: str = "",
    ) -> Page[Template]:
        """Newest change first, then by id. With a text those that have all of its words, stemmed,
        best match first; none where it holds stop words only."""
        ...

    async def categories(self, caller: Caller) -> tuple[str, ...]:
        """Categories that occur, sorted: the first MOST_CATEGORIES."""
        ...

    async def has_body(self, caller: Caller, body: str) -> bool:
        """Whether the tenant has a template of exactly this body."""
        ...

    async def update(
        self,
        caller: Caller,
        template_id: str,
        change: Callable[[Template], Template],
        now: datetime,
        *,
        etag: str = "",
    ) -> Template:
        """Change a template in one transaction; where nothing changes, so does no time or etag.

        `change` sees the stored one and may refuse by raising. It may run twice: it must be pure.
        Raises NotFound, and Conflict (ETAG_MISMATCH) where `etag` is not "" and not the stored one.
        """
        ...

    async def delete(
        self, caller: Caller, template_id: str, allow: Callable[[Template], None], *, etag: str = ""
    ) -> None:
        """Delete one for good, unless `allow` raises. Raises as `update` does."""
        ...
