"""The first of the two commands: what a newcomer sees, and what is left afterwards."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.binaries import ROOT
from tests.support.postgres import free_port
from tests.support.running import RunningSite, running_site

NAMES = ("serve", "gateway", "simulate")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """One service that several tests look at."""
    with running_site(tmp_path_factory.mktemp("run") / "a home", free_port()) as site:
        yield site


def _stored_events(home: Path) -> int:
    with sqlite3.connect(f"file:{home / 'eps.db'}?mode=ro", uri=True) as database:
        return int(database.execute("SELECT count(*) FROM events").fetchone()[0])


def test_the_line_that_it_prints_to_try_works(site: RunningSite) -> None:
    [ask] = [line.strip() for line in site.said if "eps ask" in line]
    asked = subprocess.run(shlex.split(ask), cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    assert "Loading Dock" in asked.stdout


def test_the_curl_line_that_it_prints_streams_an_answer(site: RunningSite) -> None:
    [line] = [line.strip() for line in site.said if line.strip().startswith("curl")]
    words = shlex.split(line)
    url, body = next(one for one in words if one.startswith("http")), words[-1]
    with httpx.stream("POST", url, content=body, timeout=30) as answered:
        assert answered.headers["content-type"] == "text/event-stream"
        last = list(answered.iter_lines())[-2]
    closing = json.loads(last.removeprefix("data: "))["turn"]["completed"]
    assert "Loading Dock" in closing["response"]["response"]


def test_a_clip_link_of_an_answer_opens_a_picture(site: RunningSite) -> None:
    [line] = [line for line in site.said if line.startswith("Gateway at ")]
    asked = httpx.get(f"{line.split()[2]}/v1/events", params={"page_size": "1"}).json()
    event_id = asked["events"][0]["event_id"]
    [curl] = [line.strip() for line in site.said if line.strip().startswith("curl")]
    url = next(one for one in shlex.split(curl) if one.startswith("http"))
    body = {"query": "what happened yesterday?"}
    answer = httpx.post(url.replace("/v1/ask", "/v1/answer"), json=body, timeout=30).json()
    links = answer["turn"]["completed"]["response"]["clip_links"]
    assert links
    for link in (links[0], f"{line.split()[2]}/v1/events/{event_id}/clip"):
        assert "SIMULATION" in httpx.get(link).text


def test_the_page_that_it_prints_is_the_web_app_where_that_was_built(site: RunningSite) -> None:
    built = ROOT / "clients" / "web" / "dist" / "index.html"
    pages = [line.strip() for line in site.said if re.fullmatch(r"\s+http://[\w.:]+/", line)]
    assert bool(pages) == built.exists()
    for page in pages:
        answered = httpx.get(page, headers={"accept": "text/html"})
        assert answered.text == built.read_text(encoding="utf-8")


def test_a_taken_port_moves_to_the_next_free_one_and_is_printed(
    site: RunningSite, tmp_path: Path
) -> None:
    port = int(site.address.rpartition(":")[2])
    with running_site(tmp_path, port) as second:
        assert second.address != site.address
        assert any(second.address in line for line in second.said if "eps ask" in line)
        record = json.loads((tmp_path / "server.json").read_text())
    assert record["address"] == second.address


def test_a_second_run_of_the_same_home_says_where_the_first_one_is(site: RunningSite) -> None:
    refused = subprocess.run(
        [sys.executable, "scripts/run.py"],
        cwd=ROOT,
        env={**os.environ, "EPS_HOME": str(site.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert site.address in refused.stderr


def test_ctrl_c_ends_all_children_and_a_later_run_goes_on_with_the_data(tmp_path: Path) -> None:
    port = free_port()
    with running_site(tmp_path, port) as first:
        pids = [int((tmp_path / f"{name}.pid").read_text()) for name in NAMES]
        children = [psutil.Process(pid) for pid in pids]
        eps = str(Path(sys.executable).with_name("eps"))
        subprocess.run([eps, "ask", "--server", first.address, "what happened?"], check=True)
        status, rest = first.interrupt()
    assert status == 0
    assert "Ask: OK" in rest
    assert "Stopped." in rest
    assert not any(child.is_running() for child in children)
    assert not (tmp_path / "server.json").exists()

    stored = _stored_events(tmp_path)
    with running_site(tmp_path, port) as second:
        [history] = [line for line in second.said if "simulated history:" in line]
        second.interrupt()
    sent = int(history.split(":")[1].split()[0].replace(",", ""))
    # The last hour's events come again, since they may have ended meanwhile; all would be `stored`.
    assert stored > 10_000
    assert sent < 1_000
    assert _stored_events(tmp_path) < stored + 1_000
