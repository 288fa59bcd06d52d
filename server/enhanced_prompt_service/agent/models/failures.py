"""Why a link did not answer, in words that hold no secret.

Providers' own error texts may quote keys and prompts, so that none of them is kept: what is known
of a failure is its kind, the HTTP status and how long to wait.

    LinkFailure          one link did not answer
    NoModelLeft          no link that is a model answered; the embedded engine may be the next one
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from enhanced_prompt_service.domain.answers import JsonValue
from enhanced_prompt_service.domain.errors import Reason, Unavailable

MOST_WAIT_S = 3600.0  # of a provider's Retry-After


class FailureKind(StrEnum):
    """What happened."""

    FIRST_TOKEN = "first_token_timeout"  # noqa: S105  no token came in time
    IDLE = "idle_timeout"  # nothing more came
    TOO_LONG = "call_timeout"  # it goes on and on
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"  # the provider did not accept the request: key, model, size
    SERVER = "server_error"
    UNREACHABLE = "unreachable"
    CUT = "cut"  # the stream ended before its end
    EMPTY = "empty"  # it ended properly and said nothing
    FILTERED = "filtered"  # the provider held the answer back
    CIRCUIT_OPEN = "circuit_open"
    BUSY = "busy"  # as many calls as may run already do
    MALFORMED = "malformed"  # it answered something else than what was asked for
    ERROR = "error"  # anything else


COUNTS = frozenset(
    {
        FailureKind.FIRST_TOKEN,
        FailureKind.IDLE,
        FailureKind.TOO_LONG,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER,
        FailureKind.UNREACHABLE,
        FailureKind.CUT,
        FailureKind.ERROR,
    }
)
"""Kinds that say something of the provider's health: the circuit breaker counts them."""


class LinkFailure(Exception):
    """One link did not answer. `detail` is fit to be shown; `retry_after_s` is the provider's."""

    def __init__(
        self,
        kind: FailureKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{kind.value}: {detail}")
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Passed:
    """A link that was passed over: which one, why, and after how many milliseconds."""

    model: str
    kind: FailureKind
    detail: str
    after_ms: int
    withdrawn: bool = False  # text of it was shown, and taken back

    def as_json(self) -> dict[str, JsonValue]:
        """For an answer's metadata."""
        found: dict[str, JsonValue] = {
            "model": self.model,
            "reason": self.kind.value,
            "detail": self.detail,
            "after_ms": self.after_ms,
        }
        if self.withdrawn:
            found["withdrawn"] = True
        return found


class NoModelLeft(Unavailable):
    """Every model that could be asked failed. `grounded` says that the embedded engine is the next
    link; without it this is what the caller sees (MODEL_UNAVAILABLE)."""

    reason = Reason.MODEL_UNAVAILABLE

    def __init__(
        self, passed: Sequence[Passed], *, grounded: bool, retry_after_s: float | None = None
    ) -> None:
        tried = "; ".join(f"{one.model}: {one.detail}" for one in passed) or "none is configured"
        super().__init__(f"no model answered ({tried})", retry_after_s=retry_after_s)
        self.passed = tuple(passed)
        self.grounded = grounded


def failure_of(error: Exception) -> LinkFailure:
    """What a provider's exception means. Knows HTTP, and no provider."""
    if isinstance(error, LinkFailure):
        return error
    status = _status(error)
    name = type(error).__name__
    if status is None:
        lost = ("connect", "network", "protocol", "read", "dns", "ssl", "closed", "remote")
        if isinstance(error, OSError) or any(part in name.casefold() for part in lost):
            return LinkFailure(FailureKind.UNREACHABLE, f"connection failed ({name})")
        return LinkFailure(FailureKind.ERROR, f"failed ({name})")
    wait = _retry_after(error)
    if status == 429:
        detail = "429, rate limited" + (f", retry after {wait:g} s" if wait is not None else "")
        return LinkFailure(FailureKind.RATE_LIMITED, detail, status=status, retry_after_s=wait)
    if status >= 500 or status == 408:
        return LinkFailure(
            FailureKind.SERVER, f"{status}, server error", status=status, retry_after_s=wait
        )
    return LinkFailure(FailureKind.REFUSED, f"{status}, {_refusal(status)}", status=status)


def _refusal(status: int) -> str:
    match status:
        case 401 | 403:
            return "the key was not accepted"
        case 402:
            return "the account has no credit"
        case 404:
            return "no such model or address"
        case 413:
            return "the request is too large"
        case _:
            return "the request was refused"


def _status(error: Exception) -> int | None:
    """The HTTP status that an exception carries, as the usual clients have it."""
    found: object = getattr(error, "status_code", None) or getattr(error, "code", None)
    response: Any = getattr(error, "response", None)
    if not isinstance(found, int):
        found = getattr(response, "status_code", None)
    if not isinstance(found, int) and isinstance(response, Mapping):
        metadata: Any = response.get("ResponseMetadata")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        found = metadata.get("HTTPStatusCode") if isinstance(metadata, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found if isinstance(found, int) and 400 <= found < 600 else None


def _retry_after(error: Exception) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3: seconds or a date), at most an hour."""
    response: Any = getattr(error, "response", None)
    headers: Any = getattr(response, "headers", None)
    if headers is None:
        return None
    exact, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if exact is not None:
            seconds = float(exact) / 1000
        elif value is not None:
            seconds = float(value)
        else:
            return None
    except ValueError:
        try:
            at = parsedate_to_datetime(str(value))
        except ValueError:
            return None
        seconds = (at.astimezone(UTC) - datetime.now(UTC)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MOST_WAIT_S)
