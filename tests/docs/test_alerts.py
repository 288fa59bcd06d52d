"""The alert rules name what the service really exports."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from enhanced_prompt_service.domain.answers import ModelUsage
from enhanced_prompt_service.domain.dependencies import Dependencies
from enhanced_prompt_service.domain.metrics import EndedCall, EndedModelCall, EndedTurn
from enhanced_prompt_service.domain.turns import TurnState
from enhanced_prompt_service.metrics import Reading, Recorder
from tests.support.binaries import ROOT

ALERTS = ROOT / "docs" / "alerts.yml"
TABLE = ROOT / "docs" / "metrics.md"
_WORDS = frozenset({"absent", "by", "histogram_quantile", "increase", "min", "rate", "sum"})


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load(ALERTS.read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def registry() -> CollectorRegistry:
    """One in which everything happened."""
    parts = Dependencies(lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: 0.0)
    parts.add("storage")
    recorder = Recorder(replica="0-abc", version="1.2", dependencies=parts)
    recorder.call_ended(EndedCall("/a.B/C", "INTERNAL", 0.2, reason="INTERNAL"))
    used = ModelUsage("openai:a", "provider", input_tokens=3, output_tokens=4, cost=0.5)
    recorder.model_ended(EndedModelCall("openai:a", 1.0, 0.5, used))
    recorder.model_ended(EndedModelCall("openai:a", 1.0, None, None, "server_error"))
    recorder.turn_ended(EndedTurn("t", TurnState.COMPLETED, 1.0, 0.5, "openai:a", (used,)))
    # What `app.metering` reads; tests/integration holds these names to the real application.
    for name in ("eps_turns_running", "eps_turn_log_bytes", "eps_calls_open"):
        recorder.show(Reading(name, "Now.", lambda: 1.0))
    for name in ("eps_hot_memory_hits", "eps_hot_memory_misses"):
        recorder.show(Reading(name, "So far.", lambda: 1.0, counts=True))
    return recorder.registry


def samples() -> dict[str, set[str]]:
    """Labels of all samples, by their names."""
    found: dict[str, set[str]] = {}
    for family in registry().collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_rule_says_when_how_bad_and_what() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 8
    for rule in rules():
        assert rule["expr"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_metric_and_label_of_a_rule_is_exported(rule: dict[str, Any]) -> None:
    exported = samples()
    bare = re.sub(r'"[^"]*"|\[[^]]*\]', "", rule["expr"])
    grouped = {
        label.strip()
        for inside in re.findall(r"by \(([^)]*)\)", bare)
        for label in inside.split(",")
    }
    matched = set(re.findall(r"(\w+)\s*=", bare))
    bare = re.sub(r"by \([^)]*\)|\{[^}]*\}", "", bare)
    names = set(re.findall(r"[a-z_]\w*", bare)) - _WORDS
    assert names, rule["expr"]
    assert names <= set(exported), names - set(exported)
    labels = set[str]().union(*(exported[name] for name in names))
    assert grouped | matched <= labels
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= grouped


def test_the_table_names_every_family_and_nothing_else() -> None:
    exported = {family.name for family in registry().collect()}
    text = TABLE.read_text().partition("## Prometheus")[2].partition("Alert rules")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name.removesuffix("_total") for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == exported


def test_the_exposition_is_readable() -> None:
    text = generate_latest(registry()).decode()
    assert 'gen_ai_client_token_usage_bucket{gen_ai_operation_name="chat"' in text
    assert 'gen_ai_token_type="input",le="4.0"} 1.0' in text
    assert 'gen_ai_token_type="input",le="1.0"} 0.0' in text
