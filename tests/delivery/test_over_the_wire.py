"""Whole deliveries to a receiver in another process."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from enhanced_prompt_service.delivery.signing import key_bytes, signature
from enhanced_prompt_service.domain.outbox import EntryFilter, MessageKind, OutboxState, Outgoing
from enhanced_prompt_service.storage import Stores
from tests.support.receiver import Plan

from .kit import delivery, destination, outgoing, receiving, until_settled


async def test_a_message_arrives_with_key_signature_and_the_seeds_fields(
    stores: Stores, tmp_path: Path
) -> None:
    async with receiving(tmp_path) as there:
        secret = "a-signing-key-of-some-length"
        to = destination(url=there.url, signature=SecretStr(secret))
        made, _ = delivery(stores, [to])
        await stores.outbox.add([outgoing(1)], datetime.now(UTC))
        async with made.running():
            await until_settled(stores)
        (arrived,) = there.arrivals()
    headers, body = arrived["headers"], arrived["body"]
    assert arrived["via"] == "/api/v1/ingest/prompt-responses"
    assert headers["authorization"] == "Bearer a-bearer-key"
    assert headers["idempotency-key"] == "prompt_response:turn_1:r1"
    assert body["source_service"] == "enhanced_prompt_service"
    assert body["data_type"] == "prompt_response"
    assert datetime.fromisoformat(body["ingest_timestamp"]).tzinfo is not None
    (kept,) = await stores.outbox.entries(EntryFilter())
    assert (kept.state, kept.ingest_id, kept.received, kept.status) == (
        OutboxState.DELIVERED,
        "ing-prompt_response:turn_1:r1",
        "2026-01-01T00:00:00Z",
        "queued",
    )
    assert headers["webhook-id"] == headers["idempotency-key"]
    assert headers["webhook-signature"].startswith("v1,")


async def test_insights_go_together_and_keep_their_keys(stores: Stores, tmp_path: Path) -> None:
    kind = MessageKind.PROACTIVE_INSIGHT
    async with receiving(tmp_path) as there:
        made, _ = delivery(stores, [destination(url=there.url, batch_wait_s=0.2)])
        await stores.outbox.add(
            [outgoing(n, lane=f"i{n}", kind=kind, key=f"k{n}") for n in range(50)],
            datetime.now(UTC),
        )
        async with made.running():
            await until_settled(stores)
        arrived = there.arrivals()
    assert [one["via"] for one in arrived] == ["/api/v1/ingest/proactive-insights/batch"]
    body = arrived[0]["body"]
    assert body["keys"] == [f"k{n}" for n in range(50)]
    assert [one["number"] for one in body["insights"]] == list(range(50))
    assert body["batch_id"] == arrived[0]["headers"]["idempotency-key"]
    datetime.strptime(body["batch_id"][:21], "batch_%Y%m%d_%H%M%S")


@pytest.mark.parametrize("kind", ["ingest", "notifier"])
async def test_what_is_refused_is_parked_with_its_reason_and_blocks_nothing(
    kind: str, stores: Stores, tmp_path: Path
) -> None:
    async with receiving(tmp_path) as there:
        url = there.url if kind == "ingest" else there.ws_url
        made, _ = delivery(stores, [destination(kind=kind, url=url)])
        await stores.outbox.add([_one_is_poison(n) for n in range(5)], datetime.now(UTC))
        async with made.running():
            await until_settled(stores)
            wanted = ["delivered", "delivered", "parked", "delivered", "delivered"]
            while True:  # a refusal may come when all was sent
                if await _states(stores) == wanted:
                    break
                await asyncio.sleep(0.02)
        arrived = Counter(key for one in there.arrivals() for key in one["keys"])
    assert arrived == {f"k{n}": 1 for n in range(5)}
    (parked,) = await stores.outbox.entries(EntryFilter(states=frozenset({OutboxState.PARKED})))
    assert ("422" if kind == "ingest" else "poisoned") in parked.reason
    assert parked.finished_at is not None


def _one_is_poison(number: int) -> Outgoing:
    said = {
        "type": "prompt_response",
        "data": {"summary": "poison" if number == 2 else "fine"},
        "metadata": {"notification_id": f"n{number}", "idempotency_key": f"k{number}"},
    }
    return outgoing(
        number, key=f"k{number}", payload=json.dumps(said), notification_id=f"n{number}"
    )


async def _states(stores: Stores) -> list[str]:
    found = await stores.outbox.entries(EntryFilter())
    return [one.state.value for one in reversed(found)]


def test_the_signature_is_what_the_documents_say() -> None:
    key = key_bytes("whsec_" + base64.b64encode(b"0123456789abcdef").decode())
    body = b'{"a":1}'
    signed = b"id-1.1700000000." + body
    digest = base64.b64encode(hmac.new(b"0123456789abcdef", signed, hashlib.sha256).digest())
    assert signature(key, "id-1", 1_700_000_000, body) == "v1," + digest.decode()


async def test_everything_arrives_in_order_through_all_failures(
    stores: Stores, tmp_path: Path
) -> None:
    plan = Plan(hang=0.005, hang_s=0.5, cut=0.02, busy=0.01, storms=3, slow=0.02, refuse=2)
    async with receiving(tmp_path, plan) as there:
        to = destination(url=there.url, timeout_s=0.3, retry_after_most_s=0.05)
        made, _ = delivery(stores, [to])
        await stores.outbox.add(
            [outgoing(n, lane=f"lane{n % 20}") for n in range(400)], datetime.now(UTC)
        )
        async with made.running():
            await until_settled(stores)
        arrived = there.arrivals()
    first: dict[str, int] = {}
    for one in arrived:
        first.setdefault(one["body"]["number"], len(first))
    assert set(first) == set(range(400))
    for lane in range(20):
        places = [first[n] for n in range(lane, 400, 20)]
        assert places == sorted(places)
