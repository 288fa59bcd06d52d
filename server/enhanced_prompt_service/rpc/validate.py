"""Checks every request against what its descriptor says, before any handler sees it.

REQUIRED (`google.api.field_behavior`) and the limits of `validation.proto` stand in the contract,
so nobody writes them twice: a plan is compiled once a message type and walks only fields that can
be wrong. Beyond the marks it refuses what proto3 lets through and no handler could mean: numbers
that an enum does not have, NaN and infinity, times outside of years 1 to 9999. All violations are
found at once, each with its path (`filter.cameras[3]`) and the limit that it broke.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from google.api import field_behavior_pb2  # pyright: ignore[reportMissingTypeStubs]
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from enhanced_prompt.v1 import validation_pb2

from ..domain.errors import FieldViolation, InvalidArgument, Reason
from ._limits import (
    Found,
    ValueCheck,
    add,
    byte_size,
    count_check,
    duration_check,
    enum_check,
    missing,
    number_check,
    size_check,
    string_check,
    sum_check,
    timestamp_check,
)

_field_behavior: Any = field_behavior_pb2.field_behavior
_REQUIRED: Any = field_behavior_pb2.REQUIRED
_OUTPUT_ONLY: Any = field_behavior_pb2.OUTPUT_ONLY
MAX_VIOLATIONS = 100
_MASK = "update_mask"

Step: TypeAlias = Callable[[Any, str, Found], None]
"""Looks at one field of a message; the path ends in "." or is empty."""


class Validator:
    """Plans by message type. One of them serves a whole server.

    `apart` names message types that are not looked into: their values are judged one by one by
    somebody else (events of a batch, of which the good ones are kept).
    """

    def __init__(self, apart: Sequence[str] = ()) -> None:
        self._apart = frozenset(apart)
        self._plans: dict[str, list[Step]] = {}

    def check(self, message: Message) -> None:
        """Raises InvalidArgument with every violation of the message."""
        found = self.violations(message)
        if found:
            raise InvalidArgument([violation for _, violation in found], reason=found[0][0])

    def violations(self, message: Message) -> Found:
        """Reason and violation of everything that is wrong, in the order of the fields."""
        found: Found = []
        for step in self._plan(cast(Any, message.DESCRIPTOR)):
            step(message, "", found)
        if found and _MASK in message.DESCRIPTOR.fields_by_name:
            return [one for one in found if not _left_out(message, *one)]
        return found

    def check_for(self, message: type[Message]) -> Callable[[Message], None] | None:
        """The check of one type, compiled now; None where nothing of it can be wrong."""
        return self.check if self._plan(cast(Any, message.DESCRIPTOR)) else None

    def _plan(self, descriptor: Descriptor) -> list[Step]:
        name = descriptor.full_name
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = []  # in place first: a message may contain itself
            plan.extend(step for one in descriptor.fields if (step := self._step(one)))
        return plan

    def _step(self, field: FieldDescriptor) -> Step | None:
        if _OUTPUT_ONLY in _option(field, _field_behavior):
            return None  # ignored in requests
        limits = _limits(field)
        required = _is_required(field)
        if _is_map(field):
            return _map_step(field, limits, required, self._map_value_check(field, limits))
        value = self._value_check(field, limits)
        if field.is_repeated:
            return _repeated_step(field, limits, required, value)
        if field.has_presence:
            return _present_step(field, required, value)
        return _plain_step(field, required, value)

    def _map_value_check(self, field: FieldDescriptor, limits: Any) -> ValueCheck | None:
        assert field.message_type is not None
        return self._value_check(field.message_type.fields_by_name["value"], limits)

    def _value_check(self, field: FieldDescriptor, limits: Any) -> ValueCheck | None:
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_MESSAGE:
            return self._message_check(field, limits)
        if kind == FieldDescriptor.CPPTYPE_STRING:
            if field.type == FieldDescriptor.TYPE_BYTES:
                return size_check(limits, len) if limits.HasField("max_bytes") else None
            return string_check(limits)
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return enum_check(field)
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return None
        floating = kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
        return number_check(limits, floating=floating)

    def _message_check(self, field: FieldDescriptor, limits: Any) -> ValueCheck | None:
        descriptor = field.message_type
        assert descriptor is not None
        size = size_check(limits, byte_size) if limits.HasField("max_bytes") else None
        name = descriptor.full_name
        if field.is_repeated:
            size = None  # there max_bytes is of the sum
        if name in self._apart:
            return size
        if name == "google.protobuf.Timestamp":
            return timestamp_check
        if name == "google.protobuf.Duration":
            return duration_check
        if name.startswith("google.protobuf."):
            return size
        plan = self._plan(descriptor)

        def check(value: Any, path: str, found: Found) -> None:
            if size is not None:
                size(value, path, found)
            inside = path + "."
            for step in plan:
                step(value, inside, found)

        return check


# ---- steps: one field of a message --------------------------------------------------------------


def _plain_step(field: FieldDescriptor, required: bool, value: ValueCheck | None) -> Step | None:
    """A field without presence: its zero means "not set"."""
    name = field.name
    if required:

        def required_step(message: Any, path: str, found: Found) -> None:
            held = getattr(message, name)
            if not held:
                missing(path + name, found)
            elif value is not None:
                value(held, path + name, found)

        return required_step
    if value is None:
        return None

    def step(message: Any, path: str, found: Found) -> None:
        value(getattr(message, name), path + name, found)

    return step


def _present_step(field: FieldDescriptor, required: bool, value: ValueCheck | None) -> Step | None:
    """A field that knows whether it was set: a message, an `optional`, a member of a oneof."""
    name = field.name
    if not required and value is None:
        return None

    def step(message: Any, path: str, found: Found) -> None:
        if message.HasField(name):
            if value is not None:
                value(getattr(message, name), path + name, found)
        elif required:
            missing(path + name, found)

    return step


def _repeated_step(
    field: FieldDescriptor, limits: Any, required: bool, value: ValueCheck | None
) -> Step | None:
    name = field.name
    count = count_check(limits, "element")
    unique: bool = limits.unique
    largest: int | None = limits.max_bytes if limits.HasField("max_bytes") else None
    if not required and value is None and count is None and not unique and largest is None:
        return None

    def step(message: Any, path: str, found: Found) -> None:
        items = getattr(message, name)
        number = len(items)
        if not number and required:
            missing(path + name, found)
            return
        if count is not None and count(number, path + name, found):
            return  # nobody reads a thousand violations of one field
        if not number:
            return
        if largest is not None:
            sum_check(sum(map(byte_size, items)), largest, path + name, found)
        if unique and len(set(items)) < number:
            add(found, Reason.INVALID_FORMAT, path + name, "elements must differ from each other")
        if value is not None:
            for index, item in enumerate(items):
                value(item, f"{path}{name}[{index}]", found)
                if len(found) >= MAX_VIOLATIONS:
                    return

    return step


def _map_step(
    field: FieldDescriptor, limits: Any, required: bool, value: ValueCheck | None
) -> Step | None:
    name = field.name
    count = count_check(limits, "entry")
    longest: int | None = limits.max_key_length if limits.HasField("max_key_length") else None
    pattern = re.compile(limits.key_pattern, re.ASCII) if limits.key_pattern else None
    largest: int | None = limits.max_bytes if limits.HasField("max_bytes") else None

    def step(message: Any, path: str, found: Found) -> None:
        entries = getattr(message, name)
        number = len(entries)
        if not number and required:
            missing(path + name, found)
            return
        if count is not None and count(number, path + name, found):
            return
        total = 0
        for key in entries:
            where = f'{path}{name}["{str(key)[:64]}"]'
            held = entries[key]
            if key == "":
                add(found, Reason.INVALID_FORMAT, where, "a key must not be empty")
            elif longest is not None and len(key) > longest:
                add(
                    found,
                    Reason.LIMIT_EXCEEDED,
                    where,
                    f"a key has at most {longest:,} characters, this one {len(key):,}",
                )
            elif "\0" in str(key):
                add(found, Reason.INVALID_FORMAT, where, "a key must not hold the character NUL")
            elif pattern is not None and pattern.fullmatch(key) is None:
                add(found, Reason.INVALID_FORMAT, where, f"a key must match {pattern.pattern}")
            if value is not None:
                value(held, where, found)
            if largest is not None:
                total += byte_size(key) + byte_size(held)
            if len(found) >= MAX_VIOLATIONS:
                return
        if largest is not None:
            sum_check(total, largest, path + name, found)

    return step


def _left_out(message: Any, reason: Reason, violation: FieldViolation) -> bool:
    """Whether only a field is missing that a partial update (AIP-134) does not mean to change."""
    if reason is not Reason.REQUIRED_FIELD_MISSING:
        return False
    resource, _, name = violation.field.partition(".")
    named = set(getattr(message, _MASK).paths)
    return bool(resource and name) and "." not in name and named.isdisjoint({name, "*"})


# ---- descriptors --------------------------------------------------------------------------------


def _limits(field: FieldDescriptor) -> Any:
    return _option(field, validation_pb2.limits)


def _is_required(field: FieldDescriptor) -> bool:
    return _REQUIRED in _option(field, _field_behavior)


def _option(field: FieldDescriptor, extension: Any) -> Any:
    extensions: Any = field.GetOptions().Extensions
    return extensions[extension]


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return field.is_repeated and kind is not None and bool(kind.GetOptions().map_entry)
