"""The whole language of templates: text, and `{{name}}` where a value goes.

Nothing is looked up, called or evaluated: a body is cut at its variables once, from left to right,
and what a value holds is never read again. So rendering takes linear time, its size is known before
it is made, and there is nothing to escape from. (Why no template engine: docs/decisions.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from .errors import FieldViolation, InvalidArgument, Reason
from .templates import MAX_PROMPT, MAX_VARIABLES, Template, Variable, VariableType

_OPENING = "{{"
_VARIABLE = re.compile(r"\{\{[ \t]*([A-Za-z][A-Za-z0-9_]{0,63})[ \t]*\}\}", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_NOTATION = {
    VariableType.INTEGER: 'a whole number of at most 18 digits, such as "3"',
    VariableType.NUMBER: 'a finite number, such as "0.5"',
    VariableType.BOOLEAN: '"true" or "false"',
    VariableType.TIME: 'an instant in RFC 3339, such as "2018-03-15T14:00:00-04:00"',
}
_MOST_NAMED = 10  # names that one message lists


def pieces(body: str) -> Iterator[tuple[str, str]]:
    """A body as (text, name of the variable behind it), the last one without a name.

    Raises InvalidArgument (TEMPLATE_INVALID, field `body`) where "{{" begins no variable.
    """
    at = 0
    while (opening := body.find(_OPENING, at)) >= 0:
        found = _VARIABLE.match(body, opening)
        if found is None:
            raise _invalid(
                "body",
                f'"{_OPENING}" at character {opening + 1:,} begins no variable: write it as '
                "{{name}}, a letter first, then letters, digits and _",
            )
        yield body[at:opening], found.group(1)
        at = found.end()
    yield body[at:], ""


def names_in(body: str) -> tuple[str, ...]:
    """Different variables of a body, in the order in which they come. Raises as `pieces`."""
    return tuple(dict.fromkeys(name for _, name in pieces(body) if name))


def plain(text: str) -> str:
    """A text as a body that means exactly it: what would begin a variable is set apart."""
    while _OPENING in text:
        text = text.replace(_OPENING, "{ {")
    return text


def checked(template: Template) -> Template:
    """The template, with variables made from its body where it has none.

    Raises InvalidArgument (TEMPLATE_INVALID) with everything in which body and variables do not
    fit.
    """
    used = names_in(template.body)
    if not template.variables:
        if len(used) > MAX_VARIABLES:
            raise _invalid("body", f"has {len(used):,} variables, at most {MAX_VARIABLES} may be")
        return replace(template, variables=tuple(Variable(one, required=True) for one in used))
    found: list[FieldViolation] = []
    seen: set[str] = set()
    for index, one in enumerate(template.variables):
        path = f"variables[{index}]"
        if one.name in seen:
            found.append(FieldViolation(f"{path}.name", "names of variables must differ"))
        seen.add(one.name)
        found += _wrong(one, path)
    missing = [one for one in used if one not in seen]
    if missing:
        found.append(FieldViolation("body", f"names {_listed(missing)}, not among variables"))
    if found:
        raise InvalidArgument(found, reason=Reason.TEMPLATE_INVALID)
    return template


def _wrong(variable: Variable, path: str) -> Iterator[FieldViolation]:
    if variable.type is VariableType.CHOICE and not variable.choices:
        yield FieldViolation(f"{path}.choices", "a CHOICE needs at least one")
    if variable.type is not VariableType.CHOICE and variable.choices:
        yield FieldViolation(f"{path}.choices", "only a CHOICE has choices")
    if variable.default_value:
        # Cameras come and go: whether this one is there is asked when the template is rendered.
        wrong = _wrong_value(variable, variable.default_value, None)
        if wrong:
            yield FieldViolation(f"{path}.default_value", wrong)


def needs_cameras(template: Template) -> bool:
    """Whether rendering it needs to know the catalogue."""
    return any(one.type is VariableType.CAMERA for one in template.variables)


def render(
    template: Template, values: Mapping[str, str], cameras: Collection[str] | None = None
) -> str:
    """The prompt. `cameras` are the ids of the catalogue.

    Raises InvalidArgument (TEMPLATE_VARIABLE_INVALID), naming every variable that is unknown,
    missing or not in the notation of its type, or where the prompt would be too long.
    """
    known = {one.name: one for one in template.variables}
    found: list[FieldViolation] = []
    unknown = [one for one in values if one not in known]
    for name in unknown[:MAX_VARIABLES]:
        has = f"it has {_listed(known)}" if known else "it has none"
        found.append(_value_violation(name, f"the template has no such variable: {has}"))
    filled: dict[str, str] = {}
    for one in template.variables:
        value = values.get(one.name)
        if one.required and not value:
            found.append(_value_violation(one.name, "is required"))
            continue
        if value is None:
            value = one.default_value
            wrong = _wrong_value(one, value, cameras) if value else ""
        else:
            wrong = _wrong_value(one, value, cameras)
        if wrong:
            found.append(_value_violation(one.name, wrong))
        filled[one.name] = value
    if found:
        raise InvalidArgument(found, reason=Reason.TEMPLATE_VARIABLE_INVALID)
    return _joined(template.body, filled)


def _joined(body: str, filled: Mapping[str, str]) -> str:
    parts: list[str] = []
    size = 0
    for text, name in pieces(body):
        for part in (text, filled[name] if name else ""):
            parts.append(part)
            size += len(part)
        if size > MAX_PROMPT:
            raise InvalidArgument.of(
                "variables",
                f"make a prompt of more than {MAX_PROMPT:,} characters",
                reason=Reason.TEMPLATE_VARIABLE_INVALID,
            )
    return "".join(parts)


def _wrong_value(variable: Variable, value: str, cameras: Collection[str] | None) -> str:
    """What is wrong with a value; "" where nothing is. No cameras: any may be one."""
    match variable.type:
        case VariableType.TEXT:
            return ""
        case VariableType.CAMERA:
            there = bool(value) if cameras is None else value in cameras
            return "" if there else f"{_quoted(value)} is the id of no camera of the catalogue"
        case VariableType.CHOICE:
            if value in variable.choices:
                return ""
            return f"{_quoted(value)} is none of {_listed(variable.choices)}"
        case VariableType.INTEGER:
            right = _INTEGER.fullmatch(value) is not None
        case VariableType.NUMBER:
            right = len(value) <= 64 and _NUMBER.fullmatch(value) is not None
            right = right and math.isfinite(float(value))
        case VariableType.BOOLEAN:
            right = value in ("true", "false")
        case VariableType.TIME:
            right = _is_time(value)
    return "" if right else f"{_quoted(value)} is not {_NOTATION[variable.type]}"


def _is_time(value: str) -> bool:
    if _TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value.upper())
    except ValueError:
        return False
    return True


def _value_violation(name: str, why: str) -> FieldViolation:
    return FieldViolation(f'variables["{name[:64]}"]', why)


def _invalid(field: str, why: str) -> InvalidArgument:
    return InvalidArgument.of(field, why, reason=Reason.TEMPLATE_INVALID)


def _listed(names: Iterable[str]) -> str:
    every = [_quoted(one) for one in names]
    more = f" and {len(every) - _MOST_NAMED:,} more" if len(every) > _MOST_NAMED else ""
    return ", ".join(every[:_MOST_NAMED]) + more


def _quoted(text: str) -> str:
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
