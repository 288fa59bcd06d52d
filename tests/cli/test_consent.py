"""`eps consent`, against a service that asks for it and one that does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Eps, Service, run_service


@pytest.fixture
def asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eps_of: Callable[[Service], Eps]
) -> Iterator[Eps]:
    """`eps`, calling a service that asks for consent."""
    monkeypatch.setenv("EPS_CONSENT_POLICY", "2026-05")
    for service in run_service(tmp_path / "server"):
        yield eps_of(service)


def test_consent_is_shown_given_and_withdrawn(asking: Eps) -> None:
    eps = asking
    refused = eps("ask", "who came?")
    assert refused.exit_code == 1
    assert "2026-05" in refused.stderr
    assert "eps consent give" in refused.stderr
    assert eps("consent").stdout == "policy 2026-05: not given (asked for)\n"
    assert eps("consent", "give").exit_code == 1  # nobody answers the question
    given = eps("consent", "give", "--yes")
    assert given.stdout == "policy 2026-05: given (asked for)\n"
    assert eps("ask", "who came?").exit_code == 0
    assert eps("consent", "give", "2019", "--yes").exit_code == 1
    assert eps("consent", "withdraw").exit_code == 1
    withdrawn = eps("consent", "withdraw", "--yes")
    assert withdrawn.stdout == "policy 2026-05: withdrawn (asked for)\n"
    assert eps("ask", "who came?").exit_code == 1
    shown = eps("consent", "show", "--time-zone", "UTC").stdout.splitlines()
    assert "withdrawn" in shown[0]
    assert [line.split()[-2:] for line in shown if line.rstrip().endswith(" 2026-05")] == [
        ["withdrawn", "2026-05"],
        ["given", "2026-05"],
    ]
    found = json.loads(eps("consent", "show", "-o", "json").stdout)
    assert found["state"] == "CONSENT_STATE_WITHDRAWN"


def test_where_none_is_asked_for_a_version_has_to_be_named(eps: Eps) -> None:
    assert eps("consent").stdout == "consent is not asked for here, and you never gave any\n"
    refused = eps("consent", "give", "--yes")
    assert refused.exit_code == 1
    assert "asks for no consent" in refused.stderr
    given = eps("consent", "give", "ours-1", "--yes")
    assert given.stdout == "policy ours-1: given (not asked for)\n"
    assert eps("ask", "who came?").exit_code == 0
