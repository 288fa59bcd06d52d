"""The outbox: written with what it tells of, and changed only by who holds the fence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from enhanced_prompt_service.delivery import Announcements
from enhanced_prompt_service.domain.fences import Fence, FenceLost
from enhanced_prompt_service.domain.insights import Severity
from enhanced_prompt_service.domain.outbox import (
    Acknowledged,
    AuditNote,
    Backlog,
    DestinationState,
    EntryFilter,
    MessageKind,
    OutboxState,
    Outgoing,
    Settled,
    fence_name,
)
from enhanced_prompt_service.domain.turns import TurnError, TurnState
from enhanced_prompt_service.storage import Database, Stores, open_stores
from enhanced_prompt_service.storage.outbox_tables import outbox
from tests.delivery.kit import EPOCH, destination, outgoing

from .makers import ME, at, begin, response
from .test_insights import draft

ALL = ("prompt_response", "conversation_history", "proactive_insight", "conversation_deleted")
NOTHING: dict[str, Any] = {"held": (), "lanes": (), "most": 100, "most_bytes": 10**9}


@pytest.fixture
async def told(database: Database) -> Stores:
    """Stores that owe everything to an ingest, and what is urgent to a notifier."""
    to = [
        destination(types=ALL),
        destination("bell", kind="notifier", url="ws://127.0.0.1:9", min_severity="high"),
    ]
    return await open_stores(database, announcer=Announcements(to))


async def finish(stores: Stores, turn_id: str = "t1", **fields: Any) -> bool:
    row = await begin(stores, turn_id, **fields)
    return await stores.turns.finish(
        ME,
        turn_id=turn_id,
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(row),
    )


async def fence(stores: Stores, name: str = "archive", holder: str = "me") -> Fence:
    found = await stores.fences.take(fence_name(name), holder, 60)
    assert found is not None
    return found


async def keys(stores: Stores, *states: OutboxState) -> list[tuple[str, str]]:
    found = await stores.outbox.entries(EntryFilter(states=frozenset(states)))
    return [(one.message.destination, one.message.key) for one in reversed(found)]


async def window(stores: Stores, **given: Any) -> list[int]:
    found = await stores.outbox.window("archive", **(NOTHING | given))
    return [one.id for one in found]


async def add(stores: Stores, *messages: Outgoing, now: datetime = EPOCH) -> None:
    await stores.outbox.add(messages, now)


async def settle(
    stores: Stores,
    held: Fence,
    results: Sequence[Settled] = (),
    acknowledged: Sequence[Acknowledged] = (),
    audit: Sequence[AuditNote] = (),
) -> None:
    await stores.outbox.settle(held, "archive", results, acknowledged, audit)


# ---- written with what it tells of ----


async def test_a_completed_turn_owes_its_answer_to_each_destination_once(told: Stores) -> None:
    assert await finish(told)
    key = "prompt_response:t1:r1"
    assert await keys(told) == [("archive", key), ("bell", key)]
    assert not await told.turns.finish(
        ME, turn_id="t1", attempt=1, state=TurnState.COMPLETED, now=at(2), response=None
    )
    assert len(await keys(told)) == 2


async def test_a_turn_that_lost_its_attempt_owes_nothing(told: Stores) -> None:
    row = await begin(told, "t1")
    closed = await told.turns.finish(
        ME,
        turn_id="t1",
        attempt=2,
        state=TurnState.COMPLETED,
        now=at(1),
        response=response(row),
    )
    assert not closed
    assert await keys(told) == []


async def test_a_stopped_turn_is_logged_and_notifies_nobody_and_a_failed_one_has_no_answer(
    told: Stores,
) -> None:
    row = await begin(told, "t1")
    await told.turns.finish(
        ME, turn_id="t1", attempt=1, state=TurnState.CANCELLED, now=at(1), response=response(row)
    )
    await begin(told, "t2")
    await told.turns.finish(
        ME,
        turn_id="t2",
        attempt=1,
        state=TurnState.FAILED,
        now=at(1),
        error=TurnError("INTERNAL", "broken", retryable=False),
    )
    assert await keys(told) == [("archive", "prompt_response:t1:r1")]
    (one,) = await told.outbox.window("archive", **NOTHING)
    assert '"turn_state":"cancelled"' in one.message.payload


async def test_an_insight_is_owed_when_it_is_new_and_each_time_that_it_is_worse(
    told: Stores,
) -> None:
    low = replace(draft("a"), severity=Severity.LOW)
    made = await told.insights.publish(ME, low, now=at(0))
    for severity, title in (
        (Severity.LOW, "more of it"),
        (Severity.HIGH, "worse"),
        (Severity.HIGH, "still as bad"),
        (Severity.CRITICAL, "worst"),
    ):
        await told.insights.publish(ME, replace(low, severity=severity, title=title), now=at(1))
    name = f"proactive_insight:{made.insight.insight_id}"
    assert await keys(told) == [
        ("archive", f"{name}:r1"),
        ("archive", f"{name}:r3"),
        ("bell", f"{name}:r3"),
        ("archive", f"{name}:r5"),
        ("bell", f"{name}:r5"),
    ]


async def test_what_is_muted_is_owed_once_the_mute_is_over(told: Stores) -> None:
    await told.insights.mute(ME, draft("a").dedupe_key, until=at(10), note="", now=at(0))
    await told.insights.publish(ME, draft("a"), now=at(1))
    assert await keys(told) == []
    await told.insights.publish(ME, replace(draft("a"), title="goes on"), now=at(11))
    assert len(await keys(told)) >= 1


async def test_deleting_a_conversation_withdraws_what_is_owed_and_tells_who_asked(
    told: Stores,
) -> None:
    await finish(told)
    await finish(told, "t2", conversation_id="other")
    await told.conversations.delete_conversation(ME, "talk", at(2))
    assert await keys(told, OutboxState.WITHDRAWN) == [
        ("archive", "prompt_response:t1:r1"),
        ("bell", "prompt_response:t1:r1"),
    ]
    left = await told.outbox.window("archive", **NOTHING)
    assert [one.message.kind for one in left] == [
        MessageKind.PROMPT_RESPONSE,
        MessageKind.CONVERSATION_DELETED,
    ]

    def texts(session: Any) -> list[str | None]:
        gone = outbox.c.state == OutboxState.WITHDRAWN.value
        return list(session.execute(select(outbox.c.payload).where(gone)).scalars())

    assert await told.database.read(texts) == [None, None]


async def test_without_destinations_nothing_is_written_but_old_entries_are_withdrawn(
    told: Stores,
) -> None:
    await finish(told)
    alone = await open_stores(told.database)
    await alone.conversations.delete_conversation(ME, "talk", at(2))
    await finish(alone, "t2")
    await alone.insights.publish(ME, draft("a"), now=at(0))
    assert await keys(told, OutboxState.PENDING, OutboxState.SENT) == []


async def test_a_change_that_is_undone_owes_nothing(told: Stores) -> None:
    from enhanced_prompt_service.storage import outbox as rows

    class Undone(Exception):
        pass

    def work(session: Any) -> None:
        rows.add(session, [outgoing(1)], EPOCH)
        raise Undone

    with pytest.raises(Undone):
        await told.database.write(work)
    assert await keys(told) == []


async def test_what_rested_is_owed_once_for_each_number_of_answers(told: Stores) -> None:
    held = await fence(told)
    assert await told.outbox.rested(held, "archive", at(-60), at(-60), 10) == 0
    await finish(told)
    kind = MessageKind.CONVERSATION_HISTORY.value
    for _ in range(3):
        await told.outbox.rested(held, "archive", at(30), at(40), 10)
    histories = [key for _, key in await keys(told) if key.startswith(kind)]
    assert len(histories) == 1
    assert histories[0].endswith(":r1")
    row = await begin(told, "t2", now=at(50))
    await told.turns.finish(
        ME,
        turn_id="t2",
        attempt=1,
        state=TurnState.COMPLETED,
        now=at(51),
        response=response(row),
    )
    await told.outbox.rested(held, "archive", at(60), at(70), 10)
    assert [key[-3:] for _, key in await keys(told) if key.startswith(kind)] == [":r1", ":r2"]


async def test_all_that_rested_at_the_same_moment_is_owed_however_few_are_looked_at(
    told: Stores,
) -> None:
    held = await fence(told)
    await told.outbox.rested(held, "archive", at(-60), at(-60), 2)
    for number in range(5):
        await finish(told, f"t{number}", conversation_id=f"talk{number}")
    for _ in range(3):
        await told.outbox.rested(held, "archive", at(30), at(40), 2)
    found = [key for _, key in await keys(told) if key.startswith("conversation_history")]
    assert len(found) == 5


# ---- delivered ----


async def test_a_key_is_written_once_in_a_destination(stores: Stores) -> None:
    await add(stores, outgoing(1), outgoing(1), outgoing(1, to="other"))
    assert len(await keys(stores)) == 2


async def test_the_window_is_the_oldest_that_is_neither_held_nor_in_a_lane_that_waits(
    stores: Stores,
) -> None:
    await add(stores, *(outgoing(n, lane="ab"[n % 2]) for n in range(6)))
    ids = await window(stores)
    assert len(ids) == 6
    assert ids == sorted(ids)
    assert await window(stores, most=2) == ids[:2]
    assert await window(stores, held=ids[:2]) == ids[2:]
    assert await window(stores, lanes=("a",)) == ids[1::2]
    size = len(outgoing(0).payload)
    assert await window(stores, most_bytes=2 * size) == ids[:2]
    assert await window(stores, most_bytes=1) == ids[:1]


async def test_whoever_lost_the_fence_claims_settles_and_notes_nothing(stores: Stores) -> None:
    await add(stores, outgoing(1))
    (number,) = await window(stores)
    old = await fence(stores)
    await stores.fences.give_back(old)
    assert await fence(stores, holder="another") != old
    done = Settled(number, OutboxState.DELIVERED, EPOCH, finished_at=EPOCH)
    with pytest.raises(FenceLost):
        await stores.outbox.claim(old, [number])
    with pytest.raises(FenceLost):
        await settle(stores, old, [done])
    with pytest.raises(FenceLost):
        await stores.outbox.note(old, DestinationState("archive", 1))
    with pytest.raises(FenceLost):
        await stores.outbox.expire(old, "archive", EPOCH, held=(), most=10)
    with pytest.raises(FenceLost):
        await stores.outbox.forget(old, "archive", EPOCH, 10)
    (entry,) = await stores.outbox.entries(EntryFilter())
    assert (entry.state, entry.attempts) == (OutboxState.PENDING, 0)


async def test_a_delivered_entry_keeps_what_was_said_of_it_and_not_what_was_in_it(
    stores: Stores,
) -> None:
    await add(stores, outgoing(1))
    held = await fence(stores)
    (number,) = await window(stores)
    assert await stores.outbox.claim(held, [number]) == {number}
    note = AuditNote(EPOCH, "default", "delivery.prompt_response", "OK", "", "k", "archive")
    result = Settled(
        number,
        OutboxState.DELIVERED,
        EPOCH,
        ingest_id="ing-1",
        received="2026-01-01T00:00:00Z",
        status="queued",
        finished_at=EPOCH,
    )
    await settle(stores, held, [result], audit=[note])
    entry = await stores.outbox.entry(number)
    assert entry is not None
    assert (entry.ingest_id, entry.received, entry.status) == (
        "ing-1",
        "2026-01-01T00:00:00Z",
        "queued",
    )
    assert (entry.state, entry.message.payload, entry.attempts) == (OutboxState.DELIVERED, "", 1)
    (said,) = await stores.audit.read_audit()
    assert (said.action, said.subject, said.proof) == (note.action, "k", "destination:archive")
    assert await stores.outbox.claim(held, [number]) == frozenset()
    await settle(stores, held, [replace(result, state=OutboxState.PARKED)])
    assert await keys(stores, OutboxState.DELIVERED)


async def test_what_was_withdrawn_under_way_stays_so(told: Stores) -> None:
    await finish(told)
    held = await fence(told)
    (number,) = await window(told)
    await told.outbox.claim(held, [number])
    await told.conversations.delete_conversation(ME, "talk", at(2))
    assert await told.outbox.claim(held, [number], again=True) == frozenset()
    await settle(told, held, [Settled(number, OutboxState.PENDING, EPOCH)])
    entry = await told.outbox.entry(number)
    assert entry is not None
    assert entry.state is OutboxState.WITHDRAWN


async def test_acknowledgements_find_what_went_out_and_nothing_else(stores: Stores) -> None:
    await add(
        stores,
        outgoing(1, notification_id="n1", acknowledged=True),
        outgoing(2, notification_id="n2", acknowledged=True),
        outgoing(3, notification_id="n3", acknowledged=True),
    )
    held = await fence(stores)
    ids = await window(stores)
    await stores.outbox.claim(held, ids[:2])
    later = EPOCH + timedelta(minutes=1)
    await settle(stores, held, [Settled(one, OutboxState.SENT, later) for one in ids[:2]])
    some = {"held": (), "most": 10}
    assert await stores.outbox.unacknowledged("archive", EPOCH, **some) == []
    overdue = await stores.outbox.unacknowledged("archive", later, **some)
    assert [one.id for one in overdue] == ids[:2]
    heard = [Acknowledged(f"n{n}", later) for n in (1, 3)]
    refused = Acknowledged("n2", later, refused="no such user")
    await settle(stores, held, acknowledged=[*heard, refused])
    found = {one.id: one for one in await stores.outbox.entries(EntryFilter())}
    assert [found[one].state for one in ids] == [
        OutboxState.DELIVERED,
        OutboxState.PARKED,
        OutboxState.PENDING,  # it was never sent: nobody can have seen it
    ]
    assert found[ids[0]].status == "acknowledged"
    assert found[ids[1]].reason == "no such user"


async def test_what_is_past_its_deadline_is_parked_and_can_be_owed_again(stores: Stores) -> None:
    await add(stores, outgoing(1, deadline=EPOCH), outgoing(2), outgoing(3, deadline=EPOCH))
    held = await fence(stores)
    ids = await window(stores)
    late = await stores.outbox.expire(held, "archive", EPOCH, held=ids[2:], most=10)
    assert [one.id for one in late] == ids[:1]
    assert late[0].state is OutboxState.PARKED
    assert "deadline" in late[0].reason
    assert await stores.outbox.backlog() == [Backlog("archive", 2, 0, 1, EPOCH)]
    chosen = EntryFilter(destination="archive")
    assert await stores.outbox.retry(chosen, EPOCH, EPOCH + timedelta(days=1)) == 1
    assert await window(stores) == ids


async def test_operators_purge_what_they_choose(stores: Stores) -> None:
    await add(stores, outgoing(1), outgoing(2, to="other"), outgoing(3, refused="too large"))
    parked = EntryFilter(states=frozenset({OutboxState.PARKED}))
    assert await stores.outbox.purge(parked) == 1
    assert await stores.outbox.purge(EntryFilter(destination="other")) == 1
    assert [key for _, key in await keys(stores)] == ["prompt_response:turn_1:r1"]


async def test_what_was_delivered_long_ago_is_forgotten_and_parked_entries_stay(
    stores: Stores,
) -> None:
    await add(stores, outgoing(1), outgoing(2), outgoing(3, refused="too large"))
    held = await fence(stores)
    first, _ = await window(stores)
    await settle(stores, held, [Settled(first, OutboxState.DELIVERED, EPOCH, finished_at=EPOCH)])
    assert await stores.outbox.forget(held, "archive", EPOCH, 10) == 0
    assert await stores.outbox.forget(held, "archive", EPOCH + timedelta(seconds=1), 10) == 1
    assert len(await keys(stores)) == 2


async def test_how_a_destination_is_can_be_read_by_all(stores: Stores) -> None:
    held = await fence(stores)
    state = DestinationState("archive", 11, "no connection", EPOCH)
    await stores.outbox.note(held, state)
    assert await stores.outbox.noted() == [state]
    await stores.outbox.note(held, DestinationState("archive"))
    assert await stores.outbox.noted() == [DestinationState("archive")]
