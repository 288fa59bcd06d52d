"""docs/migration.md names only what is there, and all that older clients had."""

from __future__ import annotations

import re

from google.api import annotations_pb2

from enhanced_prompt_service.domain.levels import StreamEvent
from enhanced_prompt_service.rpc.server import contract_services
from tests.support.binaries import ROOT

TEXT = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")


def _bindings() -> dict[str, set[tuple[str, str]]]:
    """Verb and path of every RPC, by service."""
    found: dict[str, set[tuple[str, str]]] = {}
    for service in contract_services():
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for one in (rule, *rule.additional_bindings):
                if kind := one.WhichOneof("pattern"):
                    pair = kind.upper(), getattr(one, kind)
                    found.setdefault(service.name, set()).add(pair)
    return found


def test_every_path_that_it_sends_people_to_is_one_of_the_contract() -> None:
    known = set().union(*_bindings().values())
    named = set(re.findall(r"`(GET|POST) (/v1/[^`]*)`", TEXT))
    assert len(named) > 5
    assert named <= known


def test_every_path_that_is_answered_as_before_is_named() -> None:
    for _, path in _bindings()["CompatService"]:
        assert path.rpartition("/")[2] in TEXT, path


def test_every_rpc_that_it_names_is_one_of_the_contract() -> None:
    known = {f"{one.name}.{rpc.name}" for one in contract_services() for rpc in one.methods}
    named = set(re.findall(r"`([A-Z][A-Za-z]+Service\.[A-Z][A-Za-z]+)`", TEXT))
    assert named
    assert named <= known


def test_every_event_of_a_stream_is_explained() -> None:
    for kind in (*StreamEvent, "complete", "error"):
        assert f'"type": "{kind}"' in TEXT
