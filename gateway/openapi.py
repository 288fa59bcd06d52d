"""The contract's HTTP side as an OpenAPI 3.1 document.

Made from descriptors with their comments; names, numbers and times are as the gateway's transcoder
writes them (protobuf's JSON, names as in the protos). No generator that installs without Go knows
Server-Sent Events, which is how the transcoder is set to stream.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

Schema = dict[str, Any]

PACKAGE = "enhanced_prompt.v1"
EVENT = "x-event-schema"
"""Beside a stream's media type: the schema of the JSON in each event's data."""
_HTTP_BODY = ".google.api.HttpBody"
_DEPTH = 3  # of messages inside of messages whose fields a query string may set

_SCALARS: dict[int, Schema] = {
    FieldDescriptorProto.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptorProto.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptorProto.TYPE_INT64: {"type": "string", "pattern": "^-?[0-9]+$"},
    FieldDescriptorProto.TYPE_UINT64: {"type": "string", "pattern": "^[0-9]+$"},
    FieldDescriptorProto.TYPE_FIXED64: {"type": "string", "pattern": "^[0-9]+$"},
    FieldDescriptorProto.TYPE_SFIXED64: {"type": "string", "pattern": "^-?[0-9]+$"},
    FieldDescriptorProto.TYPE_SINT64: {"type": "string", "pattern": "^-?[0-9]+$"},
    FieldDescriptorProto.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_SINT32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_SFIXED32: {"type": "integer", "format": "int32"},
    FieldDescriptorProto.TYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptorProto.TYPE_FIXED32: {"type": "integer", "minimum": 0},
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_WELL_KNOWN: dict[str, Schema] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
    ".google.protobuf.FieldMask": {"type": "string"},
    ".google.protobuf.Struct": {"type": "object"},
    ".google.protobuf.Value": {},
    ".google.protobuf.ListValue": {"type": "array"},
    ".google.protobuf.Empty": {"type": "object"},
    ".google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
    },
    ".google.protobuf.DoubleValue": {"type": "number"},
    ".google.protobuf.Int32Value": {"type": "integer"},
    ".google.protobuf.Int64Value": {"type": "string"},
    ".google.protobuf.BoolValue": {"type": "boolean"},
    ".google.protobuf.StringValue": {"type": "string"},
}
_ERROR: Schema = {
    "type": "object",
    "description": "google.rpc.Status of what the service refuses, with its details (ErrorInfo, "
    "BadRequest, RetryInfo, …); or, with `reason`, what the gateway itself refuses.",
    "properties": {
        "code": {"type": "integer", "description": "gRPC's code, or the gateway's HTTP status."},
        "message": {"type": "string"},
        "reason": {"type": "string"},
        "details": {"type": "array", "items": _WELL_KNOWN[".google.protobuf.Any"]},
    },
    "required": ["code", "message"],
}


@dataclass(frozen=True, slots=True)
class _Binding:
    verb: str
    path: str
    body: str
    response_body: str


class _Contract:
    """Messages, enums and comments by full name (with the leading dot that protobuf gives them)."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self.messages: dict[str, DescriptorProto] = {}
        self.enums: dict[str, EnumDescriptorProto] = {}
        self.comments: dict[str, str] = {}
        self.services: list[tuple[str, list[MethodDescriptorProto]]] = []
        for file in files.file:
            said = {
                tuple(one.path): _plain(one.leading_comments)
                for one in file.source_code_info.location
                if one.leading_comments
            }
            prefix = f".{file.package}"
            for number, message in enumerate(file.message_type):
                self._message(prefix, message, (4, number), said)
            for number, enum in enumerate(file.enum_type):
                self._enum(prefix, enum, (5, number), said)
            if file.package != PACKAGE:
                continue
            for number, service in enumerate(file.service):
                self.services.append((service.name, list(service.method)))
                self.comments[service.name] = said.get((6, number), "")
                for index, method in enumerate(service.method):
                    name = f"{service.name}.{method.name}"
                    self.comments[name] = said.get((6, number, 2, index), "")
        self.services.sort()

    def _message(
        self,
        prefix: str,
        message: DescriptorProto,
        at: tuple[int, ...],
        said: dict[tuple[int, ...], str],
    ) -> None:
        name = f"{prefix}.{message.name}"
        self.messages[name] = message
        self.comments[name] = said.get(at, "")
        for number, field in enumerate(message.field):
            self.comments[f"{name}.{field.name}"] = said.get((*at, 2, number), "")
        for number, nested in enumerate(message.nested_type):
            self._message(name, nested, (*at, 3, number), said)
        for number, enum in enumerate(message.enum_type):
            self._enum(name, enum, (*at, 4, number), said)

    def _enum(
        self,
        prefix: str,
        enum: EnumDescriptorProto,
        at: tuple[int, ...],
        said: dict[tuple[int, ...], str],
    ) -> None:
        name = f"{prefix}.{enum.name}"
        self.enums[name] = enum
        self.comments[name] = said.get(at, "")
        for number, value in enumerate(enum.value):
            self.comments[f"{name}.{value.name}"] = said.get((*at, 2, number), "")


def openapi(descriptors: bytes, version: str) -> str:
    """The document, JSON. `descriptors` is a FileDescriptorSet with its imports and source info."""
    made = _Document(_Contract(FileDescriptorSet.FromString(descriptors)))
    return json.dumps(made.whole(version), indent=1, ensure_ascii=False) + "\n"


class _Document:
    def __init__(self, contract: _Contract) -> None:
        self._contract = contract
        self._schemas: dict[str, Schema] = {"Error": _ERROR}

    def whole(self, version: str) -> Schema:
        paths: dict[str, Schema] = {}
        tags: list[Schema] = []
        for service, methods in self._contract.services:
            tags.append({"name": service, "description": self._contract.comments[service]})
            for method in methods:
                for number, binding in enumerate(_bindings(method)):
                    operation = self._operation(service, method, binding, number)
                    paths.setdefault(binding.path, {})[binding.verb] = operation
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Enhanced Prompt Service",
                "version": version,
                "description": "Ask what cameras saw, in plain language. The HTTP side of the gRPC "
                "contract, as the gateway serves it.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"token": []}, {"key": []}, {}],
            "tags": tags,
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }

    def _operation(
        self, service: str, method: MethodDescriptorProto, binding: _Binding, number: int
    ) -> Schema:
        said = self._contract.comments[f"{service}.{method.name}"]
        in_path = re.findall(r"{([^}=]+)[^}]*}", binding.path)
        operation: Schema = {
            "operationId": f"{service}_{method.name}" + (f"_{number + 1}" if number else ""),
            "tags": [service],
            "summary": _first_sentence(said),
            "description": said,
        }
        parameters = [
            {"name": name, "in": "path", "required": True, **self._parameter(method, name)}
            for name in in_path
        ]
        if binding.body != "*":
            parameters += [
                {"name": name, "in": "query", **described}
                for name, described in self._query(method.input_type, "", binding.body)
                if name not in in_path
            ]
        if parameters:
            operation["parameters"] = parameters
        if binding.body:
            operation["requestBody"] = {"required": True, "content": self._body(method, binding)}
        operation["responses"] = {
            "200": {"description": "What was asked for.", "content": self._answer(method, binding)},
            "default": {
                "description": "What was refused, and why.",
                "content": {"application/json": {"schema": _ref("Error")}},
            },
        }
        return operation

    def _body(self, method: MethodDescriptorProto, binding: _Binding) -> Schema:
        if binding.body == "*":
            return {"application/json": {"schema": self._named(method.input_type)}}
        [field] = [
            one
            for one in self._contract.messages[method.input_type].field
            if one.name == binding.body
        ]
        if field.type_name == _HTTP_BODY:  # the bytes as they are, and their content type
            return {"*/*": {"schema": {}}}
        return {"application/json": {"schema": self._named(field.type_name)}}

    def _answer(self, method: MethodDescriptorProto, binding: _Binding) -> Schema:
        if binding.response_body:  # a field of the answer is the whole of it
            [field] = [
                one
                for one in self._contract.messages[method.output_type].field
                if one.name == binding.response_body
            ]
            if field.type_name == _HTTP_BODY:
                return {"*/*": {"schema": {}}}
            return {"application/json": {"schema": self._shaped(field)}}
        if method.output_type == _HTTP_BODY:  # its servicer chooses form and content type
            whole: Schema = {"application/json": {"schema": {}}}
            events: Schema = {"text/event-stream": {"schema": {"type": "string"}}}
            return events | whole if method.server_streaming else whole
        if not method.server_streaming:
            return {"application/json": {"schema": self._named(method.output_type)}}
        name = _short(method.output_type)
        return {
            "text/event-stream": {
                "schema": {
                    "type": "string",
                    "description": f"Events `data: …`, each the JSON of one {name}.",
                },
                EVENT: self._named(method.output_type),
            }
        }

    def _parameter(self, method: MethodDescriptorProto, path: str) -> Schema:
        """Schema and description of the field that a dotted path leads to."""
        owner = method.input_type
        *outer, last = path.split(".")
        for name in outer:
            [field] = [one for one in self._contract.messages[owner].field if one.name == name]
            owner = field.type_name
        [field] = [one for one in self._contract.messages[owner].field if one.name == last]
        return self._described(owner, field)

    def _described(self, owner: str, field: FieldDescriptorProto) -> Schema:
        found: Schema = {"schema": self._bare(field)}
        if said := self._contract.comments[f"{owner}.{field.name}"]:
            found["description"] = said
        return found

    def _query(
        self, owner: str, prefix: str, body: str, depth: int = 0
    ) -> Iterator[tuple[str, Schema]]:
        """What a query string may set: scalars, lists of them, and those of messages inside."""
        for field in self._contract.messages[owner].field:
            name = f"{prefix}{field.name}"
            if not prefix and field.name == body:
                continue
            if field.type != field.TYPE_MESSAGE or field.type_name in _WELL_KNOWN:
                described = self._described(owner, field)
                if field.label == field.LABEL_REPEATED:
                    described["schema"] = {"type": "array", "items": described["schema"]}
                required = {"required": True} if _is(field, "REQUIRED") else {}
                yield name, required | described
            elif field.label != field.LABEL_REPEATED and depth < _DEPTH:
                yield from self._query(field.type_name, f"{name}.", body, depth + 1)

    def _named(self, full: str) -> Schema:
        """A reference to a message's schema, which is made the first time."""
        name = _short(full)
        if name not in self._schemas:
            self._schemas[name] = {}  # a message may hold itself
            self._schemas[name] = self._message(full)
        return _ref(name)

    def _message(self, full: str) -> Schema:
        message = self._contract.messages[full]
        made: Schema = {"type": "object"}
        if said := self._contract.comments[full]:
            made["description"] = said
        properties = {one.name: self._property(full, one) for one in message.field}
        if properties:
            made["properties"] = properties
        if required := [one.name for one in message.field if _is(one, "REQUIRED")]:
            made["required"] = required
        if choices := _choices(message):
            made["allOf"] = [_at_most_one(names) for names in choices]
        return made

    def _property(self, owner: str, field: FieldDescriptorProto) -> Schema:
        made = self._shaped(field)
        extra: Schema = {}
        if said := self._contract.comments[f"{owner}.{field.name}"]:
            extra["description"] = said
        if _is(field, "OUTPUT_ONLY"):
            extra["readOnly"] = True
        if field.options.deprecated:
            extra["deprecated"] = True
        return {**made, **extra}

    def _shaped(self, field: FieldDescriptorProto) -> Schema:
        """With its map or list around it."""
        if field.label != field.LABEL_REPEATED:
            return self._bare(field)
        entry = self._contract.messages.get(field.type_name)
        if entry is not None and entry.options.map_entry:
            return {"type": "object", "additionalProperties": self._bare(entry.field[1])}
        return {"type": "array", "items": self._bare(field)}

    def _bare(self, field: FieldDescriptorProto) -> Schema:
        if field.type == field.TYPE_ENUM:
            return self._enum(field.type_name)
        if field.type == field.TYPE_MESSAGE:
            known = _WELL_KNOWN.get(field.type_name)
            return self._named(field.type_name) if known is None else dict(known)
        return dict(_SCALARS[field.type])

    def _enum(self, full: str) -> Schema:
        name = _short(full)
        if full == ".google.protobuf.NullValue":
            return {"type": "null"}
        if name not in self._schemas:
            enum, said = self._contract.enums[full], self._contract.comments
            values = [f"- {said[f'{full}.{one.name}'] or one.name}" for one in enum.value]
            self._schemas[name] = {
                "type": "string",
                "description": "\n".join([said[full], "", *values]),
                "enum": [one.name for one in enum.value],
            }
        return _ref(name)


def _bindings(method: MethodDescriptorProto) -> Iterator[_Binding]:
    if not method.options.HasExtension(annotations_pb2.http):
        return
    rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    for one in (rule, *rule.additional_bindings):
        verb = str(one.WhichOneof("pattern"))
        yield _Binding(verb, getattr(one, verb), one.body, one.response_body)


def _choices(message: DescriptorProto) -> list[list[str]]:
    """Names of the fields of each oneof; an `optional` field is none."""
    found: dict[int, list[str]] = {}
    for field in message.field:
        if field.HasField("oneof_index") and not field.proto3_optional:
            found.setdefault(field.oneof_index, []).append(field.name)
    return [names for names in found.values() if len(names) > 1]


def _at_most_one(names: Sequence[str]) -> Schema:
    each: list[Schema] = [{"required": [one]} for one in names]
    return {"oneOf": [*each, {"not": {"anyOf": each}}]}


def _is(field: FieldDescriptorProto, behavior: str) -> bool:
    said: Sequence[int] = field.options.Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.FieldBehavior.Value(behavior) in said


def _short(full: str) -> str:
    return full.removeprefix(f".{PACKAGE}.").removeprefix(".")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _plain(comment: str) -> str:
    """Lines of a comment without what only linters read, paragraphs kept."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    kept = [line for line in lines if not line.startswith(("buf:lint", "(--"))]
    paragraphs = "\n".join(kept).split("\n\n")
    return "\n\n".join(one.replace("\n", " ") for one in paragraphs)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:;])\s", text, maxsplit=1)[0].rstrip(":;")
