"""`eps simulate`: history once, live on top, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from enhanced_prompt import Client
from enhanced_prompt_service.domain.times import Interval
from enhanced_prompt_service.sources.checkpoints import Checkpoint, Checkpoints
from enhanced_prompt_service.sources.simulate import SHIPPED, SimulatedSite

from .conftest import Eps, Service
from .test_import import wait_for

CLOCK = "2026-03-02T12:00:00+00:00"
NOW = datetime.fromisoformat(CLOCK)
WEEK = Interval(NOW - timedelta(weeks=1), NOW)


@pytest.fixture
def eps_fresh(eps_of: Callable[[Service], Eps], fresh_service: Service) -> Eps:
    """`eps`, calling a service with an empty database."""
    return eps_of(fresh_service)


def test_history_is_sent_once_and_a_later_start_sends_what_is_missing(
    eps_fresh: Eps, fresh_service: Service
) -> None:
    site = SimulatedSite(plan=SHIPPED)
    made = [one for one in site.events(WEEK) if one.end_time and one.end_time <= NOW]

    first = eps_fresh("simulate", "--once", "--weeks", "1", "--clock", CLOCK)
    later = eps_fresh("simulate", "--once", "--weeks", "1", "--clock", "2026-03-02T14:00:00+00:00")

    assert first.exit_code == 0, first.stderr
    assert first.stdout == f"simulated history: {len(made):,} rows · {len(made):,} created\n"
    span = Interval(NOW - timedelta(hours=1), NOW + timedelta(hours=2))
    resent = [one for one in site.events(span) if one.end_time and one.end_time <= span.end]
    assert later.stdout.startswith(f"simulated history: {len(resent):,} rows")
    with Client(fresh_service.address) as client:
        ended = [
            one
            for one in site.events(Interval(WEEK.start, span.end))
            if one.end_time and one.end_time <= span.end
        ]
        assert client.count_events().total.matches == len(ended)
        assert client.get_site(site.site().site_id).simulated
        coverage = list(client.list_cameras(as_of=NOW))
        assert all(camera.HasField("coverage_known_range") for camera in coverage)


def test_clip_links_lead_to_where_the_gateway_is_and_nowhere_without_one(
    eps_fresh: Eps, fresh_service: Service
) -> None:
    def template_after(*more: str) -> str:
        sent = eps_fresh("simulate", "--once", "--weeks", "0", "--clock", CLOCK, *more)
        assert sent.exit_code == 0, sent.stderr
        with Client(fresh_service.address) as client:
            return client.get_site(SimulatedSite().site().site_id).clip_url_template

    path = "/v1/events/{event_id}/clip"
    assert template_after("--public-url", "http://127.0.0.1:8081/") == (
        f"http://127.0.0.1:8081{path}"
    )
    assert template_after() == ""
    for wrong in ("ftp://x", "127.0.0.1:8080", "http://a b", "http://{x}"):
        refused = eps_fresh("simulate", "--once", "--public-url", wrong)
        assert refused.exit_code == 2
        assert "no http or https address" in refused.stderr


def test_a_database_that_does_not_hold_what_was_noted_gets_the_whole_history(
    eps_fresh: Eps, fresh_service: Service, client_home: Path
) -> None:
    site = SimulatedSite(plan=SHIPPED)
    note = Checkpoint(moment=CLOCK)
    Checkpoints(client_home / "imports").put(f"{site.fingerprint}\n{fresh_service.address}", note)
    made = sum(1 for one in site.events(WEEK) if one.end_time and one.end_time <= NOW)

    sent = eps_fresh("simulate", "--once", "--weeks", "1", "--clock", CLOCK)

    assert sent.stdout == f"simulated history: {made:,} rows · {made:,} created\n"


def test_live_events_follow_until_it_is_told_to_end(fresh_service: Service, tmp_path: Path) -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-m", "enhanced_prompt_service.cli", "simulate", "--weeks", "0"],
            env={
                **os.environ,
                "EPS_SERVER": fresh_service.address,
                "EPS_HOME": str(tmp_path / "home"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        Client(fresh_service.address) as client,
    ):
        now = datetime.now(UTC)
        wait_for(
            lambda: any(
                camera.HasField("coverage_known_range") for camera in client.list_cameras(as_of=now)
            )
        )
        process.send_signal(signal.SIGTERM)
        said, complaint = process.communicate(timeout=30)
    assert process.returncode == 0, complaint
    assert "goes on live" in said


def test_what_goes_wrong_on_purpose_is_written_beside_it(eps_fresh: Eps, client_home: Path) -> None:
    eps_fresh("simulate", "--once", "--weeks", "1", "--clock", CLOCK)

    told = json.loads((client_home / "simulated-incidents.json").read_text())["incidents"]

    site = SimulatedSite(plan=SHIPPED)
    truth = site.truth_of(Interval(WEEK.start, NOW + timedelta(weeks=1)))
    assert [(one["kind"], one["start_time"]) for one in told] == [
        (one.kind.value, one.interval.start.isoformat()) for one in truth
    ]
    assert len(truth) >= 4
