"""What an HTTP answer means."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from enhanced_prompt_service.delivery.ingest import IngestSender, retry_after
from enhanced_prompt_service.delivery.sending import Outcome, Verdict
from enhanced_prompt_service.delivery.tally import Tally

from .kit import destination, entry

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def answered(response: httpx.Response) -> Outcome:
    warned: list[str] = []
    sender = IngestSender(
        destination(),
        lambda: httpx.MockTransport(lambda _: response),
        now=lambda: NOW,
        tally=Tally(),
        warn=warned.append,
        user_agent="test",
    )
    (found,) = await sender.send([entry(1)])
    return found


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 451])
async def test_what_will_never_work_is_parked(status: int) -> None:
    found = await answered(httpx.Response(status, text="no\x1b[31m such field"))
    assert found.verdict is Verdict.PARK
    assert found.reason == f"HTTP {status}: no[31m such field"


@pytest.mark.parametrize(
    ("status", "counts"), [(408, False), (425, False), (429, False), (500, True), (503, True)]
)
async def test_what_may_work_later_is_tried_again(status: int, counts: bool) -> None:
    found = await answered(httpx.Response(status, headers={"retry-after": "7"}))
    assert (found.verdict, found.after_s, found.counts) == (Verdict.RETRY, 7.0, counts)


async def test_a_redirect_is_not_followed() -> None:
    found = await answered(httpx.Response(307, headers={"location": "https://other.example"}))
    assert found.verdict is Verdict.RETRY
    assert "redirect" in found.reason


@pytest.mark.parametrize("text", ["", "[]", "{", '{"ingest_id": {"a": 1}}', "null"])
async def test_an_answer_that_says_nothing_of_use_is_one_all_the_same(text: str) -> None:
    found = await answered(httpx.Response(202, text=text))
    assert (found.verdict, found.ingest_id, found.status) == (Verdict.DELIVERED, "", "queued")


async def test_what_the_receiver_says_is_kept() -> None:
    said = {"ingest_id": "i-1", "timestamp": "2026-01-02T03:04:06Z", "status": "stored"}
    found = await answered(httpx.Response(201, json=said))
    assert (found.ingest_id, found.received, found.status) == (
        "i-1",
        "2026-01-02T03:04:06Z",
        "stored",
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60.0),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds
