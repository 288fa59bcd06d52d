"""The real application with models of a scripted provider in front of its engine, and its site."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt.v1 import prompt_service_pb2_grpc, turns_pb2
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.catalogue import Camera, Site
from enhanced_prompt_service.domain.events import Coverage, CoverageState, Event
from enhanced_prompt_service.domain.identity import Caller
from tests.integration.conftest import Start
from tests.support.openai_server import OpenAIServer

NOW = datetime(2018, 3, 15, 20, tzinfo=UTC)
"""16:00 in New York, the site's time."""
ZONE = "America/New_York"
GATE = "GATE-1"
DOCK = "DOCK-1"
HASTY: dict[str, Any] = {
    "model_first_token_s": 1.0,
    "model_idle_s": 1.0,
    "model_call_s": 2.0,
}
"""For providers that hang; patience with the others is for machines that are busy."""
USUAL: dict[str, Any] = {
    "clock": NOW,
    "time_zone": ZONE,
    "drain_s": 1,
}


def site(gate_name: str = "Gate camera") -> Site:
    """A gate and a dock."""
    cameras = (Camera(GATE, gate_name), Camera(DOCK, "Dock camera"))
    return Site("yard", ZONE, "Yard", cameras=cameras)


def event(number: int, *, camera: str = GATE, hours_ago: float = 0, **fields: Any) -> Event:
    """One a minute, back from an hour before now."""
    start = NOW - timedelta(hours=1 + hours_ago, minutes=number)
    return Event(
        **{
            "event_id": f"{camera.casefold()}-{number}",
            "start_time": start,
            "end_time": start + timedelta(seconds=30),
            "site": "yard",
            "camera_id": camera,
            "event_type": "person_walks",
            "label": "person",
            "confidence": 0.9,
            **fields,
        }
    )


async def fill(app: App, *, gate_name: str = "Gate camera", events: Sequence[Event] = ()) -> None:
    """Seven events at the gate, three at the dock; both recorded the whole day."""
    caller = Caller()
    await app.stores.catalogue.put_site(caller, site(gate_name))
    usual = [event(n) for n in range(7)] + [event(n, camera=DOCK) for n in range(3)]
    await app.stores.events.ingest(caller, [*usual, *events])
    start = NOW - timedelta(hours=20)
    await app.stores.events.ingest_coverage(
        caller, [Coverage("yard", one, CoverageState.RECORDING, start, NOW) for one in (GATE, DOCK)]
    )


@asynccontextmanager
async def served(
    start: Start, provider: OpenAIServer, *models: str, **settings: Any
) -> AsyncIterator[App]:
    """The application with a chain over the provider's models, and the site in its stores."""
    chain = ",".join(
        one if ":" in one or one == "grounded" else f"openai:{one}@{provider.address}"
        for one in models
    )
    filling = {key: settings.pop(key) for key in ("gate_name", "events") if key in settings}
    async with start(models=chain, **(USUAL | settings)) as app:
        await fill(app, **filling)
        yield app


async def ask(app: App, query: str, **fields: Any) -> list[turns_pb2.TurnFrame]:
    """All frames of one Ask, over a connection of its own."""
    fields.setdefault("detail", turns_pb2.DETAIL_REASONING)
    request = pb.AskRequest(query=query, **fields)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(app.address, options=options) as channel:
        stub: Any = prompt_service_pb2_grpc.PromptServiceStub(channel)
        frames: list[turns_pb2.TurnFrame] = []
        try:
            async for one in stub.Ask(request):
                frames += [one.turn] if one.HasField("turn") else []
        except grpc.aio.AioRpcError:
            if not frames or frames[-1].WhichOneof("payload") != "failed":
                raise
        return frames


def kinds(frames: Sequence[turns_pb2.TurnFrame]) -> list[str]:
    """Kinds of frames, each run of one kind once."""
    found: list[str] = []
    for one in frames:
        kind = str(one.WhichOneof("payload"))
        if not found or found[-1] != kind or kind not in ("text_delta", "thinking"):
            found.append(kind)
    return found


def shown(frames: Sequence[turns_pb2.TurnFrame]) -> str:
    """The text that a reader has at the end."""
    text = ""
    for one in frames:
        match one.WhichOneof("payload"):
            case "text_delta":
                text += one.text_delta.text
            case "text_withdrawn" | "reset":
                text = ""
            case _:
                pass
    return text


def metadata(response: Any) -> dict[str, Any]:
    """An answer's metadata."""
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(response.metadata)


def arguments(**given: Any) -> str:
    """A tool's arguments as a model sends them."""
    return json.dumps(given)
