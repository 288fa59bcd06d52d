"""A tenant's newest rows, as a replica tells the others of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..domain.insights import Severity
from ..domain.metrics import ErrorRow, RequestRow
from .rows import TenantRows


@dataclass(frozen=True, slots=True)
class RowNote:
    """Rows of one replica, oldest first; `made_…` is the number of the newest of each."""

    requests: tuple[RequestRow, ...] = ()
    errors: tuple[ErrorRow, ...] = ()
    made_requests: int = 0
    made_errors: int = 0


@dataclass(slots=True)
class Seen:
    """Numbers of the newest rows of a replica that were told."""

    requests: int = 0
    errors: int = 0

    def news(self, note: RowNote) -> tuple[Sequence[RequestRow], Sequence[ErrorRow], int]:
        """Rows of a note that were not told before, and how many were lost in between."""
        requests = max(0, note.made_requests - self.requests)
        errors = max(0, note.made_errors - self.errors)
        self.requests, self.errors = note.made_requests, note.made_errors
        told = (
            note.requests[-requests:] if requests else (),
            note.errors[-errors:] if errors else (),
        )
        return *told, requests + errors - len(told[0]) - len(told[1])


def board_of(tenant: str) -> str:
    """The board, and the channel, of a tenant's rows."""
    return f"metrics-rows:{tenant}"


def note_of(rows: TenantRows) -> RowNote:
    """What this process has."""
    return RowNote(tuple(rows.requests), tuple(rows.errors), rows.made_requests, rows.made_errors)


def dump(rows: TenantRows) -> bytes:
    """As it is pinned."""
    return json.dumps(
        {
            "requests": [
                [
                    one.time.timestamp(),
                    one.request_id,
                    one.method,
                    one.model,
                    one.seconds,
                    one.code,
                    one.streamed,
                    one.tenant,
                    one.user,
                    one.tokens,
                    one.cost,
                    one.first_token_s,
                    one.turn_id,
                ]
                for one in rows.requests
            ],
            "errors": [
                [
                    one.time.timestamp(),
                    one.reason,
                    one.message,
                    int(one.severity),
                    one.code,
                    one.method,
                    one.model,
                    one.request_id,
                    one.incident_id,
                    one.tenant,
                    one.user,
                ]
                for one in rows.errors
            ],
            "made": [rows.made_requests, rows.made_errors],
        },
        separators=(",", ":"),
    ).encode()


def load(encoded: bytes) -> RowNote:
    """A note that was pinned; empty for one that this version does not understand."""
    try:
        said: dict[str, Any] = json.loads(encoded)
        return RowNote(
            tuple(RequestRow(_at(time), *rest) for time, *rest in said["requests"]),
            tuple(
                ErrorRow(_at(time), reason, message, Severity(severity), *rest)
                for time, reason, message, severity, *rest in said["errors"]
            ),
            *said["made"],
        )
    except (ValueError, LookupError, TypeError):
        return RowNote()


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
