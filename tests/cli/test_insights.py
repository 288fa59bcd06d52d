"""`eps insights` and its commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt import Client, Insight, PublishInsightRequest
from enhanced_prompt.v1 import common_pb2, insights_pb2

from .conftest import Eps, Service


@pytest.fixture
def noticed(service: Service) -> Insight:
    """One insight that is open."""
    return publish(service, "gate", "high")


def publish(service: Service, key: str, severity: str) -> Insight:
    window = common_pb2.TimeRange()
    window.start_time.FromDatetime(datetime(2018, 3, 15, 12, tzinfo=UTC))
    window.end_time.FromDatetime(datetime(2018, 3, 15, 13, tzinfo=UTC))
    expiry = Timestamp()
    expiry.FromDatetime(datetime(2190, 1, 1, tzinfo=UTC))
    with Client(service.address) as client:
        return client.publish_insight(
            PublishInsightRequest(
                insight_type=insights_pb2.INSIGHT_TYPE_SECURITY_ANOMALY,
                severity=insights_pb2.Severity.Value(f"SEVERITY_{severity.upper()}"),
                title=f"Somebody at the {key}",
                message="Nobody should be there.",
                window=window,
                dedupe_key=key,
                affected_cameras=["G1"],
                expires_at=expiry,
            )
        ).insight


def test_following_prints_what_is_told_from_a_moment_on(
    eps: Eps, service: Service, noticed: Insight
) -> None:
    publish(service, "mild", "low")
    result = eps(
        *("insights", "--follow", "--min-severity", "high", "--since", "1h", "-n", "1"),
        *("--first", "--time-zone", "UTC"),
    )
    assert result.exit_code == 0
    assert "high      created: Somebody at the gate · G1" in result.stdout
    assert "Nobody should be there." in result.stdout
    assert f"{noticed.insight_id} · gate" in result.stdout
    assert "mild" not in result.stdout


def test_following_as_json_gives_a_token_with_each_entry(eps: Eps, noticed: Insight) -> None:
    result = eps("insights", "-f", "--since", "1h", "-n", "1", "-o", "json")
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert told["revision"]["insight"]["insight_id"] == noticed.insight_id
    assert told["resume_token"]


def test_a_name_goes_on_where_it_was(eps: Eps, service: Service) -> None:
    with Client(service.address) as client:
        earliest = next(client.insights(since=datetime(2020, 1, 1, tzinfo=UTC))).resume_token
        client.commit_subscription("shift", earliest)
    publish(service, "shift-1", "critical")
    told: list[str] = []
    while "shift-1" not in told:  # others were told before it
        line = eps("insights", "-f", "--name", "shift", "-n", "1", "-o", "json").stdout
        told.append(json.loads(line)["revision"]["insight"]["dedupe_key"])
    assert len(told) == told.index("shift-1") + 1


def test_lists_show_what_is_open_and_what_was_noted(eps: Eps, noticed: Insight) -> None:
    listed = eps("insights", "--camera", "G1", "-n", "0", "--time-zone", "UTC").stdout
    assert noticed.insight_id in listed
    assert "2018-03-15 12:00" in listed
    noted = eps("insights", "ack", noticed.insight_id, "--false-alarm", "--note", "a fox")
    assert f"{noticed.insight_id} is acknowledged" in noted.stdout
    assert noticed.insight_id not in eps("insights", "-n", "0").stdout
    listed = eps("insights", "list", "--status", "acknowledged", "-n", "0", "-o", "json").stdout
    (again,) = [
        one
        for one in map(json.loads, listed.splitlines())
        if one["insight_id"] == noticed.insight_id
    ]
    assert again["acknowledgement"]["note"] == "a fox"
    shown = json.loads(eps("insights", "show", noticed.insight_id).stdout)
    assert shown["acknowledgement"]["verdict"] == "INSIGHT_VERDICT_FALSE_ALARM"
    eps("insights", "ack", noticed.insight_id, "--useful")


def test_a_mute_silences_until_it_is_lifted(eps: Eps, service: Service) -> None:
    publish(service, "noisy", "high")
    muted = eps("insights", "mute", "noisy", "--for", "2h")
    assert "noisy is silent until" in muted.stdout
    assert "1 open" in muted.stdout
    assert "noisy" not in eps("insights", "-n", "0").stdout
    assert "noisy" in eps("insights", "--muted", "-n", "0").stdout
    assert "noisy is told again" in eps("insights", "mute", "noisy", "--off").stdout
    assert "noisy" in eps("insights", "-n", "0").stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--first",), "--follow"),
        (("-f", "--since", "1h", "--name", "x"), "--since"),
        (("mute", "k", "--for", "soon"), "duration"),
        (("ack", "i", "--useful", "--false-alarm"), "not both"),
    ],
)
def test_a_wrong_command_line_is_said_so(eps: Eps, arguments: tuple[str, ...], word: str) -> None:
    result = eps("insights", *arguments)
    assert result.exit_code == 2
    assert word in result.stderr


def test_what_the_service_refuses_is_one_line(eps: Eps) -> None:
    result = eps("insights", "show", "nobody")
    assert result.exit_code == 1
    assert "was not found" in result.stderr
