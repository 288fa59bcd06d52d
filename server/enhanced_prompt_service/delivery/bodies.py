"""What an ingest service gets: the payload, and the seeds' fields around it.

A body depends on nothing but the entries in it, so that a request that is made again has the same
bytes under the same key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..domain.outbox import Entry, MessageKind
from ..schemas import SERVICE_NAME
from .sanitising import clean, suspicious

PATHS = {
    MessageKind.PROMPT_RESPONSE: "/api/v1/ingest/prompt-responses",
    MessageKind.CONVERSATION_HISTORY: "/api/v1/ingest/conversation-history",
    MessageKind.PROACTIVE_INSIGHT: "/api/v1/ingest/proactive-insights/batch",
    # Not the seeds': they tell nobody of deletions.
    MessageKind.CONVERSATION_DELETED: "/api/v1/ingest/conversation-deletions",
}
BATCH_TYPE = "proactive_insights"
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def single(entry: Entry, *, html: bool) -> bytes:
    """One message; `ingest_timestamp` is when it was written, so that it stays the same."""
    extra = {
        "ingest_timestamp": _instant(entry.created_at),
        "source_service": SERVICE_NAME,
        "data_type": entry.message.kind.value,
    }
    return _joined(payload(entry, html=html), _encode(extra)).encode()


def batch_id(entries: Sequence[Entry]) -> str:
    """`batch_YYYYMMDD_HHMMSS_` of the newest entry, UTC, and 12 digits of what is in it."""
    newest = max(one.created_at for one in entries).astimezone(UTC)
    keys = "\n".join(one.message.key for one in entries)
    digest = hashlib.sha256(keys.encode()).hexdigest()[:12]
    return f"batch_{newest:%Y%m%d_%H%M%S}_{digest}"


def batch(entries: Sequence[Entry], *, html: bool) -> bytes:
    """Insights together. `keys` are those of the insights, in their order."""
    extra = {
        "batch_id": batch_id(entries),
        "timestamp": _instant(max(one.created_at for one in entries)),
        "source_service": SERVICE_NAME,
        "data_type": BATCH_TYPE,
        "keys": [one.message.key for one in entries],
    }
    insights = ",".join(payload(one, html=html) for one in entries)
    return _joined(f'{{"insights":[{insights}]}}', _encode(extra)).encode()


def payload(entry: Entry, *, html: bool) -> str:
    """A payload as it leaves: JSON text without characters that have to go."""
    text = entry.message.payload
    if not suspicious(text, html=html):
        return text
    document: dict[str, Any] = json.loads(text)
    return _encode(clean(document, html=html))


def _joined(document: str, extra: str) -> str:
    """Two JSON objects as one; neither is empty."""
    return document[:-1] + "," + extra[1:]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
