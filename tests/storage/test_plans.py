"""SQLite reads what a question needs and no whole table, although nobody runs ANALYZE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from enhanced_prompt_service.domain.events import GroupBy, Order, Selection
from enhanced_prompt_service.domain.times import DailyRange, Interval, RecurringMask
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.storage import Stores
from enhanced_prompt_service.storage.session import Session

from . import makers
from .makers import ME, at, begin, response, span

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LARGE = ("events", "event_hours", "coverage", "turns", "conversations", "earlier")
Said = list[tuple[str, Any]]


@pytest.fixture
def said() -> Iterator[Said]:
    """Every statement that goes to a database, with its (first) parameters."""
    statements: Said = []

    def remember(
        _c: Connection, _cursor: Any, statement: str, parameters: Any, _x: Any, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            statements.append((statement, parameters[0] if many else parameters))

    event.listen(Engine, "before_cursor_execute", remember)
    yield statements
    event.remove(Engine, "before_cursor_execute", remember)


def _reads_all(step: str) -> bool:
    found = re.match(r"SCAN (\w+)", step) or re.match(r"SEARCH (\w+) .*\(tenant=\?\)$", step)
    return found is not None and found[1] in LARGE


async def _scans(stores: Stores, said: Said) -> list[str]:
    """Steps of the statements' plans that read a large table, or an index of one, as a whole."""
    asked = list(dict(said).items())

    def explain(session: Session) -> list[str]:
        steps: list[str] = []
        for statement, parameters in asked:
            plan = session.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [f"{row.detail}: {statement}" for row in plan if _reads_all(row.detail)]
        return steps

    assert asked
    return await stores.database.read(explain)  # type: ignore[no-any-return]


_WINDOW = Interval(at(-90.5), at(200.25))
_CAMERAS = frozenset({"G1"})
_SELECTIONS = {
    "a window": Selection(windows=(_WINDOW,)),
    "a camera": Selection(windows=(_WINDOW,), cameras=_CAMERAS),
    "types or labels": Selection(
        windows=(_WINDOW,),
        event_types=frozenset({"person_walks"}),
        labels=frozenset({"car"}),
        type_or_label=True,
    ),
    "zones": Selection(windows=(_WINDOW,), zones=frozenset({"gate"})),
    "two windows": Selection(windows=(_WINDOW, Interval(at(500), at(900)))),
    "nights": Selection(windows=(_WINDOW,), mask=RecurringMask((DailyRange(1320, 360),))),
    "half hours": Selection(windows=(_WINDOW,), mask=RecurringMask((DailyRange(570, 615),))),
    "sure ones": Selection(windows=(_WINDOW,), cameras=_CAMERAS, min_confidence=0.5),
    "long ones": Selection(windows=(_WINDOW,), min_duration_s=60),
    "going on": Selection(ongoing_at=at(5)),
    "going on in a camera": Selection(ongoing_at=at(5), cameras=_CAMERAS),
    "a text": Selection(windows=(_WINDOW,), text="red truck"),
    "a text anywhere": Selection(text="red truck"),
}


@pytest.fixture
async def filled(stores: Stores) -> Stores:
    """A little of everything."""
    batch = [
        makers.event(f"e{n}", n, zones=("gate",), description="red truck", confidence=1.0)
        for n in range(100)
    ]
    await stores.events.ingest(ME, batch)
    await stores.events.ingest_coverage(ME, [span(0, 100)])
    return stores


@pytest.mark.parametrize("name", _SELECTIONS)
async def test_questions_to_events_read_no_whole_table(
    filled: Stores, said: Said, name: str
) -> None:
    selection = _SELECTIONS[name]
    await filled.events.totals(ME, selection)
    for by in (GroupBy.CAMERA, GroupBy.LOCAL_HOUR, GroupBy.ZONE, GroupBy.WEEKDAY):
        await filled.events.grouped(ME, selection, [by])
    for order in Order:
        page = await filled.events.page(ME, selection, order=order, page_size=2)
        if page.next_page_token:
            await filled.events.page(
                ME, selection, order=order, page_size=2, page_token=page.next_page_token
            )
    assert await _scans(filled, said) == []


async def test_storing_and_updating_reads_no_whole_table(filled: Stores, said: Said) -> None:
    batch = [makers.event(f"e{n}", n, label="car") for n in range(50, 150)]
    await filled.events.ingest(ME, batch)
    await filled.events.ingest_coverage(ME, [span(50, 150)])
    assert await _scans(filled, said) == []


async def test_turns_conversations_and_coverage_are_found_by_their_indexes(
    filled: Stores, said: Said
) -> None:
    turn = await begin(filled, "t1")
    await filled.turns.finish(
        ME,
        turn_id="t1",
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(turn),
    )
    await filled.turns.get_turn(ME, "t1")
    await filled.turns.find_request(ME, "r-t1", at(0))
    await filled.conversations.get_conversation(ME, "talk")
    await filled.conversations.recent_turns(ME, "talk", 3)
    await filled.events.get(ME, "e1")
    await filled.events.coverage(ME, _WINDOW)
    await filled.events.camera_states(ME, at(5))
    assert await _scans(filled, said) == []
