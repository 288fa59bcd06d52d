"""`eps insights replay` and `eps insights detect`, with no server."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from enhanced_prompt_service.cli.app import app as command

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def eps(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(
        command,
        ["insights", *(str(one) for one in arguments)],
        env={"EPS_HOME": str(home), "EPS_DATABASE_URL": None, "EPS_CLOCK": None, "COLUMNS": "200"},
    )


def written(tmp_path: Path, header: str = "timestamp,value") -> Path:
    lines = [header]
    for number in range(14 * 96):
        at = MONDAY + number * timedelta(minutes=15)
        value = 400 if number == 14 * 96 - 4 else 20 + number % 3
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{value}")
    path = tmp_path / "series.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_row_of_a_file_gets_a_score_on_standard_output(tmp_path: Path) -> None:
    result = eps(tmp_path, "detect", written(tmp_path))
    assert result.exit_code == 0, result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 14 * 96
    assert rows[0] == {
        "timestamp": "2026-03-02 00:00:00",
        "value": "20",
        "expected": "",
        "score": "0.0000",
    }
    assert max(rows, key=lambda row: float(row["score"]))["value"] == "400"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,number\n1,2\n", "names no columns timestamp and value"),
        ("timestamp,value\n", "needs at least two rows"),
        ("timestamp,value\n2026-03-02T00:00,1\nsoon,2\n", "line 3: timestamp 'soon'"),
        ("timestamp,value\n2026-03-02T00:00,1\n2026-03-02T01:00,nan\n", "line 3: value 'nan'"),
        ("timestamp,value\n2026-03-02T00:00\n2026-03-02T01:00,1\n", "line 2: value ''"),
    ],
)
def test_a_file_that_is_no_series_is_refused_in_one_line(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    result = eps(tmp_path, "detect", path)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = eps(tmp_path, "detect", tmp_path / "nothing.csv")
    assert result.exit_code == 2
    assert "nothing.csv" in result.stderr


def test_a_replay_of_an_empty_database_says_that_nothing_is_there(tmp_path: Path) -> None:
    result = eps(tmp_path, "replay", "--database-url", f"sqlite:///{tmp_path}/eps.db")
    assert result.exit_code == 0, result.stderr
    assert "there are no cameras" in result.stdout
    assert "0 insights from 0 events" in result.stdout
