"""grpcurl, with nothing but an address: lists, describes and calls every service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from enhanced_prompt_service.app import App, create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.rpc.server import contract_services
from tests.support.require import program

CALLS = {
    "PromptService": ("Answer", '{"query": "what happened today?"}', "completed"),
    "HistoryService": ("ListConversations", "{}", "{"),
    "ConsentService": ("GetConsent", "{}", "CONSENT_STATE_NOT_GIVEN"),
    "EventService": ("ListEvents", "{}", "{"),
    "SiteService": ("ListSites", "{}", "{"),
    "InsightService": ("ListInsights", "{}", "{"),
    "TemplateService": ("ListTemplates", "{}", "{"),
    "MetricsService": ("GetMetrics", "{}", "replicas"),
    "CompatService": ("GetChatbotHealth", "{}", "application/json"),
}
"""An RPC of each service, what to send, and what its answer says."""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with create_app(Settings(home=tmp_path / "home", port=0)) as running:
        yield running


async def grpcurl(*arguments: str) -> str:
    """What grpcurl prints, on either stream."""
    process = await asyncio.create_subprocess_exec(
        str(program("grpcurl")),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode()


def test_every_service_of_the_contract_has_a_call_here() -> None:
    assert set(CALLS) == {service.name for service in contract_services()}


async def test_every_service_is_listed_described_and_called(app: App) -> None:
    listed = (await grpcurl("-plaintext", app.address, "list")).split()
    for service in contract_services():
        assert service.full_name in listed
        described = await grpcurl("-plaintext", app.address, "describe", service.full_name)
        assert all(f"rpc {method.name} " in described for method in service.methods)
        rpc, request, says = CALLS[service.name]
        name = f"{service.full_name}/{rpc}"
        assert says in await grpcurl("-plaintext", "-d", request, app.address, name), name
