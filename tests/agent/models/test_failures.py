"""What a provider's exception means, and that nothing secret of it is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from enhanced_prompt_service.agent.models import FailureKind
from enhanced_prompt_service.agent.models.failures import MOST_WAIT_S, failure_of


class ProviderError(Exception):
    """As the usual clients raise them."""

    def __init__(self, **fields: Any) -> None:
        super().__init__("Incorrect API key provided: sk-secret. Prompt was: who is at the gate")
        for name, value in fields.items():
            setattr(self, name, value)


class ReadTimeout(Exception):
    """As HTTP clients raise it."""


def answered(status: int, **headers: str) -> ProviderError:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return ProviderError(status_code=status, response=SimpleNamespace(headers=named))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered(429), FailureKind.RATE_LIMITED),
        (answered(500), FailureKind.SERVER),
        (answered(529), FailureKind.SERVER),
        (answered(408), FailureKind.SERVER),
        (answered(401), FailureKind.REFUSED),
        (answered(402), FailureKind.REFUSED),
        (answered(404), FailureKind.REFUSED),
        (answered(413), FailureKind.REFUSED),
        (answered(422), FailureKind.REFUSED),
        (ProviderError(response=SimpleNamespace(status_code=503)), FailureKind.SERVER),
        (
            ProviderError(response={"ResponseMetadata": {"HTTPStatusCode": 429}}),
            FailureKind.RATE_LIMITED,
        ),
        (ConnectionResetError(), FailureKind.UNREACHABLE),
        (TimeoutError(), FailureKind.UNREACHABLE),
        (ReadTimeout(), FailureKind.UNREACHABLE),
        (ProviderError(), FailureKind.ERROR),
        (ProviderError(code="invalid_api_key"), FailureKind.ERROR),
        (ValueError("No generation chunks were returned"), FailureKind.ERROR),
    ],
)
def test_a_failure_has_a_kind_and_no_secret(error: Exception, kind: FailureKind) -> None:
    found = failure_of(error)
    assert found.kind is kind
    assert "secret" not in str(found)
    assert "gate" not in str(found)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after_ms": "250", "retry_after": "1"}, 0.25),
        ({"retry_after": "-5"}, 0),
        ({"retry_after": "1e9"}, MOST_WAIT_S),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_within_reason(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert failure_of(answered(429, **headers)).retry_after_s == seconds


def test_retry_after_may_be_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert failure_of(answered(503, retry_after=at)).retry_after_s == pytest.approx(60, abs=10)
