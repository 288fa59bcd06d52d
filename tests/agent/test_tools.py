"""The tools that models get: as the caller, inside the request's filter, and read-only."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt_service.agent.grounded import GroundedEngine
from enhanced_prompt_service.agent.tools import Looked, Toolbox, ToolOutcome
from enhanced_prompt_service.agent.tools.rendering import clean
from enhanced_prompt_service.agent.tools.schemas import TOOLS, definitions
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.domain.turns import QuestionFilter, TurnRequest
from enhanced_prompt_service.storage import Stores
from enhanced_prompt_service.turns import Turn, TurnLog, TurnWriter
from tests.integration.models.kit import DOCK, GATE, NOW, ZONE, event, site
from tests.integration.models.test_insights import draft

Open = Callable[..., Toolbox]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """An SQLite file."""
    return f"sqlite:///{tmp_path / 'eps.db'}"


@pytest.fixture
async def tools(stores: Stores) -> Open:
    """Toolboxes over seven events at the gate, three at the dock, and an insight on each."""
    owner = Caller()
    await stores.catalogue.put_site(owner, site())
    many = [event(n) for n in range(7)] + [event(n, camera=DOCK) for n in range(3)]
    await stores.events.ingest(owner, many)
    both = draft(cameras=(GATE, DOCK), dedupe_key="both")
    for one in (draft(), draft(cameras=(DOCK,), evidence=(), dedupe_key="d"), both):
        await stores.insights.publish(owner, one, now=NOW)
    engine = GroundedEngine(stores.events, stores.catalogue, ZONE)

    def make(caller: Caller | None = None, **narrowing: Any) -> Toolbox:
        turn = Turn(
            caller=caller or owner,
            turn_id="t",
            attempt=1,
            conversation_id="c",
            conversation_turn=1,
            request=TurnRequest("?", filter=QuestionFilter(**narrowing)),
            history=(),
            now=NOW,
            writer=TurnWriter(TurnLog("t", 1, lambda _: b"")),
        )
        return Toolbox(engine, turn, stores.insights, lambda: NOW)

    return make


async def data(box: Toolbox, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a model reads."""
    found = await box.look(tool, arguments)
    assert isinstance(found, Looked), found
    lines = box.take(found).splitlines()
    assert lines[1] == "<camera_data>"
    assert lines[-1] == "</camera_data>"
    return json.loads("\n".join(lines[2:-1]))


async def test_a_caller_who_may_see_one_camera_gets_nothing_of_another(tools: Open) -> None:
    box = tools(Caller(cameras=frozenset({DOCK})))
    found = await data(box, "search_events", limit=20)
    assert found["matching_events"] == 3
    assert {one.camera_id for one in box.evidence} == {DOCK}
    listed = await data(box, "list_cameras")
    assert [one["id"] for one in listed["cameras"]] == [DOCK]
    assert len((await data(box, "get_insights"))["insights"]) == 1
    refused = await box.look("count_events", {"places": [GATE]})
    assert isinstance(refused, ToolOutcome)
    assert "Gate camera" not in refused.content


async def test_the_requests_filter_binds_every_tool(tools: Open) -> None:
    box = tools(cameras=(DOCK,))
    for tool in ("search_events", "count_events", "histogram"):
        assert (await data(box, tool))["matching_events"] == 3
    assert (await data(box, "count_events", places=["gate camera"]))["matching_events"] == 0
    assert len((await data(box, "get_insights"))["insights"]) == 1


async def test_counts_by_camera_and_by_hour_are_exact(tools: Open) -> None:
    by_camera = await data(tools(), "count_events", group_by="camera")
    assert by_camera["by_camera_id"] == [
        {"key": GATE, "events": 7},
        {"key": DOCK, "events": 3},
    ]
    by_hour = await data(tools(), "histogram", bucket="hour", time="today")
    counts = {one["key"]: one["events"] for one in by_hour["by_local_hour"]}
    assert counts == {"2018-03-15T14": 8, "2018-03-15T15": 2}


async def test_an_event_found_twice_keeps_its_number(tools: Open) -> None:
    box = tools()
    first = await data(box, "search_events", places=["gate camera"], limit=2)
    again = await data(box, "search_events", limit=20)
    numbers = {one["start"] + one["camera"]: one["cite"] for one in again["events"]}
    for one in first["events"]:
        assert numbers[one["start"] + one["camera"]] == one["cite"]
    assert len(box.evidence) == len({one.event_id for one in box.evidence})


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_events", None),
        ("search_events", {"limit": 0}),
        ("search_events", {"limit": 10_000}),
        ("search_events", {"places": ["x" * 121]}),
        ("search_events", {"places": ["gate camera"] * 21}),
        ("search_events", {"time": "when the cows come home"}),
        ("search_events", {"kinds": ["unicorn"]}),
        ("search_events", {"order": "random"}),
        ("count_events", {"group_by": "password"}),
        ("histogram", {"bucket": "second"}),
        ("list_cameras", {"places": ["narnia"]}),
        ("get_insights", {"least_severity": "apocalyptic"}),
        ("drop_tables", {}),
    ],
)
async def test_what_does_not_fit_is_answered_with_what_is_wrong(
    tool: str, arguments: dict[str, Any] | None, tools: Open
) -> None:
    found = await tools().look(tool, arguments)
    assert isinstance(found, ToolOutcome)
    assert not found.ok
    assert found.line
    assert len(found.content) < 2000


def test_every_tool_is_described_with_its_arguments() -> None:
    described = definitions(insights=True)
    functions: list[Any] = [one["function"] for one in described]
    assert [one["name"] for one in functions] == list(TOOLS)
    for one in functions:
        assert one["description"]
        assert one["parameters"]["additionalProperties"] is False
        assert all("description" in each for each in one["parameters"]["properties"].values())
    names = [one["function"]["name"] for one in definitions(insights=False)]  # type: ignore[index]
    assert "get_insights" not in names


def test_untrusted_text_is_one_line_without_hidden_characters() -> None:
    hidden = "a\u202eb\u200bc\nd\x1b[31m\u2028e" + "x" * 500
    shown = clean(hidden)
    assert shown.startswith("abc d [31m e")
    assert len(shown) == 200
