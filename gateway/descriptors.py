"""The contract as Envoy's transcoder reads it: a `FileDescriptorSet` with all that it imports."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2

import enhanced_prompt.v1


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

    for module in sorted(one.name for one in pkgutil.iter_modules(enhanced_prompt.v1.__path__)):
        if module.endswith("_pb2"):
            add(importlib.import_module(f"enhanced_prompt.v1.{module}").DESCRIPTOR)
    add(status_pb2.DESCRIPTOR)
    add(error_details_pb2.DESCRIPTOR)
    return found.SerializeToString(deterministic=True)


def service_names() -> list[str]:
    """Full names of the contract's services, sorted."""
    files = FileDescriptorSet.FromString(descriptor_set()).file
    return sorted(
        f"{file.package}.{service.name}"
        for file in files
        for service in file.service
        if file.package == enhanced_prompt.v1.__name__
    )
