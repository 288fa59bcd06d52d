"""Templates, and which fields of one a change is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from enhanced_prompt.v1 import template_service_pb2, templates_pb2

from ...domain.errors import InvalidArgument, Reason
from ...domain.templates import Template, Variable, VariableType
from .times import timestamp

_TYPES = {
    templates_pb2.TemplateVariableType.Value(f"TEMPLATE_VARIABLE_TYPE_{one.name}"): one
    for one in VariableType
}
_NUMBERS = {one: number for number, one in _TYPES.items()}
CHANGEABLE = ("title", "description", "category", "body", "variables")


def template(message: templates_pb2.Template) -> Template:
    """A template as it was sent; what the server alone says is left out."""
    return Template(
        template_id=message.template_id,
        title=message.title,
        body=message.body,
        description=message.description,
        category=message.category,
        variables=_variables(message),
    )


def _variables(message: templates_pb2.Template) -> tuple[Variable, ...]:
    return tuple(
        Variable(
            one.name,
            _TYPES.get(one.type, VariableType.TEXT),
            one.description,
            one.required,
            one.default_value,
            tuple(one.choices),
        )
        for one in message.variables
    )


def template_message(found: Template) -> templates_pb2.Template:
    """A template as it is stored."""
    return templates_pb2.Template(
        template_id=found.template_id,
        title=found.title,
        description=found.description,
        category=found.category,
        body=found.body,
        variables=[
            templates_pb2.TemplateVariable(
                name=one.name,
                type=_NUMBERS[one.type],
                description=one.description,
                required=one.required,
                default_value=one.default_value,
                choices=one.choices,
            )
            for one in found.variables
        ],
        user_id=found.user,
        source_conversation_id=found.source_conversation_id,
        create_time=None if found.create_time is None else timestamp(found.create_time),
        update_time=None if found.update_time is None else timestamp(found.update_time),
        etag=found.etag,
    )


def change_of(
    request: template_service_pb2.UpdateTemplateRequest,
) -> Callable[[Template], Template]:
    """What an update makes of a template. Raises InvalidArgument for a field that never changes."""
    sent = template(request.template)
    named = set(request.update_mask.paths)
    wrong = sorted(named - {*CHANGEABLE, "*"})
    if wrong:
        raise InvalidArgument.of(
            "update_mask",
            f'names "{wrong[0][:64]}"; what changes is {", ".join(CHANGEABLE)}, or * for all',
        )
    if not request.HasField("update_mask") or not named:
        named = {name for name in CHANGEABLE if getattr(sent, name)}
    elif "*" in named:
        named = set(CHANGEABLE)
    values: dict[str, Any] = {name: getattr(sent, name) for name in named}
    return lambda stored: replace(stored, **values)


def required_id(template_id: str) -> str:
    """The id of what is to be changed. Raises InvalidArgument where there is none."""
    if not template_id:
        raise InvalidArgument.of(
            "template.template_id", "is required", reason=Reason.REQUIRED_FIELD_MISSING
        )
    return template_id
