"""The contract as the gateway reads it: a `FileDescriptorSet` with all that it imports, and which
HTTP request is which method."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

import enhanced_prompt.v1


@dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP request of a method, after its `google.api.http` annotation.

    Attributes:
        verb: "GET", "POST" and so on.
        path: The template, such as "/v1/turns/{turn_id}:watch".
        body: The field that the body is, "*" for the whole message, "" for none.
    """

    verb: str
    path: str
    body: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract.

    Attributes:
        service: Full name of its service.
        name: Its own.
        bindings: The annotation's own request first; none for methods that only gRPC has.
        descriptor: protobuf's own, with types and options.
    """

    service: str
    name: str
    bindings: tuple[Binding, ...]
    descriptor: Any

    @property
    def path(self) -> str:
        """As gRPC calls it."""
        return f"/{self.service}/{self.name}"

    @property
    def safe(self) -> bool:
        """Whether the contract says that calling it changes nothing: a GET (RFC 9110, 9.2.1)."""
        return bool(self.bindings) and self.bindings[0].verb == "GET"


def descriptor_set() -> bytes:
    """Every file of the contract behind those that it imports, serialised; always the same.

    And the details of errors, which no file imports: without them the transcoder answers errors
    with an empty body.
    """
    found = FileDescriptorSet()
    seen: set[str] = set()

    def add(file: Any) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        for imported in file.dependencies:
            add(imported)
        file.CopyToProto(found.file.add())

    for file in _files():
        add(file)
    add(status_pb2.DESCRIPTOR)
    add(error_details_pb2.DESCRIPTOR)
    return found.SerializeToString(deterministic=True)


def methods() -> Iterator[Method]:
    """Every method of the contract, services by name, methods in the order of their files."""
    services = {
        service.full_name: service
        for file in _files()
        for service in file.services_by_name.values()
    }
    for name in sorted(services):
        for method in services[name].methods:
            yield Method(name, method.name, tuple(_bindings(method)), method)


def service_names() -> list[str]:
    """Full names of the contract's services, sorted."""
    return sorted({one.service for one in methods()})


def _files() -> Iterator[Any]:
    for module in sorted(one.name for one in pkgutil.iter_modules(enhanced_prompt.v1.__path__)):
        if module.endswith("_pb2"):
            yield importlib.import_module(f"enhanced_prompt.v1.{module}").DESCRIPTOR


def _bindings(method: Any) -> Iterator[Binding]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    for one in (rule, *rule.additional_bindings):
        verb = str(one.WhichOneof("pattern"))
        yield Binding(verb.upper(), getattr(one, verb), one.body)
