"""Who did what: kept for good, changed by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did, or tried to.

    Attributes:
        at: When it began, UTC.
        tenant: In which tenant; "" where nobody knows who it was.
        user: Who; "" likewise.
        role: As what.
        action: The RPC, `HistoryService.DeleteConversation`, or what a command did.
        outcome: Name of the status code that it ended with.
        reason: The error's reason; "" where there was none.
        subject: Id of what it was about (a turn, a conversation), or whose; may be empty. Never
            what was asked or answered.
        home_tenant: Where the user is at home, if elsewhere.
        proof: What proved the user: `key:<id>`, `token:<digest>`, `certificate:<serial>`.
        request_id: As in the log lines.
        log_id: As a gateway gave it.
    """

    at: datetime
    tenant: str
    user: str
    role: str
    action: str
    outcome: str
    reason: str = ""
    subject: str = ""
    home_tenant: str = ""
    proof: str = ""
    request_id: str = ""
    log_id: str = ""


class AuditLog(Protocol):
    """The log of all tenants."""

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries, in one transaction."""
        ...

    async def read_audit(
        self,
        *,
        tenant: str | None = None,
        user: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """The newest entries, newest first. `tenant` "" are those of nobody known."""
        ...
