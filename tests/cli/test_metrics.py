"""`eps metrics`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from enhanced_prompt import Client

from .conftest import Eps, Service


def test_how_the_service_is_doing_is_said(eps: Eps, service: Service) -> None:
    with Client(service.address) as client:
        client.answer("hello")
    said = eps("metrics")
    assert said.exit_code == 0, said.stderr
    assert "requests/s" in said.stdout
    assert "1 replicas" in said.stdout
    assert "PromptService/Answer OK" in said.stdout
    found = json.loads(eps("metrics", "-o", "json").stdout)
    assert int(found["metrics"]["total_requests"]) >= 2
    assert found["recent_requests"][0]["method"] == "MetricsService/GetMetrics"
    only = json.loads(eps("metrics", "-o", "json", "-m", "openai:a").stdout)
    assert "recent_requests" not in only


def test_watching_goes_on_until_it_is_interrupted(service: Service) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "metrics", "-w", "-o", "json"],
        env={**os.environ, "EPS_SERVER": service.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        kinds: list[str] = []
        for line in process.stdout:
            (kind,) = set(json.loads(line)) - {"time", "sequence"}
            kinds.append(kind)
            if kind == "update":
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert kinds[0] == "snapshot"
    assert "Traceback" not in said
