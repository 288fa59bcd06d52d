"""`eps import`: files to a running service, and going on where it stopped."""

from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from enhanced_prompt import Client
from enhanced_prompt.v1.events_pb2 import COVERAGE_STATE_RECORDING

from .conftest import Eps, Service, run_service

AT = datetime(2018, 3, 15, 18, 0, tzinfo=UTC)
CATALOGUE = """
id = "depot"
name = "Depot"
time_zone = "Europe/Rome"

[[cameras]]
id = "gate-1"
name = "Gate"
aliases = ["front gate"]
"""


def rows(count: int, site: str = "yard", first: int = 0) -> list[dict[str, object]]:
    return [
        {
            "event_id": f"{site}-{number}",
            "start_time": (AT + timedelta(minutes=number)).isoformat(),
            "site": site,
            "camera_id": f"cam-{number % 3}",
            "event_type": "motion",
            "label": "person",
            "description": f"somebody number {number}",
        }
        for number in range(first, first + count)
    ]


def write(path: Path, found: list[dict[str, object]]) -> Path:
    text = "".join(json.dumps(one) + "\n" for one in found)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def stored(client: Client, site: str) -> int:
    return client.count_events(sites=[site]).total.matches


def test_json_lines_are_stored_and_counted(eps: Eps, client: Client, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl.gz", rows(7))

    result = eps("import", path, "--batch", 3)

    assert result.exit_code == 0
    assert result.stdout == "events.jsonl.gz: 7 rows · 7 created\n"
    assert stored(client, "yard") == 7


def test_a_second_import_sends_only_what_is_new(eps: Eps, client: Client, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", rows(4, "second"))
    eps("import", path)
    write(path, rows(6, "second"))

    again = eps("import", path)

    assert again.stdout == "events.jsonl: 2 rows · 2 created (went on at line 5)\n"
    assert stored(client, "second") == 6


def test_restart_sends_all_again_and_stores_nothing_twice(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "events.jsonl", rows(4, "restarted"))
    eps("import", path)

    again = eps("import", path, "--restart")

    assert again.stdout == "events.jsonl: 4 rows · 4 duplicates\n"
    assert stored(client, "restarted") == 4


def test_another_database_at_the_same_address_gets_everything(
    eps_of: Callable[[Service], Eps], tmp_path: Path, service: Service
) -> None:
    path = write(tmp_path / "events.jsonl", rows(4, "moved"))
    eps_of(service)("import", path)
    witness = tmp_path / "client" / "imports" / "witness.json"
    witness.write_text(json.dumps({service.address: "an-event-that-is-gone"}))

    again = eps_of(service)("import", path)

    assert "beginning again" in again.stderr
    assert "4 rows" in again.stdout


def test_bad_rows_are_rejected_one_by_one_with_their_line(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    found = rows(5, "bad")
    del found[1]["camera_id"]
    found[3]["confidence"] = 7
    path = write(tmp_path / "events.jsonl", found)

    result = eps("import", path)

    assert result.exit_code == 0
    assert result.stdout == "events.jsonl: 5 rows · 3 created · 2 rejected\n"
    assert f"{path}:2: camera_id" in result.stderr
    assert f"{path}:4: confidence" in result.stderr
    assert stored(client, "bad") == 3


def test_csv_with_a_mapping_coverage_and_a_catalogue(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    table = tmp_path / "events.csv"
    table.write_text(
        "key;when;cam;what happened\n"
        "a-1;2018-03-15 09:00;gate-1;gate_opened\n"
        "a-2;2018-03-15 09:30;gate-1;gate_closed\n"
    )
    clips = tmp_path / "clips.csv"
    clips.write_text("cam,from,last,state\ngate-1,2018-03-15 08:00,2018-03-15 12:00,recording\n")
    catalogue = tmp_path / "depot.toml"
    catalogue.write_text(CATALOGUE)

    result = eps(
        "import", table, "--coverage", clips, "--catalogue", catalogue, "--site", "depot",
        "--map", "event_id=key,start_time=when,event_type=what happened",
        "--coverage-map", "end_time=last",
    )  # fmt: skip

    assert result.exit_code == 0, result.stderr
    assert result.stdout == "clips.csv: 1 row · 1 created\nevents.csv: 2 rows · 2 created\n"
    (first, last) = client.list_events(sites=["depot"], order="oldest")
    assert first.start_time.ToDatetime(UTC) == datetime(2018, 3, 15, 8, 0, tzinfo=UTC)  # Rome
    assert last.event_type == "gate_closed"
    (camera,) = client.list_cameras(sites=["depot"], as_of=first.start_time.ToDatetime(UTC))
    assert (camera.name, camera.declared) == ("Gate", True)
    assert camera.state == COVERAGE_STATE_RECORDING


def test_a_site_with_a_zone_is_declared_where_nobody_did(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    found = rows(1, "")
    found[0] |= {"start_time": "2018-03-15T09:00:00", "event_id": "naive-1"}
    path = write(tmp_path / "events.jsonl", found)

    result = eps("import", path, "--site", "new-place", "--time-zone", "Asia/Tokyo")

    assert "declared site new-place" in result.stderr
    assert client.get_site("new-place").time_zone == "Asia/Tokyo"
    (event,) = client.list_events(sites=["new-place"])
    assert event.start_time.ToDatetime(UTC) == datetime(2018, 3, 15, 0, 0, tzinfo=UTC)


def test_rebase_moves_the_last_moment_to_just_before_now(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "events.jsonl", rows(3, "rebased"))

    eps("import", path, "--rebase", "--clock", "2026-07-01T12:00:00+00:00")

    (newest, *_) = client.list_events(sites=["rebased"])
    assert newest.start_time.ToDatetime(UTC) == datetime(2026, 6, 30, 18, 2, tzinfo=UTC)


def test_frigates_events_from_a_file(eps: Eps, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "frigate.json"
    common = {"camera": "drive", "label": "person", "start_time": AT.timestamp(), "zones": []}
    path.write_text(
        json.dumps(
            [
                {"id": "1.a", "end_time": None, "sub_label": ["Ann", 0.9], **common},
                {"id": "2.b", "end_time": AT.timestamp() + 9, "false_positive": True, **common},
            ]
        )
    )

    result = eps("import", "frigate", path, "--site", "home")

    assert result.stdout == "frigate.json: 2 rows · 1 created · 1 dropped\n"
    (event,) = client.list_events(sites=["home"])
    assert (event.camera_id, event.event_type, event.sub_label) == (
        "drive",
        "person_detected",
        "Ann",
    )


def test_onvif_notifications_from_a_file_are_events_with_their_ends(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "notifications.jsonl"
    common = {"Topic": "tns1:RuleEngine/CellMotionDetector/Motion",
              "PropertyOperation": "Changed", "Source": {"VideoSourceToken": "dome"}}  # fmt: skip
    rows = [
        {"UtcTime": AT.isoformat(), "Data": {"IsMotion": "true"}, **common},
        {"UtcTime": (AT + timedelta(seconds=4)).isoformat(), "Data": {"IsMotion": "false"},
         **common},
    ]  # fmt: skip
    path.write_text("\n".join(json.dumps(row) for row in rows))

    result = eps("import", "onvif", path, "--site", "dome")

    assert result.exit_code == 0, result.stderr
    (event,) = client.list_events(sites=["dome"])
    assert (event.camera_id, event.event_type) == ("dome", "cell_motion_detector_motion")
    assert event.end_time.ToDatetime(UTC) - event.start_time.ToDatetime(UTC) == timedelta(seconds=4)
    assert eps("import", "onvif", path).exit_code == 2


def test_frigates_api_is_asked_once_where_nobody_follows_it(eps: Eps, client: Client) -> None:
    found = [
        {"id": "9.z", "camera": "porch", "label": "dog", "zones": ["step"], "data": {},
         "start_time": AT.timestamp(), "end_time": AT.timestamp() + 3}
    ]  # fmt: skip
    asked: list[str] = []

    class Frigate(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Frigate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            result = eps(
                "import", "frigate", url, "--site", "cabin", "--since", "2018-03-15T00:00Z"
            )
        finally:
            server.shutdown()
            thread.join()

    assert result.exit_code == 0, result.stderr
    assert "1 created" in result.stdout
    (event,) = client.list_events(sites=["cabin"])
    assert (event.event_type, list(event.zones)) == ("dog_detected", ["step"])
    assert asked[0].startswith("/api/events?")


def test_a_frigate_that_is_away_is_an_error(eps: Eps, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    result = eps("import", "frigate", url, "--site", "cabin")
    assert result.exit_code == 1
    assert url in result.stderr


def test_the_bar_is_for_terminals_alone(service: Service, client: Client, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", rows(20, "shown"))
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "import", str(path), "--batch", "2"],
        env={**os.environ, "EPS_SERVER": service.address, "EPS_HOME": str(tmp_path / "home"),
             "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=other_end,
        text=True,
    ) as process:  # fmt: skip
        os.close(other_end)
        shown = b""
        with suppress(OSError):  # how the end of a terminal reads on Linux
            while piece := os.read(terminal, 65536):
                shown += piece
        assert process.stdout is not None
        said = process.stdout.read()
    os.close(terminal)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert b"events.jsonl" in shown
    assert said == "events.jsonl: 20 rows · 20 created\n"
    assert stored(client, "shown") == 20


def test_the_published_form_of_meva_brings_its_own_catalogue(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "meva"
    folder.mkdir()
    (folder / "2018-03-05.13-10-00.13-15-00.bus.G340.activities.yml").write_text("[]")

    result = eps("import", "meva", folder)

    assert result.exit_code == 0, result.stderr
    (camera,) = client.list_cameras(sites=["bus"])
    assert camera.camera_id == "G340"
    assert client.get_site("bus").time_zone == "America/Indiana/Indianapolis"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to import"),
        (["missing.jsonl"], "missing.jsonl does not exist"),
        (["frigate", "x.json"], "--site"),
        (["meva", "nowhere"], "one folder"),
        (["https://nvr:5000"], "frigate"),
        (["x.jsonl", "--follow", "--rebase"], "--follow"),
        (["x.jsonl", "--time-zone", "Mars/Olympus"], "--time-zone"),
        (["x.jsonl", "--since", "2h"], "--since"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_sent(
    eps: Eps, arguments: list[str], says: str
) -> None:
    result = eps("import", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_an_unknown_field_in_a_mapping_is_a_usage_error(eps: Eps, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", rows(1))
    result = eps("import", path, "--map", "colour=kind")
    assert result.exit_code == 2
    assert "colour" in result.stderr


def test_a_wrong_catalogue_names_each_wrong_key(eps: Eps, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", rows(1))
    catalogue = tmp_path / "site.toml"
    catalogue.write_text('id = "x"\ntime_zone = "Nowhere"\ncolour = 1\n')
    result = eps("import", path, "--catalogue", catalogue)
    assert result.exit_code == 2
    assert "time_zone" in result.stderr
    assert "colour" in result.stderr


def test_a_damaged_file_is_an_error_after_what_could_be_read(
    eps: Eps, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "events.jsonl.gz", rows(600, "damaged"))
    path.write_bytes(path.read_bytes()[:-200])
    result = eps("import", path, "--batch", 10)
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert 0 < stored(client, "damaged") < 600


def test_following_reads_what_is_added_until_it_is_told_to_end(
    service: Service, client: Client, tmp_path: Path
) -> None:
    path = write(tmp_path / "events.jsonl", rows(2, "followed"))
    with subprocess.Popen(
        [sys.executable, "-m", "enhanced_prompt_service.cli", "import", str(path), "--follow"],
        env={**os.environ, "EPS_SERVER": service.address, "EPS_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        notes = tmp_path / "home" / "imports"
        wait_for(lambda: stored(client, "followed") == 2 and any(notes.glob("*.json")))
        with path.open("a") as stream:
            stream.write(json.dumps(rows(1, "followed", 2)[0]) + "\n")
        wait_for(lambda: stored(client, "followed") == 3)
        process.send_signal(signal.SIGTERM)
        said, complaint = process.communicate(timeout=30)
    assert process.returncode == 0, complaint
    assert "3 created" in said or "2 created" in said


def wait_for(condition: Callable[[], bool]) -> None:
    """Asks until it holds; the test's own time-out ends it otherwise."""
    while not condition():
        time.sleep(0.02)


def test_a_service_that_goes_away_in_the_middle_is_code_3(
    eps_of: Callable[[Service], Eps], tmp_path: Path
) -> None:
    running = run_service(tmp_path / "server")
    service = next(running)
    path = write(tmp_path / "events.jsonl", rows(3))
    running.close()
    result = eps_of(service)("import", path)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
